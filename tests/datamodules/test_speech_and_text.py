"""Speech beside text without pairs: what all such sets keep to, languages, and sound in pieces."""

import ctypes
import itertools
import math
import pickle
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import phoneme_speaker, spoken_phonemes
from datamodules.batches import SpeechAndText
from datamodules.contract import validate_batch
from datamodules.mel import write_wave
from datamodules.phoneme_language import (
    Decipherment,
    PrototypeSpeech,
    nearest_swap,
    pair_statistics,
)
from datamodules.phoneme_speaker import Spoken, plain_name
from datamodules.source import DataSource
from datamodules.speech_and_text import SILENCE, SpeechAndTextData
from datamodules.speech_features import (
    Components,
    changes,
    cluster_centres,
    clusters_of,
    cosine_transform,
    frames_of,
    pooled,
    slopes,
)
from datamodules.speech_folder import SpeechFolder
from datamodules.spoken_phonemes import SpokenPhonemes, in_frames, with_pauses

Make = Callable[..., Any]


def tone(hertz: float, seconds: float, rate: int = 16_000) -> torch.Tensor:
    return 0.3 * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def voice(seed: int, parts: int = 5) -> torch.Tensor:
    """Tones of 80 ms after one another."""
    own = np.random.default_rng(seed)
    return torch.cat([tone(float(hertz), 0.08) for hertz in own.uniform(200, 3000, parts)])


def folder(path: Path, count: int = 8, text: str = "a b | c\nb a c a\n", **options: Any) -> Any:
    sounds = path / "sounds"
    sounds.mkdir(exist_ok=True)
    for number in range(count):
        write_wave(sounds / f"{number}.wav", voice(number))
    (path / "text.txt").write_text(text * 4)
    own = {"clusters": 4, "dim": 3, "batch_size": 2, "held_out_share": 0.25, "seed": 3, **options}
    return SpeechFolder(str(sounds), str(path / "text.txt"), **own)


def small(kind: Any, **arguments: Any) -> Make:
    return lambda **options: kind(**{**arguments, "batch_size": 4, "seed": 3, **options})


SETS: dict[str, Make] = {
    "cipher": small(Decipherment, samples=40),
    "prototypes": small(PrototypeSpeech, samples=40),
    "frames": small(PrototypeSpeech, samples=40, frames=3),
}


@pytest.fixture(params=[*SETS, "folder"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "folder":
        return lambda **options: folder(tmp_path, **{"batch_size": 4, **options})
    return SETS[request.param]


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


# -- what all keep to ------------------------------------------------------------------------------


def test_batches_keep_their_contract_and_masks_are_beginnings(make: Make) -> None:
    data = make()
    data.prepare_data()
    data.setup("fit")
    speech, mask = data.utterances("train")
    for batch in data.train_dataloader():
        validate_batch(batch, SpeechAndText)
        assert torch.equal(batch["speech"], speech[batch["index_a"]])
        assert torch.equal(batch["speech_mask"], mask[batch["index_a"]])
        assert not batch["speech"][~batch["speech_mask"]].any()
        for tokens, there, place in zip(
            batch["tokens"], batch["token_mask"], batch["index_b"].tolist(), strict=True
        ):
            assert tokens[there].tolist() == data.text()[place] and not tokens[~there].any()
        for key in ("speech_mask", "token_mask"):
            ordered = batch[key].long().diff(dim=1)
            assert (ordered <= 0).all() and batch[key][:, 0].all()
    assert int(batch["tokens"].max()) < len(data.vocabulary)
    assert batch["speech"].shape[2] == data.features


def test_held_out_utterances_are_never_trained_on_and_their_transcripts_are_known(
    make: Make,
) -> None:
    data = make(held_out_share=0.25)
    train, held_out = (data.utterances(split)[0] for split in ("train", "held_out"))
    assert len(held_out) == round(0.25 * (len(train) + len(held_out))) and len(held_out) >= 2
    assert not any((one == other).all() for one in held_out for other in train)
    known = data.transcripts("held_out")
    assert known is None or len(known) == len(held_out)
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'; ask"):
        data.utterances("test")
    with pytest.raises(ValueError, match="held_out_share must hold out some of the .*, got 0.0"):
        make(held_out_share=0.0).utterances("held_out")


def test_ranks_together_see_what_one_process_sees(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(make(batch_size=4).train_dataloader())
    ranks = []
    for rank in (0, 1):
        monkeypatch.setattr(DataSource, "_rank_and_world_size", lambda self, rank=rank: (rank, 2))
        ranks.append(list(make(batch_size=2).train_dataloader()))
    assert len(whole) == len(ranks[0]) == len(ranks[1]) >= 2
    for one, *parts in zip(whole, *ranks, strict=True):
        assert same(one, {key: torch.cat([part[key] for part in parts]) for key in one})


def test_a_resumed_loader_goes_on_with_the_next_batch(make: Make) -> None:
    whole = make(batch_size=2).train_dataloader()
    expected = [batch for _ in range(2) for batch in whole]
    interrupted = make(batch_size=2).train_dataloader()
    for count, _ in enumerate(interrupted, 1):
        if count == 2:
            break
    resumed = make(batch_size=2).train_dataloader()
    resumed.load_state_dict(interrupted.state_dict())
    rest = [batch for _ in range(2) for batch in resumed]
    assert all(same(one, other) for one, other in zip(rest, expected[2:], strict=True))


def test_the_set_does_not_depend_on_the_seed_of_the_run_and_travels(make: Make) -> None:
    data, other = make(), make(seed=9, batch_size=2)
    assert data.fingerprint() == other.fingerprint() and len(data.fingerprint()) == 16
    assert make(held_out_share=0.4).fingerprint() != data.fingerprint()
    assert not same(
        next(iter(data.train_dataloader())), next(iter(make(seed=8).train_dataloader()))
    )
    validate_batch(data.preview(3), SpeechAndText)
    assert data.preview(3)["index_a"].tolist() == [0, 1, 2]
    part = data._training_set()
    again, item = pickle.loads(pickle.dumps(part)), (2, 1, 3, 0)
    assert same({key: value[None] for key, value in again[item].items()}, part.__getitems__([item]))
    with pytest.raises(ValueError, match="batch_size must be at most"):
        make(batch_size=100_000).setup("fit")


@pytest.mark.parametrize("option", ["mirror", "dequantize"])
def test_speech_is_not_treated_as_images(make: Make, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be false for speech, got True; set"):
        make(**{option: True})


# -- languages -------------------------------------------------------------------------------------


def test_speech_is_text_under_the_hidden_key_and_no_sentence_is_on_both_sides() -> None:
    data = Decipherment(samples=200, held_out_share=0.2)
    assert sorted(data.key.tolist()) == list(range(12)) and (data.key != np.arange(12)).all()
    for split in ("train", "held_out"):
        speech, mask = data.utterances(split)
        said = data.transcripts(split)
        for row, there, phonemes in zip(speech, mask, said, strict=True):
            assert row[there].argmax(1).tolist() == data.key[phonemes].tolist()
            assert row.sum(1).equal(there.float())
            assert phonemes not in data.text()
    lengths = {len(row) for row in data.text()}
    assert min(lengths) == 6 and max(lengths) == 12 and len(lengths) == 7
    assert all(one != other for row in data.text() for one, other in itertools.pairwise(row))


def test_a_phoneme_sounds_like_its_prototype_with_the_noise_that_was_asked_for() -> None:
    data = PrototypeSpeech(samples=200, noise=0.4, held_out_share=0.0)
    speech, mask = data.utterances("train")
    said = torch.tensor([number for row in data.transcripts("train") for number in row])
    rest = speech[mask] - torch.from_numpy(data.prototypes).float()[said]
    assert float(rest.std()) == pytest.approx(0.4, rel=0.02)
    assert abs(float(rest.mean())) < 0.01 and data.features == 16


def test_frames_of_a_phoneme_stand_in_a_row_and_joining_them_gives_the_transcript() -> None:
    data = PrototypeSpeech(samples=50, noise=0.0, frames=3, held_out_share=0.0)
    speech, mask = data.utterances("train")
    prototypes = torch.from_numpy(data.prototypes).float()
    times = []
    for row, there, phonemes in zip(speech, mask, data.transcripts("train"), strict=True):
        nearest = torch.cdist(row[there], prototypes).argmin(1).tolist()
        runs = [(number, len([*run])) for number, run in itertools.groupby(nearest)]
        assert [number for number, _ in runs] == phonemes
        times += [count for _, count in runs]
    assert set(times) == {1, 2, 3} and abs(np.mean(times) - 2.0) < 0.15


def test_no_other_reading_of_the_default_language_has_nearly_its_statistics() -> None:
    """By descent over exchanges of two phonemes, from the truth and from chance."""
    data = Decipherment()
    pairs, own = pair_statistics(data.first, data.following), np.arange(12)
    assert pairs.sum() == pytest.approx(1.0) and not pairs.diagonal().any()
    np.testing.assert_allclose(pairs.sum(0), pairs.sum(1), atol=1e-9)
    swaps = [np.array(own)[list(range(12))] for _ in range(66)]
    for swapped, (one, other) in zip(swaps, itertools.combinations(range(12), 2), strict=True):
        swapped[[one, other]] = other, one
    source = np.random.default_rng(0)

    def distance(order: Any) -> float:
        return float(np.abs(pairs - pairs[np.ix_(order, order)]).sum() / 2)

    nearest = min(map(distance, swaps))
    assert nearest > 0.05 and nearest_swap(data.first, data.following) >= nearest
    for _ in range(10):
        order = source.permutation(12)
        value = distance(order)
        while True:
            near = [(distance(order[swap]), tuple(order[swap])) for swap in swaps]
            best, next_order = min(pair for pair in near if pair[1] != tuple(own))
            if best >= value:
                break
            value, order = best, np.array(next_order)
        assert value > 0.05
    # Phonemes differ by more than how often they come: the statistics are no symmetric ones.
    assert float(np.abs(pairs - pairs.T).sum() / 2) > 0.5


def test_a_language_whose_phonemes_behave_alike_is_told_by_its_nearest_swap() -> None:
    uniform = (1 - np.eye(5)) / 4
    assert nearest_swap(np.full(5, 0.2), uniform) == pytest.approx(0.0, abs=1e-12)
    # Only the beginning tells the phonemes apart.
    assert nearest_swap(np.array([0.5, 0.2, 0.2, 0.05, 0.05]), uniform) == pytest.approx(0.0)
    first = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    assert nearest_swap(first, uniform) == pytest.approx(0.1)


def test_the_language_is_the_draw_of_its_seed() -> None:
    one, other = Decipherment(samples=40), Decipherment(samples=40, language_seed=1)
    assert one.fingerprint() != other.fingerprint() and one.name == "decipherment-12-12"
    assert PrototypeSpeech(samples=40).name == "prototype-speech-12-12-16"
    np.testing.assert_allclose(one.following.sum(1), 1.0)
    # Peaky: the likeliest follower has most of the probability on average.
    assert one.following.max(1).mean() > 0.4


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Decipherment, {"symbols": 2}, r"symbols must lie in 3\.\.26, got 2; set symbols: 12"),
        (Decipherment, {"symbols": 27}, r"symbols must lie in 3\.\.26, got 27"),
        (Decipherment, {"samples": 1}, "samples must be at least 2, got 1"),
        (Decipherment, {"length": 1}, "length must be at least 2, got 1"),
        (Decipherment, {"language_seed": -1}, "language_seed must be at least 0, got -1"),
        (PrototypeSpeech, {"noise": -0.1}, r"noise must lie in 0\.\.100, got -0.1"),
        (PrototypeSpeech, {"noise": math.nan}, "noise must lie in"),
        (PrototypeSpeech, {"dim": 0}, "dim must be at least 1, got 0"),
        (PrototypeSpeech, {"frames": 0}, r"frames must lie in 1\.\.100, got 0"),
        (SpokenPhonemes, {"sentences": "verses"}, "sentences must be numbers or names, got 'ver"),
        (
            SpokenPhonemes,
            {"boundaries": "none"},
            "boundaries must be phonemes or clusters, got 'none'",
        ),
        (SpokenPhonemes, {"voices": ()}, "voices must name a voice"),
        (SpokenPhonemes, {"rates": (20,)}, r"rates must be one or more of 80\.\.450"),
        (SpokenPhonemes, {"samples": 6000}, r"samples must lie in 2\.\.5000, got 6000"),
        (SpokenPhonemes, {"dim": 40}, r"dim must lie in 1\.\.39, got 40"),
        (SpokenPhonemes, {"clusters": 1}, r"clusters must lie in 2\.\.1000, got 1"),
    ],
)
def test_numbers_out_of_range_are_refused(kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_too_few_sentences_are_told() -> None:
    with pytest.raises(ValueError, match=r"samples must be at most half of the \d+ sentences"):
        Decipherment(symbols=3, length=2, samples=100, language_seed=1).prepare_data()


def test_a_set_without_speech_is_no_set() -> None:
    with pytest.raises(ValueError, match="class must be a data set, got 'SpeechAndTextData'"):
        SpeechAndTextData().prepare_data()
    with pytest.raises(ValueError, match="data must be cut into pieces by what is heard"):
        Decipherment(samples=4).hear(Path("x.wav"))


# -- from sound to pieces --------------------------------------------------------------------------


def test_the_cosine_transform_is_orthonormal_and_its_first_row_is_the_mean() -> None:
    table = cosine_transform(40, 40)
    torch.testing.assert_close(table @ table.T, torch.eye(40, dtype=torch.float64))
    torch.testing.assert_close(cosine_transform(3, 8)[0], torch.full((8,), 8**-0.5).double())


def test_slopes_of_a_line_are_its_slope() -> None:
    line = 3.0 * torch.arange(9.0)[None]
    torch.testing.assert_close(slopes(line)[0, 2:-2], torch.full((5,), 3.0))
    # At the end the last value is repeated: (1 * 3 + 2 * 6) / 10 ahead, nothing behind.
    assert float(slopes(line)[0, -1]) == pytest.approx((3.0 + 2 * 6.0) / 10)


def test_frames_are_standardised_and_know_when_a_sound_changes() -> None:
    sound = torch.cat([tone(300, 0.5), tone(2000, 0.5)]) + 0.001 * torch.randn(16_000)
    frames = frames_of(sound)
    assert frames.shape == (101, 39) and frames.dtype == np.float32
    np.testing.assert_allclose(frames.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(0), 1, atol=1e-4)
    first, second = frames[10:45, :13], frames[55:90, :13]
    assert np.abs(first.mean(0) - second.mean(0)).max() > 10 * first.std(0).min()
    centres = cluster_centres(frames[:, :13], 2)
    numbers = clusters_of(frames[:, :13], centres)
    assert len(set(numbers[5:46])) == len(set(numbers[55:96])) == 1 and numbers[10] != numbers[60]


def test_digital_silence_has_frames_of_zero() -> None:
    assert not frames_of(torch.zeros(4000)).any()


def test_clusters_are_found_and_are_the_same_every_time() -> None:
    own = np.random.default_rng(0)
    true = own.standard_normal((6, 3)) * 10
    rows = (true[np.arange(300) % 6] + 0.1 * own.standard_normal((300, 3))).astype(np.float32)
    centres = cluster_centres(rows, 6)
    assert np.array_equal(centres, cluster_centres(rows, 6))
    distance = np.linalg.norm(true[:, None] - centres[None], axis=2)
    assert sorted(distance.argmin(1)) == list(range(6)) and distance.min(1).max() < 0.1
    numbers = clusters_of(rows, centres)
    assert all(len(set(numbers[k::6])) == 1 for k in range(6))
    # More centres than different rows: some stand for nothing.
    assert np.isfinite(cluster_centres(np.zeros((5, 2), np.float32), 3)).all()


def test_changes_and_means_between_them() -> None:
    assert changes(np.array([4, 4, 2, 4, 4])).tolist() == [0, 2, 3]
    rows = np.array([[1.0], [3.0], [5.0], [7.0], [0.0]], np.float32)
    assert pooled(rows, np.array([0, 2, 3])).ravel().tolist() == [2.0, 5.0, 3.5]


def test_components_are_uncorrelated_of_variance_1_largest_first() -> None:
    own = np.random.default_rng(1)
    rows = (own.standard_normal((500, 4)) @ np.diag([5, 3, 1, 0.1])).astype(np.float32) + 2.0
    led = Components.of([rows[:200], rows[200:]], 3)(rows)
    np.testing.assert_allclose(np.cov(led, rowvar=False, bias=True), np.eye(3), atol=1e-3)
    assert [abs(np.corrcoef(led[:, k], rows[:, k])[0, 1]) > 0.98 for k in range(3)] == [True] * 3
    # The largest weight of each component is positive, wherever the solver put its sign.
    assert (led[np.arange(3), :].shape == (3, 3)) and np.corrcoef(led[:, 0], rows[:, 0])[0, 1] > 0


# -- synthesised speech ----------------------------------------------------------------------------


def said(*phonemes: str, words: tuple[int, ...] = (0,), sounding: bool = True) -> Spoken:
    starts = tuple(range(0, 1000 * len(phonemes), 1000))
    sound = np.repeat(np.arange(1.0, len(phonemes) + 1), 1000).astype(np.float32)
    return Spoken(sound if sounding else sound[:0], 22_050, phonemes, starts, words)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("'eI", "eI"),
        ("@2", "@"),
        (",aU", "aU"),
        ("_:", SILENCE),
        ("_", SILENCE),
        ("t#", "t"),
        (":", ""),
        ("':", ""),
        (";", ""),
        ("i:", "i:"),
    ],
)
def test_names_lose_stress_and_variant(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_pauses_stand_at_both_ends_once_and_behind_a_quarter_of_the_words() -> None:
    source = np.random.default_rng(0)
    with_end = with_pauses(said("n", "aI", "n", SILENCE), source)
    assert with_end.phonemes == (SILENCE, "n", "aI", "n", SILENCE)
    many = [with_pauses(said(*"abcdef", words=(0, 2, 4)), source) for _ in range(400)]
    assert all(one.phonemes[0] == one.phonemes[-1] == SILENCE for one in many)
    assert {"".join(p for p in one.phonemes if p != SILENCE) for one in many} == {"abcdef"}
    between = sum(one.phonemes.count(SILENCE) - 2 for one in many) / (2 * 400)
    assert abs(between - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 800)
    places = {p for one in many for p, n in enumerate(one.phonemes[1:-1]) if n == SILENCE}
    assert places <= {2, 4, 5}


def test_pauses_move_the_sound_and_its_starts_alike() -> None:
    one = with_pauses(said(*"ab", words=(0, 1)), np.random.default_rng(3))
    for place, name in enumerate(one.phonemes):
        end = (*one.starts[1:], len(one.sound))[place]
        level = {SILENCE: 0.0, "a": 1.0, "b": 2.0}[name]
        assert np.abs(one.sound[one.starts[place] : end] - level).max() < 0.01
        if name == SILENCE:
            assert 0.06 <= (end - one.starts[place]) / 22_050 <= 0.151
    # Hiss: digital silence has no logarithm.
    assert 0.0005 < one.sound[: one.starts[1]].std() < 0.002


def test_every_phoneme_has_a_frame_of_its_own_at_its_time() -> None:
    frames, names, starts = in_frames(said(*"abcd"))
    assert len(frames) == 1 + 4000 * 16_000 // 22_050 // 160 and names == list("abcd")
    assert starts == [0, 5, 9, 14]
    crowded = said(*"abc")._replace(starts=(0, 10, 20))
    assert in_frames(crowded)[2] == [0, 1, 2]
    late = said(*"abc")._replace(starts=(0, 2990, 2995))
    frames, _, starts = in_frames(late)
    assert starts == [0, len(frames) - 2, len(frames) - 1]
    assert in_frames(said(*"ab", sounding=False))[2] == [0, 0]


def fake_told(requests: Any, sounding: bool = True) -> list[Spoken]:
    """A synthesiser whose phonemes are letters, each a tone of its own."""
    spoken = []
    for _, text, _, rate, _ in requests:
        letters = text.replace(" ", "")
        ends = np.cumsum([len(word) for word in text.split()])
        size = round(0.08 * 22_050 * 160 / rate)
        tones = [tone(150 + 90 * (ord(c) - 97), size / 22_050, 22_050) for c in letters]
        sound = torch.cat(tones).numpy().astype(np.float32)
        starts = tuple(int(sum(len(t) for t in tones[:k])) for k in range(len(letters)))
        words = (0, *ends[:-1].tolist())
        one = Spoken(sound, 22_050, tuple(letters), starts, words)
        spoken.append(one if sounding else one._replace(sound=sound[:0]))
    return spoken


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phoneme_speaker, "told", fake_told)


def test_spoken_sentences_are_cached_and_pieces_are_phonemes(
    letters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"samples": 12, "batch_size": 2, "dim": 8, "held_out_share": 0.25}
    data = SpokenPhonemes(**options)
    validate_batch(data.preview(), SpeechAndText)
    assert data.vocabulary[0] == SILENCE and data.silence == 0 and data.features == 8
    for split in ("train", "held_out"):
        _, mask = data.utterances(split)
        rows = data.transcripts(split)
        assert mask.sum(1).tolist() == [len(row) for row in rows]
        assert all(row[0] == row[-1] == 0 and row not in data.text() for row in rows)
    words = data.decode(data.text()[:1])[0]
    assert words.startswith("SIL ") and words.endswith(" SIL")
    monkeypatch.setattr(phoneme_speaker, "told", None)
    assert SpokenPhonemes(**options).fingerprint() == data.fingerprint()
    assert data.name == "spoken-numbers-12" and data.attribution == "voice: eSpeak NG"
    with pytest.raises(ValueError, match="data must be cut into pieces by what is heard"):
        data.hear(Path("x.wav"))


def test_pieces_of_clusters_are_found_in_new_sound_too(letters: None, tmp_path: Path) -> None:
    data = SpokenPhonemes(samples=12, boundaries="clusters", clusters=16, dim=8, batch_size=2)
    speech, mask = data.utterances("train")
    assert speech.shape[2] == 8 and len(data.transcripts("train")) == len(speech)
    assert data.name == "spoken-numbers-12-clusters"
    write_wave(tmp_path / "new.wav", voice(1))
    heard, there = data.hear(tmp_path / "new.wav")
    assert heard.shape[0] == 1 and heard.shape[2] == 8 and there.all()
    assert 2 <= heard.shape[1] <= 40


def test_names_of_emoji_are_words_and_too_many_are_refused(letters: None) -> None:
    names = spoken_phonemes.emoji_names()
    assert "grinning face" in names and len(names) == len(set(names)) > 500
    assert all(name.replace(" ", "").isalpha() for name in names)
    with pytest.raises(ValueError, match=r"samples must be at most \d+ for names, got 5000; set"):
        SpokenPhonemes(sentences="names", samples=5000).prepare_data()


def test_the_synthesiser_tells_when_phonemes_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader")
    words = ["the cat sat on the mat", "two hundred and seventy three", "nine"]
    every = phoneme_speaker.tell_all([("X", text, "en-us", 160, 50) for text in words])
    cat, number, nine = every
    assert cat.phonemes[:6] == ("D", "@", "k", "a", "t", "s")
    assert [cat.phonemes[k] for k in cat.words] == ["D", "k", "s", "O", "m"]
    assert nine.phonemes == ("n", "aI", "n", SILENCE)
    for one in every:
        starts = np.array([*one.starts, len(one.sound)])
        seconds = np.diff(starts) / one.rate
        assert one.rate == 22_050 and (seconds > 0.003).all() and seconds.max() < 0.4
    assert len(number.phonemes) > 15
    quiet = phoneme_speaker.tell_all([("X", words[2], "en-us", 160, 50)], sounding=False)
    assert quiet[0].phonemes == nine.phonemes and not len(quiet[0].sound)


def test_events_look_like_starts() -> None:
    """The sound changes more where a phoneme begins than elsewhere."""
    pytest.importorskip("espeakng_loader")
    text = "seven thousand six hundred and fifty two"
    (one,) = phoneme_speaker.tell_all([("X", text, "en-us", 160, 50)])
    frames, _, starts = in_frames(one)
    change = np.linalg.norm(frames[2:, :13] - frames[:-2, :13], axis=1)
    inside = [place - 1 for place in starts[1:] if 1 <= place < len(change)]
    assert change[inside].mean() > 1.3 * change.mean()


def test_an_unknown_voice_is_refused_by_the_process_that_speaks() -> None:
    pytest.importorskip("espeakng_loader")
    with pytest.raises(ValueError, match="Mine: voices must be known to eSpeak NG, got 'nobody'"):
        phoneme_speaker.tell_all([("Mine", "one", "nobody", 160, 50)])


def test_the_event_is_laid_out_as_the_library_has_it() -> None:
    assert ctypes.sizeof(phoneme_speaker._Event) == 40


# -- the user's own files --------------------------------------------------------------------------


def test_lines_of_phonemes_get_their_pauses(tmp_path: Path) -> None:
    data = folder(tmp_path, text="a b | c\nb a c a\n")
    assert data.vocabulary == (SILENCE, "a", "b", "c") and data.name == "sounds-speech"
    text = data.decode(data.text())
    assert set(text[1::2]) == {"SIL b a c a SIL"}
    assert set(text[::2]) <= {"SIL a b c SIL", "SIL a b SIL c SIL"}
    assert data.transcripts("train") is None
    bare = folder(tmp_path, silence_share=None)
    assert bare.vocabulary == ("a", "b", "c") and bare.silence is None
    always = folder(tmp_path, silence_share=1.0)
    assert set(always.decode(always.text())[::2]) == {"SIL a b SIL c SIL"}


def test_words_are_read_out(tmp_path: Path, letters: None) -> None:
    data = folder(tmp_path, text="ab c\ncab\n", written="words", silence_share=0.0)
    assert set(data.decode(data.text())) == {"SIL a b c SIL", "SIL c a b SIL"}


def test_transcripts_serve_scores(tmp_path: Path) -> None:
    lines = "".join(f"{number}.wav a | b c\n" for number in range(8))
    (tmp_path / "said.txt").write_text(lines)
    data = folder(tmp_path, transcripts=str(tmp_path / "said.txt"))
    assert data.decode(data.transcripts("held_out")) == ["a b c"] * 2


def test_sounds_of_all_kinds_become_the_same(tmp_path: Path) -> None:
    """Rates are resampled, channels averaged, and 8 to 32 bits read."""
    data = folder(tmp_path)
    sound, length = voice(0), data.hear(tmp_path / "sounds" / "0.wav")[0].shape[1]
    for width in (1, 2, 3, 4):
        levels = (sound.double() * (2 ** (8 * width - 1) - 1)).round().long()
        stereo = levels[:, None].repeat(1, 2)
        raw = (stereo + 128 if width == 1 else stereo).numpy().astype("<i8")
        cut = raw.view(np.uint8).reshape(-1, 8)[:, :width]
        with wave.open(str(tmp_path / "other.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(width)
            file.setframerate(16_000)
            file.writeframes(cut.tobytes())
        heard, mask = data.hear(tmp_path / "other.wav")
        assert mask.all() and (width == 1 or abs(heard.shape[1] - length) <= 1)
    write_wave(tmp_path / "slow.wav", sound[::2], 8000)
    assert data.hear(tmp_path / "slow.wav")[0].shape[2] == 3


def broken(path: Path) -> None:
    (path / "sounds" / "3.wav").write_bytes(b"RIFFnothing")


def empty(path: Path) -> None:
    (path / "sounds" / "3.wav").write_bytes(b"")


def no_samples(path: Path) -> None:
    write_wave(path / "sounds" / "3.wav", torch.zeros(0))


def silent(path: Path) -> None:
    write_wave(path / "sounds" / "3.wav", torch.zeros(8000))


def short(path: Path) -> None:
    write_wave(path / "sounds" / "3.wav", tone(300, 0.05))


def long(path: Path) -> None:
    write_wave(path / "sounds" / "3.wav", tone(300, 61.0, 8000), 8000)


def slow(path: Path) -> None:
    write_wave(path / "sounds" / "3.wav", tone(300, 0.5), 4000)


def not_utf8(path: Path) -> None:
    (path / "text.txt").write_bytes(b"a b\n\xff\xfe c\n")


def empty_text(path: Path) -> None:
    (path / "text.txt").write_text("\n \n")


def one_phoneme(path: Path) -> None:
    (path / "text.txt").write_text("a a a\na\n")


def pause_alone(path: Path) -> None:
    (path / "text.txt").write_text("a b\nSIL | SIL\n")


def endless(path: Path) -> None:
    (path / "text.txt").write_text("a b\n" + "a b " * 300 + "\n")


def no_waves(path: Path) -> None:
    for file in (path / "sounds").iterdir():
        file.rename(file.with_suffix(".mp3"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (broken, r"SpeechFolder: files must be WAV of integers \(PCM\), got .*3\.wav"),
        (empty, r"SpeechFolder: files must be WAV of integers \(PCM\), got .*3\.wav"),
        (no_samples, "files must hold sound of 8 to 32 bits at 8000 Hz or more, got .*0 bytes"),
        (silent, r"files must hold a voice, got '.*3\.wav, silence'; leave it out"),
        (short, r"files must last 0\.1 to 60 seconds, got '.*3\.wav, 0\.05 seconds'; cut it"),
        (long, r"files must last 0\.1 to 60 seconds, got '.*3\.wav, 61\.00 seconds'"),
        (slow, "files must hold sound of 8 to 32 bits at 8000 Hz or more, got .*4000 Hz"),
        (not_utf8, "text must be text in UTF-8, got '.*text.txt, byte 4'; convert it"),
        (empty_text, "text must have a line of text, got '.*text.txt, empty'; fill it"),
        (one_phoneme, r"text must have two phonemes or more, got \"\['a'\] in .*text.txt\""),
        (pause_alone, "text must have lines of 1 to 500 phonemes, got '0 in line 2 of"),
        (endless, "text must have lines of 1 to 500 phonemes, got '600 in line 2 of"),
        (no_waves, "folder must hold .wav files, got '.*sounds'; convert your sound"),
    ],
)
def test_bad_files_are_told_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    data = folder(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        data.prepare_data()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0.wav a x\n", "transcripts must be written in phonemes of the text, got \"'x' of 0.wav"),
        ("0.wav a b\n", "transcripts must say what is said in every file, got 'nothing for 1.wav'"),
        ("0.wav\n", "transcripts must say what is said in every file, got 'nothing for 0.wav'"),
    ],
)
def test_transcripts_that_do_not_fit_are_refused(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "said.txt").write_text(lines)
    with pytest.raises(ValueError, match=message):
        folder(tmp_path, transcripts=str(tmp_path / "said.txt")).prepare_data()


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="written must be phonemes or words, got 'letters'"):
        folder(tmp_path, written="letters")
    with pytest.raises(ValueError, match=r"silence_share must lie in 0\.\.1, got 2"):
        folder(tmp_path, silence_share=2.0)
    with pytest.raises(ValueError, match=r"clusters must be at most the \d+ frames of 10 ms"):
        folder(tmp_path, clusters=1000).prepare_data()
    data = folder(tmp_path)
    data.text_file.unlink()
    with pytest.raises(FileNotFoundError, match="text must be a text file, got '.*text.txt'"):
        data.prepare_data()
    with pytest.raises(FileNotFoundError, match="folder must be a folder of .wav, got '/nowhere'"):
        data = folder(tmp_path)
        data.folder = Path("/nowhere")
        data.prepare_data()

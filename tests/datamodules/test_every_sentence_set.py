"""The contract of all generated sets of sentences, each made small."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from datamodules.arithmetic import Arithmetic
from datamodules.batches import EOS, PAD, Sequences, UnpairedSequences
from datamodules.contract import validate_batch
from datamodules.number_words import NumberWords
from datamodules.oracle_sequences import OracleSequences
from datamodules.sequences import SPECIAL
from datamodules.source import DataSource
from datamodules.substitution_cipher import SubstitutionCipher
from datamodules.summaries import Summaries
from datamodules.templated_sentiment import TemplatedSentiment

Make = Callable[..., Any]


def small(kind: Any, **arguments: Any) -> Make:
    return lambda **options: kind(**{**arguments, "batch_size": 4, "seed": 3, **options})


SETS: dict[str, Make] = {
    "oracle": small(OracleSequences, vocabulary_size=20, length=5, samples=60),
    "arithmetic": small(Arithmetic, length=8, samples=80),
    "sentiment": small(TemplatedSentiment, samples=80),
    "cipher": small(SubstitutionCipher, symbols=12, samples=80),
    "numbers": small(NumberWords, numbers=120),
    "characters": small(
        NumberWords, language_a="de", language_b="es", numbers=120, characters=True
    ),
    "summaries": small(Summaries, samples=80),
}
PAIRED = ("sentiment", "cipher", "numbers", "characters", "summaries")
DIGITS = {
    "oracle": "oracle-20-5",
    "arithmetic": "arithmetic-8",
    "sentiment": "templated-sentiment-16",
    "cipher": "cipher-12-16",
    "numbers": "numbers-en-fr-120",
    "characters": "numbers-de-es-120-characters",
    "summaries": "summaries-28-8",
}


@pytest.fixture(params=list(SETS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(name: str) -> Make:
    return SETS[name]


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def references(data: Any, split: str) -> dict[str, list[tuple[int, ...]]]:
    """All sentences of a split, by domain."""
    parts = (
        {domain: data.reference(split, domain) for domain in data.domains}
        if hasattr(data, "domains")
        else {"": data.reference(split)}
    )
    return {key: [tuple(item["image"].tolist()) for item in part] for key, part in parts.items()}


def test_batches_keep_their_contract(make: Make, name: str) -> None:
    data = make()
    schema = UnpairedSequences if name in PAIRED else Sequences
    batch = next(iter(data.train_dataloader()))
    validate_batch(batch, schema)
    assert set(batch) == set(schema.__annotations__) - {"label"}
    tokens = {key: value for key, value in batch.items() if key.startswith("tokens")}
    for key, value in tokens.items():
        shape = data.image_shapes[key[-1]] if name in PAIRED else data.image_shape
        assert value.shape == (4, *shape) and int(value.max()) < len(data.vocabulary)
        places = {key.replace("tokens", "index"): batch[key.replace("tokens", "index")]}
        for place, row in zip(*places.values(), value, strict=True):
            reference = data.reference("train", *key[-1:]) if name in PAIRED else None
            reference = data.reference("train") if reference is None else reference
            assert torch.equal(reference[int(place)]["image"], row)
    with pytest.raises(ValueError, match=f"{schema.__name__} must have one N"):
        validate_batch({**batch, **{key: value[:3] for key, value in tokens.items()}}, schema)


def test_every_sentence_is_words_then_its_end_then_filling(make: Make, name: str) -> None:
    data = make()
    assert len(set(data.vocabulary)) == len(data.vocabulary) and data.class_names is None
    assert data.special_tokens == (name in PAIRED)
    if not data.special_tokens:
        return
    assert data.vocabulary[:4] == SPECIAL
    for split in ("train", "held_out"):
        for sentences in references(data, split).values():
            for sentence in sentences:
                words = sentence.index(EOS)
                assert words >= 1 and min(sentence[:words]) >= len(SPECIAL)
                assert set(sentence[words + 1 :]) <= {PAD}


def test_held_out_sentences_are_never_trained_on(make: Make, name: str) -> None:
    data = make(held_out_share=0.25)
    train, held_out = references(data, "train"), references(data, "held_out")
    for domain, sentences in train.items():
        assert len(sentences) >= 20 and len(held_out[domain]) >= 10
        assert not set(sentences) & set(held_out[domain])
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'; ask"):
        data.reference("test")
    with pytest.raises(ValueError, match="held_out_share must hold out some of the .*, got 0.0"):
        make(held_out_share=0.0).reference("held_out")


@pytest.mark.parametrize("name", PAIRED)
def test_counterparts_are_known_for_held_out_sentences_alone(make: Make) -> None:
    data = make(held_out_share=0.25)
    assert data.paired_reference("train") is None
    pairs, parts = data.paired_reference("held_out"), data._opened().tokens
    assert len(pairs) == len(data.reference("held_out", "a"))
    for number in range(len(pairs)):
        for domain in data.domains:
            alone = data.reference("held_out", domain)[number]["image"]
            assert torch.equal(pairs[number][domain], alone)
    rows = {domain: set(data.reference("train", domain).rows.tolist()) for domain in data.domains}
    kept_back = set(data.reference("held_out", "a").rows.tolist())
    assert not rows["a"] & rows["b"] and not (rows["a"] | rows["b"]) & kept_back
    assert len(rows["a"] | rows["b"] | kept_back) == len(parts["a"]) == len(parts["b"])
    with pytest.raises(ValueError, match="domain must be a or b, got 'c'; ask for one"):
        data.reference("train", "c")
    with pytest.raises(ValueError, match="split must be train or held_out"):
        data.paired_reference("all")


def test_ranks_together_see_what_one_process_sees(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(make(batch_size=8).train_dataloader())
    ranks = []
    for rank in (0, 1):
        monkeypatch.setattr(DataSource, "_rank_and_world_size", lambda self, rank=rank: (rank, 2))
        ranks.append(list(make(batch_size=4).train_dataloader()))
    assert len(whole) == len(ranks[0]) == len(ranks[1]) >= 2
    for one, *parts in zip(whole, *ranks, strict=True):
        assert same(one, {key: torch.cat([part[key] for part in parts]) for key in one})


def test_resumed_loader_goes_on_with_the_next_batch(make: Make) -> None:
    whole = make(batch_size=8).train_dataloader()
    expected = [batch for _ in range(2) for batch in whole]
    interrupted = make(batch_size=8).train_dataloader()
    for count, _ in enumerate(interrupted, 1):
        if count == 2:
            break
    resumed = make(batch_size=8).train_dataloader()
    resumed.load_state_dict(interrupted.state_dict())
    rest = [batch for _ in range(2) for batch in resumed]
    assert len(rest) == len(expected) - 2
    assert all(same(one, other) for one, other in zip(rest, expected[2:], strict=True))


def test_sentences_do_not_depend_on_the_seed_of_the_run(make: Make, name: str) -> None:
    data, other = make(), make(seed=9, batch_size=2)
    assert data.name == data.slug() == DIGITS[name]
    assert data.fingerprint() == other.fingerprint() and len(data.fingerprint()) == 16
    assert make(held_out_share=0.3).fingerprint() != data.fingerprint()
    for split in ("train", "held_out"):
        assert references(data, split) == references(other, split)
    one, another = (next(iter(make(seed=seed).train_dataloader())) for seed in (0, 1))
    assert not same(one, another)


def test_set_is_opened_before_training_and_travels_to_a_worker(make: Make, name: str) -> None:
    data = make()
    data.prepare_data()
    data.setup("fit")
    preview = data.preview(3)
    validate_batch(preview, UnpairedSequences if name in PAIRED else Sequences)
    indices = [value.tolist() for key, value in preview.items() if key.startswith("index")]
    assert indices == [[0, 1, 2]] * len(indices) and indices
    part = data._training_set()
    again = pickle.loads(pickle.dumps(part))
    item = (2, 1, 3, 0) if name in PAIRED else (2, 1)
    assert same(part[item], again[item])
    assert same({key: value[None] for key, value in part[item].items()}, part.__getitems__([item]))
    with pytest.raises(ValueError, match="batch_size must be at most"):
        make(batch_size=100_000).setup("fit")


@pytest.mark.parametrize("option", ["mirror", "dequantize"])
def test_sentences_are_not_treated_as_images(make: Make, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be false for sentences, got True; set"):
        make(**{option: True})

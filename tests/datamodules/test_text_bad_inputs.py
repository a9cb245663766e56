"""Texts that cannot be trained on: one line each that names file, line, value and remedy."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datamodules.sub_word_tokens import SubWordTokens
from datamodules.text_domains import UnpairedTextFiles
from datamodules.text_lines import TextFile
from datamodules.text_tokens import WordTokens

FARM = "the cat sees a dog\nthe dog sees a cow\na cow\n"
# Without the time, which would give each process of a suite another id of the test.
CUT_GZIP = gzip.compress(FARM.encode(), mtime=0)[:-12]


def refused(make: Callable[[], Any], *parts: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        module = make()
        module.prepare_data()
        module.setup()
    message = str(caught.value)
    assert "\n" not in message and " must " in message and ", got " in message, message
    assert "; " in message and len(message) < 600, message
    for part in parts:
        assert part in message, message


def text(path: Path, content: bytes | str = FARM, **options: Any) -> Callable[[], TextFile]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: TextFile(str(path), **{"batch_size": 1, **options})


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ("TextFile: path must hold sentences, got 'none in ", "a.txt'; write one a line")),
        (b"\n  \n\t\n", ("path must hold sentences", "a.txt")),
        (b"fine\nfianc\xe9e\n", ("be utf-8 text, got 'the byte 0xe9 in line 2 of ", "encoding")),
        (FARM.encode("utf-16"), ("path must be utf-8 text", "0xff in line 1", "utf-16")),
        (b"fine\na\0b\n", ("path must be text, got 'the character 0 in line 2 of ", "a.txt")),
        (b"word word\nword\n", ("two different tokens at least 1 times", "got 'word'; add")),
        (b"one\n", ("two different tokens", "got 'one'; add sentences")),
        (b"word " * 40, ("length must leave some of 1 sentences", "got 20", "40 words", "cut")),
    ],
    ids=["empty", "blank", "latin-1", "utf-16", "binary", "one word", "one line", "too long"],
)
def test_bad_lines_are_refused(tmp_path: Path, content: bytes, parts: tuple[str, ...]) -> None:
    refused(text(tmp_path / "a.txt", content), *parts)


@pytest.mark.parametrize(
    ("name", "content", "options", "parts"),
    [
        ("a.csv", "text\nx y\n", {}, ("column must say where in ", "a.csv", "set column")),
        (
            "a.csv",
            "id,words\n1,x y\n",
            {"column": "text"},
            ("column must be one column of ", "got 'text'; its first line names 'id', 'words'"),
        ),
        ("a.csv", "text,text\nx,y\n", {"column": "text"}, ("be one column", "'text', 'text'")),
        (
            "a.csv",
            "text\nx y\n",
            {"column": "text", "label_column": "mood"},
            ("label_column must be one column of", "got 'mood'", "names 'text'"),
        ),
        (
            "a.csv",
            "text,mood\nx y,1\nx, y,1\n",
            {"column": "text"},
            ("have 2 fields in every row", "got '3 in line 3 of ", "quotes around fields"),
        ),
        (
            "a.tsv",
            "text\tmood\nx y\n",
            {"column": "text"},
            ("have 2 fields in every row", "got '1 in line 2 of ", "tabs within"),
        ),
        ("a.csv", 'text\n"x y\n', {"column": "text"}, ("table with ',' between", "in line 2 of")),
        (
            "a.csv",
            "text,mood\nx y,1\nx z, \n",
            {"column": "text", "label_column": "mood"},
            ("label_column must have a class in every line", "for mood in line 3", "leave out"),
        ),
        ("a.csv", "text\n", {"column": "text"}, ("path must hold sentences", "got 'none in")),
        (
            "a.jsonl",
            '{"text": "x y"}\n{nonsense\n',
            {"column": "text"},
            ("a JSON object in every line", "{nonsense in line 2 of ", "correct"),
        ),
        ("a.jsonl", '["x"]\n', {"column": "text"}, ("JSON object in every line", "in line 1 of")),
        (
            "a.jsonl",
            '{"text": "x y"}\n{"words": "x"}\n',
            {"column": "text"},
            ("have text in every line", "None for text in line 2", "that line has 'words'"),
        ),
        ("a.jsonl", '{"text": 7}\n', {"column": "text"}, ("have text in every line", "7 for text")),
        (
            "a.jsonl",
            '{"text": "half \\ud83d"}\n',
            {"column": "text"},
            ("have text in every line", "half a character", "in line 1"),
        ),
        ("a.json", '["x"]', {}, ("path must hold lines", "one JSON document", ".jsonl")),
        ("a.txt", FARM, {"column": "text"}, ("column must be left out where", "got 'text'; give")),
        ("a.txt", FARM, {"label_column": "m"}, ("label_column must be left out where", "'m'")),
        ("a.txt", FARM, {"encoding": "klingon"}, ("encoding must be one that Python", "'klingon'")),
        ("a.txt.gz", "no gzip", {}, ("be a whole .gz file", "a.txt.gz (Not a gzipped", "anew")),
        ("a.txt.gz", CUT_GZIP, {}, ("be a whole .gz file", "anew")),
        ("a.txt", FARM, {"length": 1}, ("length must be at least 2, got 1; set length: 20",)),
        ("a.txt", FARM, {"too_long": "fold"}, ("too_long must be drop or cut, got 'fold'",)),
        ("a.txt", FARM, {"vocabulary_size": 5}, ("vocabulary_size must be at least 6", "got 5")),
        (
            "a.txt",
            FARM,
            {"vocabulary_size": 9, "tokens": WordTokens()},
            ("vocabulary_size must be left out beside tokens, got 9; set it among",),
        ),
        (
            "a.txt",
            FARM,
            {"tokens": WordTokens(least_count=9)},
            ("two different tokens at least 9 times", "got 'none'", "lower least_count"),
        ),
        (
            "a.txt",
            FARM,
            {"tokens": SubWordTokens(60), "length": 3},
            ("length must leave some of 3 sentences", "got 3", "set a larger length"),
        ),
        ("a.txt", FARM, {"mirror": True}, ("mirror must be false for sentences", "mirror: false")),
        ("a.txt", FARM, {"batch_size": 64}, ("batch_size must be at most 3", "got 64")),
    ],
)
def test_bad_tables_and_options_are_refused(
    tmp_path: Path, name: str, content: Any, options: Any, parts: tuple[str, ...]
) -> None:
    refused(text(tmp_path / name, content, **options), *parts)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    refused(lambda: TextFile("nowhere.txt"), "path must be a file of sentences, got 'nowhere.txt'")
    refused(lambda: TextFile(str(tmp_path)), "path must be a file, got 'the folder ", "give one")
    refused(lambda: TextFile(""), "path must be a file, got 'the folder .'")


def test_bad_pairs_of_files_are_refused(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a.txt"), str(tmp_path / "b.txt")
    for path in (a, b):
        Path(path).write_text(FARM)
    both = UnpairedTextFiles
    refused(lambda: both(a, a, batch_size=1), "file_b must be another file than file_a, got ")
    refused(lambda: both(a, b, batch_size=1), "sentences must differ between a and b", "same 3")
    refused(lambda: both(a, "no.txt"), "UnpairedTextFiles: file_b must be a file of", "'no.txt'")
    Path(b).write_text("")
    refused(lambda: both(a, b), "file_b must hold sentences", "b.txt")
    Path(b).write_text("word " * 50)
    refused(lambda: both(a, b, batch_size=1), "length must leave some of 4 sentences", "every dom")
    Path(b).write_text("a hen\n")
    refused(lambda: both(a, b, batch_size=2), "at most 1 for the 1 training images of b", "got 2")

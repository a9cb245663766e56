"""Sentences to numbers and back: words, and characters.

The vocabulary is built from the training part alone, by a data module, once.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batches import BOS, EOS, PAD, UNK
from datamodules.sequences import SPECIAL
from datamodules.source import refusal

# A word with what holds it together (don't, peace-offering), or a run of one punctuation mark. The
# unknown word of files that others have prepared stays whole.
_WORDS = re.compile(r"<unk>|\w+(?:['’-]\w+)*|([^\w\s])\1*")
_NO_SPACE = re.compile(r" (?=[.,;:!?)\]]+(?: |$))|(?<=[(\[]) ")


class Tokens:
    """What a sentence is cut into, and the numbers of the pieces.

    A subclass says how to cut (:meth:`pieces`) and how to join again (:meth:`joined`).

    Args:
        vocabulary_size: most numbers that there may be, with the four special ones; None: as many
            as there are different pieces.
        least_count: how often a piece must be in the training part to have a number; rarer ones are
            unknown.
        lower: make all letters small.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self, vocabulary_size: int | None = 10000, least_count: int = 1, lower: bool = True
    ) -> None:
        own = type(self).__name__
        if vocabulary_size is not None and vocabulary_size < len(SPECIAL) + 2:
            raise refusal(
                own,
                "vocabulary_size",
                f"be at least {len(SPECIAL) + 2}, two beside the special tokens",
                vocabulary_size,
                "set vocabulary_size: 10000",
            )
        if least_count < 1:
            raise refusal(own, "least_count", "be at least 1", least_count, "set least_count: 1")
        self.vocabulary_size, self.least_count, self.lower = vocabulary_size, least_count, lower
        self._vocabulary: tuple[str, ...] = ()
        self._places: dict[str, int] = {}

    def pieces(self, sentence: str) -> list[str]:
        """Cut a sentence that :meth:`normal` has returned."""
        raise NotImplementedError

    def joined(self, pieces: Sequence[str]) -> str:
        """Join pieces to a sentence for people."""
        raise NotImplementedError

    def learn(self, sentences: Sequence[str]) -> None:
        """Learn how to cut, from the training part; nothing where that is fixed."""

    def normal(self, sentence: str) -> str:
        """Spell a sentence as it is counted: single spaces, and small letters with ``lower``."""
        plain = " ".join(sentence.split())
        return plain.lower() if self.lower else plain

    def build(self, cut: Iterable[Sequence[str]]) -> int:
        """Give numbers to the pieces of the training part: the most frequent first, ties by letter.

        Args:
            cut: the pieces of every sentence.

        Returns:
            How many different pieces there were.
        """
        counts = Counter(piece for pieces in cut for piece in pieces)
        for word in SPECIAL:
            counts.pop(word, None)
        ordered = sorted(counts, key=lambda piece: (-counts[piece], piece))
        room = None if self.vocabulary_size is None else self.vocabulary_size - len(SPECIAL)
        kept = [piece for piece in ordered[:room] if counts[piece] >= self.least_count]
        self._vocabulary = (*SPECIAL, *kept)
        self._places = {piece: place for place, piece in enumerate(kept, len(SPECIAL))}
        return len(ordered)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The pieces, by their numbers; empty before :meth:`build`."""
        return self._vocabulary

    def numbers(self, pieces: Sequence[str]) -> list[int]:
        """Return the number of every piece; ``UNK`` where it has none."""
        return [self._places.get(piece, UNK) for piece in pieces]

    def encode(self, sentence: str) -> list[int]:
        """Return the numbers of a sentence, without special tokens but ``UNK``."""
        return self.numbers(self.pieces(self.normal(sentence)))

    def decode(self, numbers: Sequence[int] | NDArray[Any] | Tensor) -> str:
        """Return the sentence of a row ``(T,)``, up to its end; unknown pieces are ``<unk>``."""
        row = np.asarray(numbers).tolist()
        row = row[: row.index(EOS)] if EOS in row else row
        return self.joined([self._vocabulary[one] for one in row if one not in (PAD, BOS)])


class WordTokens(Tokens):
    """Words and punctuation marks.

    Args:
        **kwargs: see :class:`Tokens`.
    """

    def pieces(self, sentence: str) -> list[str]:
        """Cut by one regular expression: "He doesn't." is three pieces."""
        return [found.group() for found in _WORDS.finditer(sentence)]

    def joined(self, pieces: Sequence[str]) -> str:
        """Put spaces between words, and none before a comma and the like."""
        return _NO_SPACE.sub("", " ".join(pieces))


class CharacterTokens(Tokens):
    """Single characters, spaces among them.

    Args:
        **kwargs: see :class:`Tokens`.
    """

    def pieces(self, sentence: str) -> list[str]:
        """Cut between all characters."""
        return list(sentence)

    def joined(self, pieces: Sequence[str]) -> str:
        """Write them one behind another."""
        return "".join(pieces)

"""From sentences to rows of numbers: what all sets of real text share.

The split comes first, then what is learned from the training part alone (how to cut words, and the
vocabulary), then sentences that are too long are left out. So the same sentences are held out
whatever they are cut into.
"""

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.sequences import SPECIAL, padded
from datamodules.source import DataSource
from datamodules.text_tokens import Tokens, WordTokens
from datamodules.texts import Numbered, Texts, numbered

_log = logging.getLogger(__name__)


class TextNumbers(DataSource):
    """Base of the sets of real text, beside that of one domain or of two.

    Args:
        length: T, tokens of a row: sentences have at most ``length - 1``, and their end.
        tokens: what sentences are cut into; None: :class:`datamodules.text_tokens.WordTokens`.
        vocabulary_size: of those words; given tokens have their own.
        too_long: leave out longer sentences (drop), or the tokens that are too many (cut).
        **kwargs: see :class:`datamodules.source.DataSource`.

    Raises:
        ValueError: when an argument is out of range, or both ``tokens`` and ``vocabulary_size`` are
            given.
    """

    def __init__(
        self,
        length: int = 20,
        tokens: Tokens | None = None,
        vocabulary_size: int | None = None,
        too_long: Literal["drop", "cut"] = "drop",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if length < 2:
            raise self._refusal("length", "be at least 2", length, "set length: 20")
        if too_long not in ("drop", "cut"):
            raise self._refusal("too_long", "be drop or cut", too_long, "set too_long: drop")
        if tokens is not None and vocabulary_size is not None:
            raise self._refusal(
                "vocabulary_size",
                "be left out beside tokens",
                vocabulary_size,
                "set it among the init_args of tokens",
            )
        if vocabulary_size is not None:
            tokens = WordTokens(vocabulary_size)
        # What is learned belongs to this set, not to whoever made the object.
        self.tokens = WordTokens() if tokens is None else copy.copy(tokens)
        self.length, self.too_long = length, too_long
        self._found: tuple[str, ...] = ()
        self._told = False

    def prepare_data(self) -> None:
        """Read the sentences and tell what they are, on one process of a machine."""
        super().prepare_data()
        if not self._told:
            self._told = True
            for line in self._found:
                _log.info("%s: %s", self.slug(), line)

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Return sentences of the user's own as int64 ``(N, T)``; those too long are cut."""
        super().prepare_data()
        cut = [self.tokens.encode(one)[: self.length - 1] for one in sentences]
        return torch.from_numpy(padded(cut, self.length))

    def decode(self, tokens: Tensor) -> list[str]:
        """Return the sentences of ``(N, T)`` numbers."""
        super().prepare_data()
        return [self.tokens.decode(row) for row in tokens.tolist()]

    def _numbered(
        self,
        texts: Mapping[str, Texts],
        training: Mapping[str, NDArray[np.bool_]],
        aligned: bool = False,
    ) -> dict[str, Numbered]:
        """Learn from the training parts, and number all sentences.

        Args:
            texts: of one domain or of two.
            training: ``(N,)`` of each: which sentences may be learned from.
            aligned: leave out a row of all domains where it is too long in one of them.
        """
        longest, cutting = self.length - 1, self.too_long == "cut"
        # A word is one token or more: what has too many of them is not looked at further.
        short = {
            name: np.array([cutting or len(one.split()) <= longest for one in domain.sentences])
            for name, domain in texts.items()
        }
        if not any((short[name] & training[name]).any() for name in texts):
            raise self._none_is_short(texts)
        self.tokens.learn(
            [
                domain.sentences[row]
                for name, domain in texts.items()
                for row in _places(short[name] & training[name])
            ]
        )
        pieces: dict[str, dict[int, list[str]]] = {}
        for name, domain in texts.items():
            cut = {row: self.tokens.pieces(domain.sentences[row]) for row in _places(short[name])}
            pieces[name] = {
                row: one[:longest] for row, one in cut.items() if cutting or len(one) <= longest
            }
        if aligned:
            common = set.intersection(*map(set, pieces.values()))
            pieces = {
                name: {row: one for row, one in own.items() if row in common}
                for name, own in pieces.items()
            }
        learned = [
            one for name, own in pieces.items() for row, one in own.items() if training[name][row]
        ]
        if not learned or not all(pieces.values()):
            raise self._none_is_short(texts)
        different = self.tokens.build(learned)
        self._check_vocabulary()
        return {
            name: numbered(self.tokens, texts[name], own, training[name], self.length, different)
            for name, own in pieces.items()
        }

    def _check_vocabulary(self) -> None:
        words = self.tokens.vocabulary[len(SPECIAL) :]
        if len(words) < 2:
            raise self._refusal(
                "sentences",
                f"have two different tokens at least {self.tokens.least_count} times in the "
                "training part",
                words[0] if words else "none",
                "add sentences, or lower least_count",
            )

    def _none_is_short(self, texts: Mapping[str, Texts]) -> ValueError:
        counts = [len(one.split()) for domain in texts.values() for one in domain.sentences]
        return self._refusal(
            "length",
            f"leave some of {len(counts)} sentences in every domain and in the training part",
            self.length,
            f"set a larger length (the shortest sentence has {min(counts, default=0)} words and "
            "maybe more tokens), or too_long: cut",
        )


def _places(mask: NDArray[np.bool_]) -> list[int]:
    return [int(row) for row in np.flatnonzero(mask)]

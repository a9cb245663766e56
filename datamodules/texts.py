"""Sentences before and after they are numbered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNK
from datamodules.sequences import SPECIAL, padded
from datamodules.text_tokens import Tokens


@dataclass(frozen=True)
class Texts:
    """Sentences of one domain, before they are cut into tokens.

    Attributes:
        sentences: no empty one.
        labels: class of each, or None.
        left_out: how many others there were, by the reason.
    """

    sentences: Sequence[str]
    labels: Sequence[str] | None = None
    left_out: Mapping[str, int] | None = None

    def distinct(self, tokens: Tokens) -> "Texts":
        """Spell sentences as they are counted, and leave out those that come again.

        A sentence with two classes stays twice.
        """
        normal = [tokens.normal(one) for one in self.sentences]
        labels = self.labels or [""] * len(normal)
        kept = list(dict.fromkeys(zip(normal, labels, strict=True)))
        return Texts(
            [sentence for sentence, _ in kept],
            None if self.labels is None else [label for _, label in kept],
            {**(self.left_out or {}), "repeated": len(normal) - len(kept)},
        )


@dataclass(frozen=True)
class Numbered:
    """One domain as numbers.

    Attributes:
        rows: which sentences are left.
        tokens: ``(N, T)`` their numbers.
        line: what was found, for people.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    line: str


def numbered(
    tokens: Tokens,
    texts: Texts,
    pieces: Mapping[int, Sequence[str]],
    training: NDArray[np.bool_],
    length: int,
    different: int,
) -> Numbered:
    """Number the sentences of one domain.

    Args:
        tokens: with their vocabulary.
        texts: all sentences.
        pieces: of those that are left, by their places; at most ``length - 1`` each.
        training: ``(N,)`` which sentences the vocabulary comes from.
        length: T.
        different: how many different pieces the training part has.
    """
    rows = np.array(list(pieces), np.int64)
    numbers = [tokens.numbers(one) for one in pieces.values()]
    named = len(tokens.vocabulary) - len(SPECIAL)
    out = dict(texts.left_out or {})
    out[f"longer than {length - 1} tokens"] = len(texts.sentences) - len(rows)
    gone = ", ".join(f"{count:,} {reason}" for reason, count in out.items() if count)
    line = (
        f"{len(rows):,} sentences, {named:,} of {different:,} different tokens have a number, "
        f"{_unknown(numbers, training[rows]):.1%} of the training text is unknown and "
        f"{_unknown(numbers, ~training[rows]):.1%} of the rest"
        + (f", left out: {gone}" if gone else "")
    )
    return Numbered(rows, padded(numbers, length), line)


def numbered_families(marks: Sequence[str]) -> NDArray[np.int64]:
    """Number sentences so that equal ones have one number."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(mark, len(numbers)) for mark in marks], np.int64)


def _unknown(numbers: Sequence[Sequence[int]], among: NDArray[np.bool_]) -> float:
    """Share of the tokens of some sentences that have no number."""
    own = [one for one, asked in zip(numbers, among, strict=True) if asked]
    return sum(one.count(UNK) for one in own) / max(1, sum(map(len, own)))

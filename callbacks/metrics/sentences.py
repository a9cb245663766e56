"""Sentences for the scores: rows of numbers, and lists of words.

Scores of words take lists of any hashable words, numbers or strings. Rows of numbers ``(N, T)``
become such lists here, without their end and their filling.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from datamodules.batches import EOS, PAD

Words = Sequence[Hashable]
T = TypeVar("T")


def word_mask(tokens: Tensor, special_tokens: bool) -> Tensor:
    """Tell the words of each row from its end and its filling.

    Args:
        tokens: int64 ``(N, T)``.
        special_tokens: whether a sentence ends before its first ``EOS`` or ``PAD``; otherwise all T
            numbers are words.

    Returns:
        bool ``(N, T)``, true on a stretch at the beginning of each row.

    Raises:
        ValueError: for anything but rows of integers.
    """
    if tokens.dim() != 2 or tokens.shape[1] == 0 or tokens.dtype != torch.int64:
        raise ValueError(
            f"word_mask: tokens must be int64 (N, T), got {tokens.dtype} {tuple(tokens.shape)}; "
            "give rows of token ids"
        )
    if not special_tokens:
        return torch.ones_like(tokens, dtype=torch.bool)
    ends = (tokens == EOS) | (tokens == PAD)
    return ends.cumsum(dim=1) == 0


def word_lists(tokens: Tensor, special_tokens: bool) -> list[list[int]]:
    """Return each row as a list of its words.

    Args:
        tokens: int64 ``(N, T)``, on any device.
        special_tokens: see :func:`word_mask`.

    Raises:
        ValueError: for anything but rows of integers.
    """
    lengths = word_mask(tokens, special_tokens).sum(dim=1).tolist()
    return [row[:length] for row, length in zip(tokens.tolist(), lengths, strict=True)]


def ngrams(sentence: Words, order: int) -> Iterator[tuple[Hashable, ...]]:
    """Yield all runs of ``order`` words; none where the sentence is shorter.

    Args:
        sentence: words.
        order: length of a run, at least 1.
    """
    words = tuple(sentence)
    return (words[i : i + order] for i in range(len(words) - order + 1))


def some(items: Sequence[T], most: int, seed: int) -> Sequence[T]:
    """Return all items, or a seeded choice where there are more than ``most``.

    Args:
        items: any number, such as sentences.
        most: how many at most.
        seed: of the choice, which leaves the global generators alone.
    """
    if len(items) <= most:
        return items
    chosen = np.random.RandomState(seed).permutation(len(items))[:most]
    return [items[i] for i in chosen]

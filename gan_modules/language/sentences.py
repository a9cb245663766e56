"""Rows of token ids: where a sentence ends, means over what counts, one-hot rows, words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from datamodules.batches import BOS, EOS, PAD
from gan_modules.engine.reduction import mean_over_ranks


def first_token(special_tokens: bool) -> int:
    """What a generator reads before it says anything: ``BOS``, or 0 in sets of raw numbers."""
    return BOS if special_tokens else 0


def ends(tokens: Tensor, special_tokens: bool) -> Tensor:
    """Which tokens end a sentence: ``EOS``, and ``PAD`` where a generator says it before that."""
    if not special_tokens:
        return torch.zeros_like(tokens, dtype=torch.bool)
    return (tokens == EOS) | (tokens == PAD)


def sentence_mask(tokens: Tensor, special_tokens: bool) -> Tensor:
    """What counts of each row: up to its first end, and that end too.

    Args:
        tokens: int64 ``(N, T)``.
        special_tokens: whether sentences end; otherwise everything counts.

    Returns:
        bool ``(N, T)``.
    """
    ended = ends(tokens, special_tokens)
    return ended.cumsum(1) - ended.long() == 0


def closed(tokens: Tensor, special_tokens: bool) -> Tensor:
    """The same rows with nothing but ``PAD`` behind their ends."""
    return tokens.where(sentence_mask(tokens, special_tokens), PAD) if special_tokens else tokens


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of what counts, over the joined batch of all ranks.

    Ranks hold unlike numbers of tokens: means of each would weigh those of short sentences more.
    All ranks must call it together. On one of several ranks the value is its share: only the mean
    over ranks, which gradients and statistics become, is the mean that is meant.

    Args:
        values: ``(N, T)``.
        mask: bool ``(N, T)``; at least one is True on some rank.
    """
    count = mean_over_ranks(mask.sum().to(values.dtype))
    return (values * mask).sum() / count


def one_hot(tokens: Tensor, vocabulary_size: int, dtype: torch.dtype) -> Tensor:
    """Rows ``(N, T, V)`` of 0 and 1 for tokens ``(N, T)``."""
    return nn.functional.one_hot(tokens, vocabulary_size).to(dtype)


def spelled(tokens: Tensor, vocabulary: Sequence[str], special_tokens: bool) -> list[str]:
    """Sentences in words, without the special tokens at their ends.

    Args:
        tokens: int64 ``(N, T)``.
        vocabulary: words by number; a number that it lacks is shown as such.
        special_tokens: whether sentences end.
    """
    counts = sentence_mask(tokens, special_tokens) & ~ends(tokens, special_tokens)
    return [
        " ".join(
            vocabulary[number] if number < len(vocabulary) else str(number)
            for number in row[mask].tolist()
        )
        for row, mask in zip(tokens.cpu(), counts.cpu(), strict=True)
    ]

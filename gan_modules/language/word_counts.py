"""Counts of words that stand together, and vectors of words from them.

Positive pointwise mutual information and its truncated decomposition: Levy and Goldberg, "Neural
Word Embedding as Implicit Matrix Factorization", NIPS 2014 (no arXiv id).
"""

from __future__ import annotations

import torch
from torch import Tensor


def neighbour_counts(tokens: Tensor, mask: Tensor, words: int, window: int) -> Tensor:
    """How often two words stand at most ``window`` apart in a sentence.

    Args:
        tokens: int64 ``(N, T)``.
        mask: bool ``(N, T)``: what counts of each row, its first places.
        words: size of the vocabulary V.
        window: in places.

    Returns:
        int64 ``(V, V)``, symmetric.
    """
    counts = torch.zeros(words * words, dtype=torch.int64)
    for apart in range(1, min(window, tokens.shape[1] - 1) + 1):
        # Words come first in a row: where the later one is a word, so is the earlier one.
        both = mask[:, apart:]
        pairs = tokens[:, :-apart][both] * words + tokens[:, apart:][both]
        counts += torch.bincount(pairs, minlength=words * words)
    table = counts.view(words, words)
    return table + table.T


def sentence_counts(tokens: Tensor, mask: Tensor, words: int) -> Tensor:
    """In how many sentences each word occurs: int64 ``(V,)``; see :func:`neighbour_counts`."""
    rows = torch.arange(len(tokens))[:, None].expand_as(tokens)
    different = torch.unique(rows[mask] * words + tokens[mask])
    return torch.bincount(different % words, minlength=words)


def rarity_of(holders: Tensor, sentences: int) -> Tensor:
    """``1 + log((1 + N) / (1 + n))`` for a word in n of N sentences: float64 ``(V,)``.

    As with one more sentence that holds every word, no weight is 0 or infinite.
    """
    return 1.0 + torch.log((1.0 + sentences) / (1.0 + holders.double()))


def positive_information(counts: Tensor) -> Tensor:
    """Positive pointwise mutual information of a symmetric table of counts, in nats, float64."""
    table = counts.double()
    single = table.sum(dim=1)
    expected = torch.outer(single, single)
    ratio = table * single.sum() / expected.masked_fill(expected == 0, 1.0)
    return ratio.clamp(min=1.0).log()


def factors(table: Tensor, width: int) -> Tensor:
    """Left singular vectors of a symmetric matrix, times the roots of the singular values.

    Args:
        table: float64 ``(V, V)``.
        width: number of vectors, the largest ones.

    Returns:
        float64 ``(V, width)``, the same on every machine but for rounding.
    """
    values, vectors = torch.linalg.eigh(table)
    sizes = values.abs() / values.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    # Values of one size and unlike signs would change places by rounding.
    order = torch.argsort(sizes.round(decimals=9), descending=True, stable=True)[:width]
    sizes, vectors = sizes[order], vectors[:, order]
    # Rounding's vectors, where the matrix lacks rank.
    vectors = vectors * torch.where(sizes > 1e-9, values[order].abs(), 0.0).sqrt()
    # An eigenvector's sign is the machine's choice: the first entry near the largest is positive.
    near = vectors.abs() >= vectors.abs().amax(dim=0) * (1.0 - 1e-6)
    first = near.int().argmax(dim=0)
    return vectors * vectors.gather(0, first[None]).sign()

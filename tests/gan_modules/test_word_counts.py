"""Counts of neighbours against a slow loop, information in closed form, factors against an SVD."""

import math

import pytest
import torch
from torch.testing import assert_close

from gan_modules.language.word_counts import (
    factors,
    neighbour_counts,
    positive_information,
    rarity_of,
    sentence_counts,
)

WORDS = 9


@pytest.mark.parametrize("window", [1, 3, 20])
def test_counts_are_those_of_a_slow_loop(window: int) -> None:
    own = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, WORDS, (50, 10), generator=own)
    lengths = torch.randint(0, 11, (50,), generator=own)
    mask = torch.arange(10)[None] < lengths[:, None]
    together = torch.zeros(WORDS, WORDS, dtype=torch.int64)
    holders = torch.zeros(WORDS, dtype=torch.int64)
    for whole, length in zip(tokens.tolist(), lengths.tolist(), strict=True):
        row = whole[:length]
        for i, left in enumerate(row):
            for j, right in enumerate(row):
                together[left, right] += 0 < abs(i - j) <= window
        for word in set(row):
            holders[word] += 1
    assert torch.equal(neighbour_counts(tokens, mask, WORDS, window), together)
    assert torch.equal(sentence_counts(tokens, mask, WORDS), holders)


def test_rare_words_weigh_more_and_none_infinitely() -> None:
    found = rarity_of(torch.tensor([0, 3, 7]), 7)
    assert found.tolist() == pytest.approx([1 + math.log(8), 1 + math.log(2), 1.0])


def test_information_of_two_words_is_closed_form() -> None:
    counts = torch.tensor([[0, 3, 1], [3, 0, 0], [1, 0, 0]])
    # Of 8: p(0, 1) = 3/8, p(0) = 4/8, p(1) = 3/8, p(2) = 1/8.
    expected = torch.tensor([[0, math.log(2), math.log(2)], [math.log(2), 0, 0]])
    found = positive_information(counts)
    assert_close(found[:2], expected.double(), rtol=1e-7, atol=1e-7)
    # Together less often than by chance, or never: 0 and not less.
    rare = positive_information(torch.tensor([[8, 1], [1, 8]]))
    assert rare[0, 1] == 0.0 and rare[0, 0] == pytest.approx(math.log(8 * 18 / 81))
    assert not bool(positive_information(torch.zeros(3, 3)).any())


def test_factors_are_those_of_a_singular_value_decomposition() -> None:
    half = torch.randn(12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    table = half + half.T
    vectors = factors(table, 5)
    left, sizes, _ = torch.linalg.svd(table)
    expected = left[:, :5] * sizes[:5].sqrt()
    assert_close(vectors.abs(), expected.abs(), rtol=1e-8, atol=1e-9)
    assert bool((vectors.gather(0, vectors.abs().argmax(dim=0)[None]) > 0).all())

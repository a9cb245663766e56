import math

import pytest
import torch
from torch import Tensor

from callbacks.metrics.authenticity import Authenticity, Twins
from callbacks.metrics.nearest_train import nearest_train

DIM = 8


def points(n: int, seed: int) -> Tensor:
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD_OUT = points(2000, 1), points(1000, 2)


def sides(samples: Tensor) -> list[Tensor]:
    found = []
    for side in (samples, HELD_OUT):
        match = nearest_train(side, TRAIN)
        kin = nearest_train(TRAIN[match.row], TRAIN, without=match.row).distance
        found += [match.distance, kin]
    return found


def authenticity(samples: Tensor, null: bool = True) -> Authenticity:
    return Authenticity.of(*sides(samples)[: 4 if null else 2])


def twins(samples: Tensor, null: bool = True) -> Twins:
    return Twins.of(*sides(samples)[: 4 if null else 2])


def test_copies_are_not_authentic() -> None:
    found = authenticity(TRAIN[:300])
    assert (found.share, found.ratio) == (0.0, 0.0) and found.flagged


def test_somewhat_more_than_half_of_fresh_samples_are_authentic() -> None:
    found = authenticity(points(1000, 5))
    assert 0.5 < found.share < 0.65 and found.null is not None and 0.5 < found.null < 0.65
    assert found.gap == pytest.approx(found.null - found.share) and abs(found.gap) < 0.06
    assert found.ratio == pytest.approx(1.05, abs=0.08)
    assert not found.flagged


def test_half_copies_are_flagged_and_a_tenth_is_not() -> None:
    half = authenticity(torch.cat([TRAIN[:500], points(500, 6)]))
    assert half.share == pytest.approx(0.28, abs=0.05) and half.flagged
    tenth = authenticity(torch.cat([TRAIN[:100], points(900, 6)]))
    assert tenth.gap is not None and 0 < tenth.gap < 0.1 and not tenth.flagged


def test_error_of_the_gap_is_that_of_two_shares() -> None:
    found = Authenticity(share=0.4, samples=100, ratio=1.0, null=0.55, held_out=400)
    assert found.error == pytest.approx(math.sqrt(0.24 / 100 + 0.2475 / 400))
    # A gap of 0.15 is 2.7 of its errors; with ten times the samples it is 8.
    assert not found.flagged
    assert Authenticity(0.4, 1000, 1.0, 0.55, 4000).flagged


def test_without_held_out_samples_only_wholesale_copying_is_flagged() -> None:
    assert authenticity(TRAIN[:300], null=False).flagged
    half = authenticity(torch.cat([TRAIN[:500], points(500, 6)]), null=False)
    assert half.gap is None and half.error is None and not half.flagged


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_copies_are_twins(noise: float) -> None:
    found = twins(TRAIN[:300] + noise * points(300, 3))
    assert found.rate == 1.0 and found.flagged
    assert found.lower == pytest.approx(0.01 ** (1 / 300), rel=1e-9)


def test_fresh_samples_have_as_few_twins_as_held_out_ones() -> None:
    found = twins(points(1000, 5))
    assert found.null is not None and found.null < 0.01 and found.rate < 0.01
    assert found.tolerated == 0.02 and not found.flagged
    assert twins(torch.cat([TRAIN[:50], points(950, 5)])).flagged


def test_what_is_tolerated_follows_the_held_out_twins() -> None:
    kin = torch.ones(300)
    held_out = torch.cat([torch.full((30,), 0.3), torch.full((270,), 0.9)])
    found = Twins.of(held_out, kin, held_out, kin)
    assert (found.twins, found.rate, found.null) == (30, 0.1, 0.1)
    # The upper 99 % bound of 30 in 300.
    assert found.tolerated == pytest.approx(0.1474, abs=0.0005) and not found.flagged


def test_means_of_neighbours_and_one_fresh_sample_for_all_are_no_twins() -> None:
    """They lie nearer than held-out samples do, so that the other tests flag them."""
    near = torch.cdist(TRAIN[:500], TRAIN).argsort(dim=1)[:, :10]
    means = TRAIN[near].mean(dim=1)
    assert authenticity(means).flagged
    assert twins(means).rate < 0.05 and not twins(means).flagged
    one = points(500, 6)[nearest_train(points(500, 6), TRAIN).distance.argmin()]
    assert twins(one.expand(300, -1)).twins == 0


def test_equal_training_samples_do_not_hide_copies() -> None:
    kin = torch.zeros(200)
    assert Twins.of(torch.zeros(200), kin).rate == 1.0
    assert Twins.of(torch.full((200,), 0.1), kin).rate == 0.0


def test_without_held_out_samples_half_must_be_twins() -> None:
    assert twins(TRAIN[:300], null=False).flagged
    assert not twins(torch.cat([TRAIN[:150], points(150, 6)]), null=False).flagged

"""The rates of pix2pix and CycleGAN by epochs."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from gan_modules.engine.player import hold_then_decay


def rates(epochs: int, hold: int, decay: int, steps_per_epoch: int = 1) -> list[float]:
    """Of every step; the optimizer's own rate is 2."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = hold_then_decay(optimizer, hold, decay, steps_per_epoch)
    found = []
    for _ in range(epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_factors_of_the_published_schedule_k25() -> None:
    factors = [rate / 2.0 for rate in rates(203, hold=100, decay=100)]
    assert factors[0] == factors[99] == 1.0
    assert factors[100] == 100 / 101
    assert factors[149] == pytest.approx(0.50495, abs=5e-6)
    assert factors[199] == pytest.approx(1 / 101, rel=1e-12)
    # Never zero, and no further than the plan.
    assert factors[200:] == [factors[199]] * 3


def test_rate_stays_within_an_epoch_and_falls_between_them_k25() -> None:
    found = rates(4, hold=2, decay=2, steps_per_epoch=3)
    expected = [2.0] * 6 + [2 * 2 / 3] * 3 + [2 / 3] * 3
    assert found == pytest.approx(expected)


def test_without_a_decay_the_rate_is_constant() -> None:
    assert rates(3, hold=0, decay=0) == rates(3, hold=2, decay=0) == [2.0] * 3


@pytest.mark.parametrize("plan", [(-1, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_plans_that_are_no_counts_are_refused(plan: tuple[int, int, int]) -> None:
    with pytest.raises(
        ValueError, match=f"got {plan[0]}, {plan[1]} and {plan[2]}; the papers hold"
    ):
        rates(1, *plan)

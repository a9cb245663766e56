"""Rates that fall from epoch to epoch, as the code of CycleGAN and pix2pix has it."""

from typing import Any

import pytest

from tests.small_variants import build


def factors(module: Any, name: str, steps: int) -> list[float]:
    """A player's rate before each of its steps, as a share of the first."""
    player = next(player for player in module.players() if player.name == name)
    rates = []
    for _ in range(steps):
        rates.append(player.optimizer.param_groups[0]["lr"])
        player.optimizer.step()
        player.scheduler.step()
    return [rate / rates[0] for rate in rates]


def test_rates_hold_then_fall_by_epochs_and_never_reach_zero_k25() -> None:
    module = build("CycleGAN", epoch_decay=(2, 3, 2))
    expected = [1, 1, 1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    for name in ("generator", "discriminator"):
        assert factors(module, name, 12) == pytest.approx(expected)


def test_a_player_that_steps_half_as_often_has_half_as_many_steps_in_an_epoch_k25() -> None:
    module = build("DiscoGAN", epoch_decay=(1, 1, 4))
    assert factors(module, "generator", 8) == pytest.approx([1] * 4 + [0.5] * 4)
    assert factors(module, "discriminator", 4) == pytest.approx([1, 1, 0.5, 0.5])


def test_two_plans_for_the_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="CycleGAN: epoch_decay must be null beside lr_decay, got"):
        build("CycleGAN", epoch_decay=(1, 1, 4), lr_decay=(1, 2))
    with pytest.raises(ValueError, match="hold and decay must be epochs from 0 on"):
        build("CycleGAN", epoch_decay=(-1, 1, 4)).players()

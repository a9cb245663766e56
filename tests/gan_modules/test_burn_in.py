import math

import pytest

from gan_modules.burn_in import BurnIn


def test_it_is_one_half_of_a_cosine_and_then_constant() -> None:
    lr = BurnIn("lr", (2e-4, 5e-5), 20e6)
    assert lr.at(0) == 2e-4
    assert lr.at(10e6) == pytest.approx(1.25e-4, rel=1e-12)
    quarter = 2e-4 - 1.5e-4 * (1 - math.cos(math.pi / 4)) / 2
    assert lr.at(5e6) == pytest.approx(quarter, rel=1e-12)
    assert lr.at(20e6) == lr.at(1e12) == 5e-5


def test_it_rises_as_it_falls_and_may_start_at_zero() -> None:
    up, down = BurnIn("up", (0.0, 0.55), 100.0), BurnIn("down", (0.55, 0.0), 100.0)
    for seen in (0, 13, 50, 99, 100):
        assert up.at(seen) + down.at(seen) == pytest.approx(0.55, rel=1e-12)
    values = [up.at(seen) for seen in range(0, 101, 10)]
    assert values == sorted(values) and values[0] == 0.0


def test_slow_at_both_ends() -> None:
    share = BurnIn("share", (0.0, 1.0), 1000.0)
    assert share.at(10) < 3e-4 and share.at(990) > 1 - 3e-4


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0, 3.0), (-1.0, 2.0), (1.0, float("inf"))])
def test_what_is_no_pair_of_numbers_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(
        ValueError, match="^X: gamma must be two numbers of 0 or more, got .*; give"
    ):
        BurnIn("X: gamma", values, 10.0)


@pytest.mark.parametrize("images", [0.0, -5.0, float("nan")])
def test_a_burn_in_without_images_is_refused(images: float) -> None:
    with pytest.raises(ValueError, match="^X: gamma must have a burn-in of more than 0 images"):
        BurnIn("X: gamma", (1.0, 2.0), images)

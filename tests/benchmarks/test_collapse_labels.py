"""The truth of the benchmark, on sequences whose answer is known."""

import math

import pytest
import torch

from benchmarks.collapse.cases import fall_of
from benchmarks.collapse.labels import label
from benchmarks.collapse.labels import level as level_and_spread
from benchmarks.collapse.tracks import Track


def level(*values) -> float:
    return level_and_spread(*values)[0]


def test_an_even_spread_over_all_modes_has_level_one() -> None:
    assert level(torch.arange(40) % 8, 8) == pytest.approx(1.0)


def test_junk_and_missing_modes_lower_the_level_by_their_share() -> None:
    two_of_eight = torch.arange(40) % 2
    assert level(two_of_eight, 8) == pytest.approx(2 / 8)
    half_junk = torch.cat([torch.arange(20) % 8, torch.full((20,), -1)])
    # 20 samples over 8 modes: four modes have 3, four have 2.
    shares = [3 / 20] * 4 + [2 / 20] * 4
    spread = math.exp(-sum(p * math.log(p) for p in shares))
    assert level_and_spread(half_junk, 8) == pytest.approx((0.5 * spread / 8, spread / 8))
    assert level(torch.full((5,), -1), 8) == 0.0


def test_a_class_that_was_not_asked_for_is_junk() -> None:
    asked = torch.arange(40) % 4
    assert level(asked, 4, asked) == pytest.approx(1.0)
    assert level(asked, 4, (asked + 1) % 4) == 0.0


def test_a_fall_below_sixty_percent_that_lasts_is_a_collapse() -> None:
    found = label([0.1, 0.2, 0.4, 0.8, 0.8, 0.8, 0.45, 0.4, 0.3, 0.3])
    assert found.onset == 6
    assert [value[0] for value in found.labels] == list("eehhhhcccc")


def test_two_bad_probes_are_no_collapse() -> None:
    found = label([0.8, 0.8, 0.8, 0.4, 0.4, 0.8, 0.8, 0.8])
    assert found.onset is None
    assert [value[0] for value in found.labels] == list("hhhgghhh")


def test_between_the_shares_is_grey() -> None:
    # Of a peak of 0.8: 0.69 is above 85 %, 0.67 below it, 0.49 still above 60 %.
    found = label([0.8, 0.8, 0.8, 0.69, 0.67, 0.49, 0.49, 0.49])
    assert [value[0] for value in found.labels] == list("hhhhgggg")
    assert found.onset is None


def test_one_lucky_probe_does_not_become_the_norm() -> None:
    found = label([0.5, 0.5, 0.9, 0.5, 0.5, 0.5])
    assert found.onset is None and set(found.labels) == {"healthy"}


def test_a_collapse_ends_when_the_level_is_healthy_again() -> None:
    found = label([0.8, 0.8, 0.8, 0.1, 0.1, 0.1, 0.6, 0.7, 0.8])
    assert [value[0] for value in found.labels] == list("hhhcccchh")
    assert found.onset == 3


def test_a_run_that_never_learned_has_no_label_but_early() -> None:
    found = label([0.1, 0.2, 0.29, 0.1])
    assert not found.learned and found.onset is None
    assert set(found.labels) == {"early"}


def test_a_fall_is_full_where_half_of_the_modes_went_and_blurred_otherwise() -> None:
    base = Track("ring-r1-turning-4", "", None, "identity")
    base.spreads = [1.0] * 6 + [0.5, 0.5, 0.9]
    assert fall_of(base, 6) == "full"
    base.spreads = [1.0] * 6 + [0.9, 0.4, 0.6]
    assert fall_of(base, 6) == "blurred"

"""When a fall began: steps, ramps and noise with known beginnings."""

import math
import random

import pytest

from callbacks.collapse.onset import FallSum, date_onset, ramp_start
from callbacks.collapse.settings import DetectorSettings
from tests.helpers_collapse import RISING, feed


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("length", "tolerance"), [(1, 0), (2, 1), (4, 1)])
def test_ramp_is_found_in_noise(length, tolerance, seed):
    draw = random.Random(seed)
    begin = 15
    levels = [0.7] * begin
    levels += [0.7 + (0.1 - 0.7) * (i + 1) / length for i in range(length)] + [0.1] * 4
    noisy = [level * math.exp(draw.gauss(0, 0.03)) for level in levels]
    assert abs(ramp_start(noisy) - begin) <= tolerance


def test_no_ramp_where_nothing_falls():
    assert ramp_start([0.1, 0.2, 0.3, 0.4, 0.5]) is None
    assert ramp_start([0.5, 0.1]) is None


def test_sum_starts_where_the_fall_leaves_the_slack():
    fall = FallSum()
    for probe, value in enumerate([0.0, 0.125, 0.375, 0.0, 0.5]):
        fall.add(probe, value, kappa=0.25)
    # 0.125 at probe 2, back to 0 at probe 3, then 0.25.
    assert (fall.start, fall.value) == (4, 0.25)


def test_sum_carries_an_excursion_on():
    fall = FallSum()
    for probe, value in enumerate([0.0, 0.4, 0.1, 0.3]):
        fall.add(probe, value, kappa=0.15)
    assert (fall.start, fall.value) == (1, pytest.approx(0.35))


def test_onset_is_never_further_back_than_allowed():
    scores = [0.9] * 4 + [0.5] * 20
    assert date_onset(scores, 0, 1, DetectorSettings()) == 23 - 12


def test_of_two_datings_of_one_fall_the_earlier_counts_and_else_the_sum():
    scores, settings = [*[0.7] * 12, 0.6, 0.5, 0.4, 0.3], DetectorSettings()
    assert ramp_start(scores) == 12
    # The sum begins a probe later where the first one is within its slack.
    assert [date_onset(scores, 0, summed, settings) for summed in (13, 11, 9)] == [12, 11, 9]
    assert date_onset(scores, 0, 8, settings) == 8
    assert date_onset(scores, 100, 113, settings) == 112
    assert date_onset(scores, 0, None, settings) == 12


@pytest.mark.parametrize("length", [1, 2, 3])
def test_onset_of_a_ramp_through_the_detector(length):
    fall = [0.7 - 0.6 * (i + 1) / length for i in range(length)] + [0.08] * 2
    alarm = next(v for v in feed([*RISING, *fall]) if v.alarm)
    assert abs(alarm.onset_probe - len(RISING)) <= 1

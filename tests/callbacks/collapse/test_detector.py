"""Each row of the state table, on streams made by hand."""

import json
import random

import pytest

from callbacks.collapse.arming import Plan
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.memory import Memory, settled
from callbacks.collapse.settings import DetectorSettings
from tests.helpers_collapse import RISING, band, feed, signals

FROM = len(RISING)


def states(verdicts):
    return [verdict.state for verdict in verdicts]


def test_arms_after_two_good_probes_and_stays_healthy():
    seen = states(feed([0.05, 0.3, 0.1, 0.25, 0.25, 0.3]))
    assert seen == ["warmup", "warmup", "warmup", "warmup", "healthy", "healthy"]


def test_diverse_noise_that_covers_nothing_does_not_arm():
    verdicts = feed([{"score": 0, "diversity": 1.0, "coverage": 0.1}] * 6)
    assert verdicts[-1].score > 0.3
    assert states(verdicts) == ["warmup"] * 6


@pytest.mark.parametrize("seed", range(200))
def test_untrained_generators_never_alarm(seed):
    draw = random.Random(seed)
    verdicts = feed([draw.uniform(0.0, 0.19) for _ in range(19)])
    assert not any(v.alarm for v in verdicts)


def test_slow_learner_is_not_reported_while_its_distance_falls():
    detector = CollapseDetector(band(), plan=Plan(20))
    for probe in range(40):
        feed([0.05], detector)
        detector.evaluated(100 * detector.probes, {"fd_identity@2k": 10.0 * 0.97**probe})
    assert detector.verdict.state == "warmup"


@pytest.mark.parametrize(("lately", "state"), [(9.6, "never_learned"), (9.4, "warmup")])
def test_a_distance_that_fell_by_a_twentieth_lately_is_a_gain(lately, state):
    detector = CollapseDetector(band(), plan=Plan(60))
    feed([0.02] * 15, detector)
    detector.evaluated(1_500, {"fd_identity@2k": 10.0})
    feed([0.02] * 14, detector)
    detector.evaluated(2_900, {"fd_identity@2k": lately})
    assert states(feed([0.02], detector)) == [state]


def test_generator_that_never_learns_is_reported_and_leaves_when_it_does():
    detector = CollapseDetector(band(), plan=Plan(60))
    seen = states(feed([0.02] * 30, detector))
    # Half of 60 planned probes is later than the 20 that are always waited for.
    assert seen[28:] == ["warmup", "never_learned"]
    assert detector.verdict.reason == "no score of 0.2 that stayed in 30 probes"
    assert states(feed([0.3] * 8, detector)) == [*["never_learned"] * 7, "healthy"]


def test_sudden_fall_is_a_collapse_at_once_and_dated_at_its_probe():
    verdicts = feed([*RISING, 0.08])
    last = verdicts[-1]
    assert (last.state, last.severity, last.alarm) == ("collapsed", "full", True)
    assert (last.onset_probe, last.onset) == (FROM, 100 * (FROM + 1))
    assert last.drop == pytest.approx(1 - 0.08 / last.peak)
    assert "diversity 0.67 -> 0.08 of real data" in last.evidence


def test_sudden_fall_of_one_part_alone_waits_for_a_second_probe():
    fall = {"score": 0, "diversity": 0.7, "coverage": 0.02}
    assert states(feed([*RISING, fall, fall]))[-2:] == ["suspect", "collapsed"]


def test_fall_by_half_needs_two_probes():
    assert states(feed([*RISING, 0.34, 0.34]))[-2:] == ["suspect", "collapsed"]
    assert "collapsed" not in states(feed([*RISING, 0.34, 0.66, 0.34, 0.66]))


def test_fall_by_two_fifths_far_beyond_its_noise_needs_two_probes():
    verdicts = feed([*RISING[:3], *[0.7, 0.69, 0.71, 0.7, 0.7] * 3, 0.42, 0.42])
    assert states(verdicts)[-2:] == ["suspect", "collapsed"]
    assert "far beyond its noise" in verdicts[-1].reason


def test_same_fall_within_its_noise_is_none():
    noisy = [0.3, 0.4, *[0.9, 0.55, 0.75, 0.6, 0.95, 0.55] * 4]
    assert not any(v.alarm for v in feed([*noisy, 0.5, 0.5]))


def test_slow_fall_by_a_quarter_is_a_collapse_after_five_of_six_probes():
    stream = [*RISING[:3], *[0.7, 0.69, 0.71, 0.7, 0.7] * 3, *[0.5] * 6]
    verdicts = feed(stream, settings=DetectorSettings(steep_sum=9.0, step_z=-90.0, ramp_z=-90.0))
    # With the sum, which counts ln(0.7 / 0.5) - 0.15 a probe, one probe earlier.
    summed = DetectorSettings(step_z=-90.0, ramp_z=-90.0)
    assert states(feed(stream, settings=summed))[-6:] == ["suspect"] * 3 + ["collapsed"] * 3
    assert verdicts[-1].severity == "partial"
    assert states(verdicts)[-6:] == ["suspect"] * 4 + ["collapsed"] * 2
    assert verdicts[-2].onset_probe == 18


STEADY = [0.3, 0.3, *[0.7, 0.69, 0.71, 0.7] * 4]


def test_step_below_all_healthy_times_is_a_partial_collapse_at_the_third_probe():
    verdicts = feed([*STEADY, 0.57, 0.56, 0.57])
    assert states(verdicts)[-3:] == ["healthy", "healthy", "collapsed"]
    assert verdicts[-1].severity == "partial"
    assert "below all of its healthy times" in verdicts[-1].reason
    assert verdicts[-1].onset_probe == len(STEADY)


@pytest.mark.parametrize(
    "stream",
    [
        # Less than 18 % of the peak of 0.71, one of the three; or one that is back.
        [*STEADY, 0.57, 0.59, 0.57],
        [*STEADY, 0.57, 0.57, 0.68, 0.57],
        # It was as low before, or hardly higher.
        [*STEADY[:-5], 0.58, *STEADY[-4:], 0.57, 0.56, 0.57],
        # Five standard deviations of its steps are more than the fall.
        [0.3, 0.3, *[0.65, 0.75, 0.8, 0.66] * 4, 0.59, 0.58, 0.59],
    ],
)
def test_other_falls_of_that_size_are_none(stream):
    assert set(states(feed(stream))[2:]) <= {"healthy"}


def test_step_needs_twelve_healthy_probes_before_it():
    mild, fall = DetectorSettings(step_z=-0.1), [0.57, 0.56, 0.57]
    # One more arms it.
    known = [0.7, 0.7, *STEADY[3:14]]
    assert states(feed([*known, *fall], settings=mild))[-1] == "collapsed"
    assert states(feed([*known[1:], *fall], settings=mild))[-1] == "healthy"


#: Three probes down by 10, 20 and 25 % of the peak of 0.7, after four that wander by 1 %.
RAMP = (0.62, 0.55, 0.52)


def test_a_fall_on_its_way_is_a_collapse_at_its_third_probe():
    verdicts = feed([*STEADY, *RAMP])
    assert states(verdicts)[-1] == "collapsed" and verdicts[-1].severity == "partial"
    assert verdicts[-1].reason == "the score falls on and on, by 26% so far"
    assert verdicts[-1].onset_probe == len(STEADY)
    # With 40 % at the third probe it is a full one, before the sum says so.
    steep = DetectorSettings(steep_sum=9.0)
    assert feed([*STEADY, 0.62, 0.55, 0.42], settings=steep)[-1].severity == "full"


@pytest.mark.parametrize(
    ("stream", "more"),
    [
        # One of the three is not down far enough, or they are two.
        ([*STEADY, 0.65, 0.55, 0.52], {}),
        ([*STEADY, 0.62, 0.58, 0.52], {}),
        ([*STEADY, 0.62, 0.55, 0.54], {}),
        ([*STEADY, 0.55, 0.52], {}),
        # It was as low before, or hardly higher.
        ([*STEADY[:6], 0.6, *STEADY[6:], *RAMP], {}),
        # Four standard deviations of its steps, or of its scores, are more than the fall.
        ([0.3, 0.3, *[0.65, 0.75, 0.8, 0.66] * 4, *RAMP], {}),
        ([*STEADY, *RAMP], {"ramp_z": -60.0}),
    ],
)
def test_other_falls_on_their_way_are_none(stream, more):
    alone = DetectorSettings(**{"steep_sum": 9.0, "step_z": -90.0, **more})
    assert set(states(feed(stream, settings=alone))[2:]) <= {"healthy", "suspect"}


def test_probes_of_a_fall_that_has_just_begun_are_no_noise_of_healthy_times():
    assert settled(range(20), 12, 2) == list(range(6, 18))
    assert settled(range(14), 12, 2) == list(range(12))
    # Where there are too few before them they count.
    assert settled(range(13), 12, 2) == list(range(1, 13))
    memory = Memory(healthy=[*[0.5] * 12, 0.4, 0.3])
    assert memory.noise(12, 0.01, 2) == (0.5, 0.005)
    assert memory.unrest(12, 0.01, 2) == 0.005
    memory = Memory(healthy=[*[0.5, 0.52] * 4, 0.4, 0.3, 0.2, 0.1, 0.4, 0.2])
    assert memory.noise(12, 0.01)[1] > 2 * memory.noise(8, 0.01, 6)[1]


def test_a_smaller_step_needs_cells_that_are_empty_in_it():
    """Two cells held 50 of 256 samples; 12 % are asked for."""
    known = [*KNOWN[:6], *({"score": score, "cells": WHOLE} for score in STEADY[2:])]
    steps = (0.59, 0.58, 0.59)

    def after(cells, settings=None):
        return feed([*known, *({"score": s, "cells": cells} for s in steps)], settings=settings)

    lost = [44.0, 44.0, 44.0, 44.0, 0.0, 40.0, 0.0, 40.0]
    verdicts = after(lost)
    assert states(verdicts)[-3:] == ["healthy", "healthy", "collapsed"]
    assert verdicts[-1].severity == "partial" and "gone in one step" in verdicts[-1].reason
    assert states(after(WHOLE))[-1] == "healthy"
    for blind in (DetectorSettings(step_part=0.18), DetectorSettings(step_cells=0.3)):
        assert states(after(lost, blind))[-1] == "healthy"


def test_of_junk_a_fall_by_half_must_be_beyond_noise_as_well():
    noisy, fall = [0.8, 0.45] * 10, [0.35] * 4
    assert states(feed([*noisy, *fall]))[-1] == "collapsed"
    junk = [{"score": score, "quality": 0.3} for score in [*noisy, *fall]]
    assert set(states(feed(junk))[2:]) == {"healthy"}


def test_of_junk_only_copies_are_a_collapse_and_a_fall_by_half_that_stays_a_suspicion():
    def junk(score, **more):
        return {"score": score, "quality": 0.3, **more}

    # Deep enough to be one at once, but short.
    short = [0.08, 0.2, 0.3]
    assert states(feed([*STEADY, *short]))[-3:] == ["collapsed"] * 3
    old = [junk(score) for score in STEADY]
    calm = feed([*old, *map(junk, short)])[-3:]
    assert states(calm) == ["healthy"] * 3
    assert all("like nothing real" in verdict.reason for verdict in calm)
    verdicts = feed([*old, *map(junk, [0.2, 0.3, 0.3, 0.3])])
    assert states(verdicts)[-2:] == ["healthy", "suspect"]
    assert "fell by" in verdicts[-1].reason and verdicts[-1].severity is None
    assert states(feed([*old, junk(0.7, duplicates=0.6)]))[-1] == "collapsed"
    # One that takes nearly everything in three probes needs no fourth ...
    deep = feed([*old, *map(junk, [0.5, 0.4, 0.15])])
    assert states(deep)[-3:] == ["healthy", "healthy", "suspect"]
    # ... and one that leaves a third does, or that began at the second.
    assert states(feed([*old, *map(junk, [0.5, 0.4, 0.25])]))[-1] == "healthy"
    assert states(feed([*old, *map(junk, [0.6, 0.4, 0.15])]))[-1] == "healthy"
    # As low in another order it only jumps, and where it always moves as far it does too.
    assert states(feed([*old, *map(junk, [0.3, 0.15, 0.16])]))[-1] == "healthy"
    jumps = [junk(score) for score in [0.75, 0.57] * 10]
    assert states(feed([*jumps, *map(junk, [0.5, 0.4, 0.15])]))[-1] == "healthy"
    # The median of the healthy times counts, not the probes of the fall.
    assert states(feed([*STEADY, junk(0.08)]))[-1] == "collapsed"
    mild = DetectorSettings(least_quality=0.29)
    assert states(feed([*old, junk(0.08)], settings=mild))[-1] == "collapsed"


def test_junk_raises_no_alarm_by_a_distance_or_as_rubbish():
    def said(quality):
        detector = CollapseDetector(band())
        feed([{"score": score, "quality": quality} for score in STEADY], detector)
        detector.evaluated(2_000, {"fd_x@2k": 1.0})
        feed([{"score": 0.25, "quality": quality}] * 5, detector)
        found = detector.evaluated(2_600, {"fd_x@2k": 3.0})
        return detector.verdict.state if found is None else found.state

    assert (said(0.3), said(0.9)) == ("suspect", "collapsed")
    gone = {"score": 0.05, "diversity": 0.9, "coverage": 0.01, "quality": 0.02}
    assert states(feed([*STEADY, gone, gone]))[-1] == "diverged"
    old = [{"score": score, "quality": 0.3} for score in STEADY]
    assert states(feed([*old, gone, gone]))[-1] == "healthy"
    detector = CollapseDetector(band())
    feed(old, detector)
    assert detector.update(9_900, signals(0.5), finite=False).state == "diverged"


@pytest.mark.parametrize(
    ("quality", "lately", "state"),
    [(0.3, 1.24, "collapsed"), (0.3, 1.26, "healthy"), (0.9, 1.26, "collapsed")],
)
def test_junk_is_over_once_precision_rises_while_the_distance_is_near_its_best(
    quality, lately, state
):
    """Thirteen probes of 0.4 make the median of twelve 0.4, above the third that is asked for."""
    detector = CollapseDetector(band())
    feed([{"score": score, "quality": quality} for score in STEADY], detector)
    detector.evaluated(2_000, {"fd_x@2k": 1.0})
    detector.evaluated(2_000, {"fd_x@2k": lately})
    feed([{"score": 0.7, "quality": 0.4}] * 13, detector)
    assert states(feed([{"score": 0.08, "quality": 0.4}], detector)) == [state]


def test_copies_are_a_collapse_however_good_the_score_is():
    verdicts = feed([*RISING, {"score": 0.7, "duplicates": 0.6}])
    assert (verdicts[-1].state, verdicts[-1].severity) == ("collapsed", "full")
    assert "60% of the samples are copies" in verdicts[-1].reason
    assert states(feed([*RISING, {"score": 0.7, "duplicates": 0.5}]))[-1] == "healthy"


def test_second_draw_is_asked_for_and_the_better_one_is_believed():
    detector = CollapseDetector(band())
    feed(RISING, detector)
    assert not detector.wants_second_look(signals(0.6))
    assert detector.wants_second_look(signals(0.08))
    assert detector.wants_second_look(signals(0.7, duplicates=0.6))
    verdict = detector.update(9_900, signals(0.08), second=signals(0.69))
    assert (verdict.state, verdict.score) == ("healthy", pytest.approx(0.69))
    detector.wants_second_look(signals(0.3))
    assert detector.update(10_000, signals(0.3), second=signals(0.1)).score == pytest.approx(0.3)


#: Seven modes of eight cells, and what is left of them without one, and without four.
WHOLE = [20.0, 40.0, 30.0, 40.0, 20.0, 40.0, 30.0, 36.0]
LESS = [20.0, 44.0, 34.0, 44.0, 24.0, 50.0, 1.0, 39.0]
FEW = [0.0, 90.0, 0.0, 1.0, 0.0, 85.0, 1.0, 79.0]


def whole(score=0.9):
    return {"score": score, "cells": WHOLE}


def less(score=0.88):
    return {"score": score, "cells": LESS}


#: Healthy from the second probe on: the cells are known at the 26th.
KNOWN = [*({"score": score, "cells": WHOLE} for score in RISING[:6]), *[whole()] * 20]


def test_loss_of_one_mode_in_eight_is_a_partial_suspicion_then_a_partial_collapse():
    """Of five probes together a tenth of its samples is left, so the fifth makes it suspect."""
    verdicts = feed([*KNOWN, *[less()] * 20])
    first = states(verdicts).index("suspect")
    assert first == 26 + 4
    assert verdicts[first].severity == "partial"
    assert verdicts[first].lost_share == pytest.approx(30 / 256)
    assert verdicts[first].reason == "modes with 12% of the samples are gone"
    # Twelve hundredths make it certain.
    assert not any(v.alarm for v in verdicts)
    without_two = [*LESS[:4], 0.0, *LESS[5:]]
    verdicts = feed([*KNOWN, *[{"score": 0.85, "cells": without_two}] * 20])
    alarm = next(v for v in verdicts if v.alarm)
    assert (alarm.state, alarm.severity) == ("collapsed", "partial")
    assert verdicts.index(alarm) == 26 + 9
    assert alarm.onset_probe == 26
    assert alarm.reason == "modes with 20% of the samples are gone, and stay away"


def test_modes_that_are_missing_by_turns_are_wandering_and_not_lost():
    away = [[0.0 if n == turn else c for n, c in enumerate(WHOLE)] for turn in (0, 2, 4, 6)]
    verdicts = feed([*KNOWN, *({"score": 0.9, "cells": cells} for cells in away * 6)])
    assert set(states(verdicts)[26:]) == {"healthy"}


def test_modes_that_were_never_drawn_are_not_lost():
    poor = [0.0, 60.0, 0.0, 60.0, 40.0, 50.0, 0.0, 46.0]
    verdicts = feed([{"score": score, "cells": poor} for score in [*RISING, *[0.7] * 20]])
    assert states(verdicts)[-1] == "healthy"


def test_half_of_the_modes_gone_at_once_is_a_full_collapse_after_two_probes():
    verdicts = feed([*KNOWN, *[{"score": 0.74, "cells": FEW}] * 2])
    assert states(verdicts)[-2:] == ["healthy", "collapsed"]
    assert (verdicts[-1].severity, verdicts[-1].onset_probe) == ("full", 26)
    assert "gone at once" in verdicts[-1].reason
    # A generator that walks within its modes leaves cells too, but its score stays.
    verdicts = feed([*KNOWN, *[{"score": 0.85, "cells": FEW}] * 2])
    assert states(verdicts)[-1] == "healthy"


def test_half_of_the_modes_mostly_gone_is_a_collapse_too():
    """A quarter of the samples of half of the modes is left: more than 15 %, less than 30."""

    def after(left, **settings):
        cells = [n * left if place % 2 else 2 * n for place, n in enumerate(WHOLE)]
        found = feed([*KNOWN, *[{"score": 0.74, "cells": cells}] * 2], settings=fitting(**settings))
        return found[-1]

    def fitting(**settings):
        return DetectorSettings(**settings) if settings else None

    assert (after(0.25).state, after(0.25).severity) == ("collapsed", "full")
    assert "mostly gone at once" in after(0.25).reason
    assert after(0.35).state == "healthy"
    assert after(0.25, most_left=0.2).state == after(0.25, most_drop=0.7).state == "healthy"


def test_cells_need_a_score_that_is_down_beyond_its_own_noise():
    """Steps of 0.12 make a deviation of 0.126: two at 0.74 are no 2.5 of them below 0.96."""
    restless = [{"score": score, "cells": WHOLE} for score in (0.96, 0.84) * 10]
    known = [*KNOWN[:6], *restless]
    assert states(feed([*known, *[{"score": 0.74, "cells": FEW}] * 2]))[-1] == "healthy"
    assert states(feed([*known, *[{"score": 0.6, "cells": FEW}] * 2]))[-1] == "collapsed"


def test_lost_modes_that_come_back_end_a_partial_collapse():
    bad = [{"score": 0.85, "cells": [*LESS[:4], 0.0, *LESS[5:]]}] * 10
    verdicts = feed([*KNOWN, *bad, *[whole()] * 9])
    assert states(verdicts)[35] == "collapsed"
    assert states(verdicts)[-9:] == ["collapsed"] * 2 + ["recovered"] * 5 + ["healthy"] * 2
    # Others that come more often instead are no recovery.
    verdicts = feed([*KNOWN, *bad, *bad])
    assert states(verdicts)[-1] == "collapsed"


def test_larger_sample_confirms_a_partial_suspicion_that_has_lasted_three_probes():
    detector = CollapseDetector(band())
    feed(KNOWN, detector)
    detector.evaluated(2_600, {"fd_x@2k": 1.0, "coverage_x@2k": 0.90})
    feed([less()] * 5, detector)
    assert (detector.verdict.state, detector.verdict.severity) == ("suspect", "partial")
    low = {"fd_x@2k": 1.1, "coverage_x@2k": 0.80}
    assert detector.evaluated(3_100, low) is None
    feed([less()], detector)
    assert detector.evaluated(3_200, low) is None
    feed([less()], detector)
    assert detector.evaluated(3_300, {**low, "coverage_x@2k": 0.89}) is None
    # Where the distance is no larger, modes have only moved.
    assert detector.evaluated(3_300, {**low, "fd_x@2k": 1.0}) is None
    verdict = detector.evaluated(3_300, low)
    assert (verdict.state, verdict.severity, verdict.alarm) == ("collapsed", "partial", True)


def test_coverage_that_has_always_wandered_confirms_nothing():
    """Deviations of 0, 0.06, 0.06, 0.1 and 0.1 make 0.089: four of them are 0.356."""

    def said(coverage: float) -> bool:
        detector = CollapseDetector(band())
        feed(KNOWN, detector)
        for place, earlier in enumerate((0.8, 0.86, 0.74, 0.9, 0.7)):
            detector.evaluated(2_600 + place, {"fd_x@2k": 1.0, "coverage_x@2k": earlier})
        feed([less()] * 7, detector)
        return detector.evaluated(3_300, {"fd_x@2k": 1.1, "coverage_x@2k": coverage}) is not None

    assert not said(0.45)
    assert said(0.43)


def test_run_that_is_all_noise_must_stay_down_for_four_probes():
    """Steps of 0.5 make a deviation of 0.52: no fall from 0.8 is three of them."""
    noisy = [0.8, 0.3] * 10
    assert set(states(feed([*noisy, 0.3, 0.3]))[2:]) == {"healthy"}
    assert states(feed([*noisy, 0.3, 0.3, 0.3]))[-1] == "collapsed"
    patient = DetectorSettings(full_probes=5)
    assert states(feed([*noisy, 0.3, 0.3, 0.3], settings=patient))[-1] == "healthy"
    # A steady rise is no noise, however steep.
    rising = [0.1 + 0.08 * place for place in range(10)]
    assert states(feed([*rising, 0.36, 0.36]))[-2:] == ["healthy", "collapsed"]


def test_two_scores_that_lie_beside_each_other_are_not_its_noise():
    memory = Memory(healthy=[0.5, 0.5])
    # Of four usual probes of 0.05 and two of 0: sqrt(4 / 6) of it.
    assert memory.noise(12, 0.01) == (0.5, pytest.approx(0.05 * (4 / 6) ** 0.5))
    assert memory.unrest(12, 0.01) == pytest.approx(0.05 * (4 / 5) ** 0.5)
    memory.healthy = [0.5] * 12
    assert memory.noise(12, 0.01) == (0.5, 0.005)
    assert memory.unrest(12, 0.01) == 0.005
    memory.healthy = [0.4 + 0.02 * place for place in range(12)]
    assert memory.unrest(12, 0.01) == pytest.approx(1.4826 * 0.02 / 2**0.5)


def test_partial_collapse_that_gets_worse_raises_a_second_alarm():
    bad = {"score": 0.85, "cells": [*LESS[:4], 0.0, *LESS[5:]]}
    verdicts = feed([*KNOWN, *[bad] * 18, *[{**bad, "score": 0.3}] * 2])
    alarms = [v.severity for v in verdicts if v.alarm]
    assert alarms == ["partial", "full"]


def test_rising_distance_turns_a_suspicion_into_a_collapse():
    detector = CollapseDetector(band())
    feed(RISING, detector)
    detector.evaluated(1_500, {"fd_x@2k": 1.0})
    feed([*[0.7] * 12, 0.48], detector)
    assert detector.verdict.state == "suspect"
    # One probe is nothing that a distance can confirm.
    assert detector.evaluated(1_600, {"fd_x@2k": 1.6}) is None
    feed([0.48], detector)
    verdict = detector.evaluated(1_700, {"fd_x@2k": 1.7})
    assert (verdict.state, verdict.severity) == ("collapsed", "full")
    assert "Frechet distance rises" in verdict.reason


def test_distance_five_times_its_best_twice_is_a_divergence_where_the_quality_fell_too():
    detector = CollapseDetector(band())
    feed(RISING, detector)
    assert detector.evaluated(1_500, {"fd_x@2k": 1.0}) is None
    # In two dimensions the distance of healthy runs wanders that far.
    assert detector.evaluated(1_500, {"fd_x@2k": 5.1}) is None
    assert detector.evaluated(1_500, {"fd_x@2k": 5.1}) is None
    feed([{"score": 0.7, "quality": 0.6}], detector)
    assert detector.evaluated(1_500, {"fd_x@2k": 5.1}) is None
    assert detector.evaluated(1_500, {"fd_x@2k": 5.1}).state == "diverged"


def test_the_end_of_a_published_run_is_no_alarm_but_a_jump_of_its_distance_is_kat_47():
    # BigGAN's own log on ImageNet: it falls, finds its best, and stays two percent above it.
    published = [173.8, 37.9, 19.7, 14.4, 11.7, 9.77, 9.83, 9.96, 9.88, 9.91]
    detector = CollapseDetector(band())
    for place, distance in enumerate(published):
        verdict = feed([0.1 + 0.08 * place], detector)[-1]
        told = detector.evaluated(100 * detector.probes, {"fd_x@2k": distance})
        assert told is None and not verdict.alarm
    assert detector.verdict.state == "healthy"
    good = 100 * detector.probes
    alarms = []
    for score in (0.38, 0.36, 0.34):
        verdict = feed([score], detector)[-1]
        alarms.append(detector.evaluated(100 * detector.probes, {"fd_x@2k": 60.0}) or verdict)
    lost = next(verdict for verdict in alarms if verdict.alarm)
    assert lost.state in ("collapsed", "diverged")
    # To go back to before the onset is to go back to the last good moment or earlier.
    assert lost.onset is not None and lost.onset > good
    assert detector.update(9_999, {}, finite=False).state == "diverged"


def test_diverse_rubbish_is_a_divergence_after_two_probes():
    rubbish = {"score": 0, "diversity": 0.9, "coverage": 0.6, "quality": 0.1}
    verdicts = feed([*RISING, rubbish, rubbish])
    assert states(verdicts)[-2:] == ["healthy", "diverged"]
    # Without diversity it is a collapse.
    poor = {**rubbish, "diversity": 0.1, "coverage": 0.1}
    assert states(feed([*RISING, poor, poor]))[-1] == "collapsed"


def test_what_is_not_finite_diverges_at_once_even_before_arming():
    detector = CollapseDetector(band())
    verdict = detector.update(100, {}, finite=False)
    assert (verdict.state, verdict.alarm, verdict.score) == ("diverged", True, None)
    late = CollapseDetector(band())
    feed(RISING, late)
    late.update(1_600, {"all": dict.fromkeys(signals(1.0)["all"])})
    assert late.verdict.state == "diverged"
    assert late.verdict.onset_probe == FROM


def test_recovery_needs_three_calm_probes_and_five_more_to_be_healthy():
    seen = states(feed([*RISING, 0.08, 0.1, 0.65, 0.1, *[0.65] * 9]))[FROM:]
    assert seen == ["collapsed"] * 6 + ["recovered"] * 5 + ["healthy"] * 2


def test_a_run_that_settled_below_its_peak_is_back_where_it_fell_from():
    settled = [*RISING, 0.66, 0.63, 0.61, 0.6, 0.58, 0.57, 0.56, 0.55, *[0.53] * 6]
    verdicts = feed([*settled, 0.02, *[0.53] * 9])
    assert verdicts[len(settled) - 1].state == "healthy"
    assert states(verdicts)[len(settled) :] == [
        *["collapsed"] * 3,
        *["recovered"] * 5,
        *["healthy"] * 2,
    ]
    # Half of the way back is not back.
    half = feed([*settled, 0.02, *[0.4] * 9])
    assert states(half)[len(settled) :] == ["collapsed"] * 10


def test_onset_stays_where_it_was_dated_however_long_the_collapse_lasts():
    verdicts = feed([*RISING, 0.08, *[0.1] * 100])
    assert {v.onset for v in verdicts[FROM:]} == {100 * (FROM + 1)}
    assert {v.onset_probe for v in verdicts[FROM:]} == {FROM}


def test_peak_is_frozen_while_collapsed():
    detector = CollapseDetector(band())
    feed([*RISING, 0.08], detector)
    peak = detector.verdict.peak
    feed([0.1] * 20, detector)
    assert detector.verdict.peak == peak
    assert detector.verdict.state == "collapsed"


def test_lucky_probe_does_not_become_the_norm():
    assert feed([*RISING, 1.0, 0.7, 0.7])[-1].peak == pytest.approx(0.705, abs=0.01)


def test_oscillation_around_a_threshold_gives_one_alarm():
    verdicts = feed([*RISING, *[0.34, 0.36] * 15])
    assert sum(v.alarm for v in verdicts) == 1


def test_suspicion_ends_below_a_milder_threshold_than_it_began():
    steady = [0.3, 0.3, *[0.7, 0.69, 0.71, 0.7] * 5]
    verdicts = feed([*steady, 0.5, 0.55, 0.58], settings=DetectorSettings(step_probes=4))
    assert states(verdicts)[-3:] == ["suspect", "suspect", "healthy"]
    assert verdicts[-2].onset_probe == len(steady)
    assert verdicts[-1].onset is None


def test_rebaseline_forgets_the_peak_and_arms_anew():
    detector = CollapseDetector(band())
    feed(RISING, detector)
    detector.rebaseline("resolution 64")
    seen = feed([0.1, 0.1, 0.3, 0.3, 0.3, 0.05], detector)
    assert states(seen) == ["warmup", "warmup", "warmup", "healthy", "healthy", "collapsed"]
    assert detector.probes == FROM + 6


def test_state_travels_as_json_and_goes_on_alike_in_the_middle_of_a_suspicion():
    stream = [*RISING, *[0.7, 0.71] * 6, *[0.5] * 6, 0.7, 0.7, 0.7, 0.7]
    whole = feed(stream)
    assert {"suspect", "collapsed", "recovered"} < set(states(whole))
    for cut in (1, 5, FROM + 13, FROM + 15, FROM + 19):
        first = CollapseDetector(band())
        feed(stream[:cut], first)
        second = CollapseDetector(band())
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert feed(stream[cut:], second) == whole[cut:], cut


def test_cells_travel_as_json_in_the_middle_of_a_partial_collapse():
    bad = [{"score": 0.85, "cells": [*LESS[:4], 0.0, *LESS[5:]]}] * 14
    stream = [*KNOWN, *bad, *[whole()] * 9]
    expected = feed(stream)
    assert {"suspect", "collapsed", "recovered"} < set(states(expected))
    for cut in (20, 28, 32, 38, 42, 45):
        first, second = CollapseDetector(band()), CollapseDetector(band())
        feed(stream[:cut], first)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert feed(stream[cut:], second) == expected[cut:], cut


def test_classes_that_die_are_named_and_raise_the_state():
    names = [f"class {digit}" for digit in range(10)]
    detector = CollapseDetector(band(["all", *names]))

    def probe(dead):
        made = signals(0.8)
        for name in names:
            alive = 0.02 if name in dead else 0.85
            made[name] = {**signals(alive)["all"], "reals": 64.0}
        return detector.update(100 * (detector.probes + 1), made)

    for _ in range(12):
        assert probe([]).state in ("warmup", "healthy")
    assert "dead classes: 3" in probe(names[3:4]).findings[0]
    assert detector.verdict.state == "healthy"
    assert probe(names[:3]).state == "suspect"
    verdict = probe(names[:6])
    assert (verdict.state, verdict.severity) == ("collapsed", "full")
    assert "60% of the classes are dead" in verdict.reason or "fell" in verdict.reason


def test_class_that_was_never_learned_is_not_dead():
    names = [f"class {digit}" for digit in range(4)]
    detector = CollapseDetector(band(["all", *names]))
    for _ in range(6):
        made = signals(0.8)
        for name in names:
            alive = 0.02 if name == names[0] else 0.85
            made[name] = {**signals(alive)["all"], "reals": 64.0}
        verdict = detector.update(100, made)
    assert verdict.state == "healthy"
    assert verdict.findings == ()


def test_thresholds_move_the_verdict():
    stream = [*RISING, 0.34, 0.34]
    assert feed(stream)[-1].state == "collapsed"
    mild = DetectorSettings(full_drop=0.7, steep_sum=9.0, sudden_drop=0.9)
    assert feed(stream, settings=mild)[-1].state == "suspect"
    bad = [{"score": 0.85, "cells": [*LESS[:4], 0.0, *LESS[5:]]}] * 10
    assert feed([*KNOWN, *bad])[-1].state == "collapsed"
    for mild in (
        DetectorSettings(partial_certain=0.25),
        DetectorSettings(partial_window=6),
    ):
        assert feed([*KNOWN, *bad], settings=mild)[-1].state == "suspect"
    for blind in (
        DetectorSettings(partial_drop=0.25, partial_certain=0.25),
        DetectorSettings(partial_after=30),
        # Of the seventh cell a thirtieth is left, of the fifth nothing; both make a fifth.
        DetectorSettings(cell_left=0.01, partial_drop=0.15, partial_certain=0.15),
    ):
        assert feed([*KNOWN, *bad], settings=blind)[-1].state == "healthy"
    strict = DetectorSettings(part_drop=0.15, part_score=0.05, part_z=-1.0)
    assert feed([*KNOWN, *bad[:2]], settings=strict)[-1].severity == "partial"
    for blind in (
        DetectorSettings(part_drop=0.15, part_z=-1.0),
        DetectorSettings(part_score=0.05, part_z=-1.0),
        DetectorSettings(part_drop=0.15, part_score=0.05, part_z=-50.0),
    ):
        assert feed([*KNOWN, *bad[:2]], settings=blind)[-1].state == "healthy"
    assert (
        feed([*RISING, 0.3, 0.3], settings=DetectorSettings(full_z=-90.0, steep_sum=9.0))[-1].state
        == "suspect"
    )


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("full_drop", 1.5, "at most 1"),
        ("full_drop", -0.1, "above 0"),
        ("suspect_z", 4.0, "below 0"),
        ("arm_probes", 0, "at least 1"),
        ("arm_probes", 2.5, "whole number"),
        ("suspect_drop", 0.6, "at most full_drop"),
        ("step_part", 0.19, "at most step_drop"),
        ("cell_left", 0.31, "at most most_left"),
        ("part_drop", 0.46, "at most most_drop"),
        ("rise_probes", 0, "at least 1"),
        ("slow_probes", 9, "at most slow_window"),
        ("arm_score", "high", "a number"),
    ],
)
def test_thresholds_out_of_range_are_refused(name, value, rule):
    with pytest.raises(ValueError, match=rf"DetectorSettings: {name} must .*{rule}.*default"):
        DetectorSettings(**{name: value})


def test_unknown_threshold_is_refused():
    with pytest.raises(ValueError, match="got 'full_drap'"):
        DetectorSettings.from_dict({"full_drap": 0.5})

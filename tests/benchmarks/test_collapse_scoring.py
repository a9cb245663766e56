"""The arithmetic of the benchmark, on outcomes written by hand."""

import math

import pytest

from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import Alarm, Outcome
from benchmarks.collapse.scoring import (
    detected,
    false_alarms,
    flagged_in_time,
    grey_alarms,
    in_time,
    loss_of_detection,
    onset_error,
    recovered,
    regret,
    score,
)
from benchmarks.collapse.shares import clopper_pearson, quantile
from benchmarks.collapse.tracks import Track

LETTERS = {"e": "early", "h": "healthy", "g": "grey", "c": "collapsed"}


def case(labels: str, truth: str = "full", **values) -> Case:
    moments = [100 * (i + 1) for i in range(len(labels))]
    track = Track(
        "ring-r1-healthy-4", values.pop("injection", ""), None, "identity", images_seen=moments
    )
    track.independent = values.pop("independent", {})
    return Case(track, tuple(LETTERS[x] for x in labels), truth, **values)


def outcome(of: Case, *alarms: Alarm, states: str = "") -> Outcome:
    names = {"h": "healthy", "s": "suspect", "c": "collapsed", "r": "recovered", "n": "warmup"}
    said = [names[x] for x in states] or ["healthy"] * len(of.labels)
    return Outcome(of, said, list(alarms), [None] * len(said))


def alarm(probe: int, onset: int | None = None, chosen: int | None = None) -> Alarm:
    return Alarm(probe, onset, "full", chosen)


@pytest.mark.parametrize(("probe", "hit"), [(4, False), (5, True), (7, True), (8, False)])
def test_an_alarm_counts_from_the_onset_to_two_probes_after(probe: int, hit: bool) -> None:
    found = outcome(case("hhhhhccccc", onset=5), alarm(probe))
    assert in_time(found) is hit


def test_a_gradual_fall_may_be_called_before_the_oracle_does() -> None:
    found = outcome(case("hhhggccccc", onset=5, begins=3), alarm(3, 3))
    assert in_time(found) and onset_error(found) == 0
    assert false_alarms(found) == [] and grey_alarms(found) == []


def test_alarms_elsewhere_are_false_or_grey() -> None:
    found = outcome(case("ehhghccccc", onset=5), alarm(0), alarm(2), alarm(3), alarm(6))
    assert [a.probe for a in false_alarms(found)] == [0, 2]
    assert [a.probe for a in grey_alarms(found)] == [3]
    assert detected(found) is found.alarms[3]


@pytest.mark.parametrize(("named", "error"), [(1, -2), (3, 0), (4, 0), (5, 0), (7, 2)])
def test_onset_error_is_nothing_within_a_gradual_fall(named: int, error: int) -> None:
    found = outcome(case("hhhggccccc", onset=5, begins=3), alarm(7, named))
    assert onset_error(found) == error


def test_partial_collapses_have_eight_probes() -> None:
    truth = case("hh" + "g" * 12, "partial", onset=2, begins=2)
    late, early = "h" * 11 + "sss", "h" * 10 + "ssss"
    assert not flagged_in_time(outcome(truth, states=late))
    assert flagged_in_time(outcome(truth, states=early))
    before = "ss" + "h" * 12
    assert not flagged_in_time(outcome(truth, states=before))


def test_regret_is_relative_to_the_best_before_the_fall() -> None:
    truth = case("hhhhhccccc", onset=5, independent={0: 4.0, 2: 2.0, 4: 2.5, 7: 1.0})
    assert regret(outcome(truth), lambda _: 2) == 0.0
    assert regret(outcome(truth), lambda _: 4) == pytest.approx(0.25)
    assert regret(outcome(truth), lambda _: 7) == math.inf
    assert regret(outcome(truth), lambda _: None) is None


def test_loss_of_detection_is_against_the_choice_with_the_true_onset() -> None:
    truth = case("hhhhhccccc", onset=5, independent={0: 4.0, 2: 2.0, 4: 2.5})
    found = outcome(truth, alarm(6, 5, chosen=0))
    found.told = 4
    assert loss_of_detection(found) == pytest.approx(0.6)
    found.alarms[0] = alarm(6, 5, chosen=7)
    assert loss_of_detection(found) == math.inf
    found.told = None
    assert loss_of_detection(found) is None


def test_a_recovery_was_called_ended_and_gave_no_checkpoint() -> None:
    truth = case("hhhccchhhh", "recover", onset=3, begins=3, ends=6)
    good = outcome(truth, alarm(4), states="hhhcccrrhh")
    good.chosen = 8
    assert recovered(good)
    good.chosen = 4
    assert not recovered(good)
    assert not recovered(outcome(truth, states="hhhhhhhhhh"))
    assert not recovered(outcome(truth, alarm(4), states="hhhcccccrr"))


def test_clopper_pearson_is_the_published_interval() -> None:
    # Rule of three, exactly: 1 - 0.025^(1/n) with no hit.
    assert clopper_pearson(0, 100)[1] == pytest.approx(1 - 0.025 ** (1 / 100), abs=1e-9)
    assert clopper_pearson(98, 100) == pytest.approx((0.92962, 0.99757), abs=1e-5)
    assert clopper_pearson(5, 5)[1] == 1.0 and clopper_pearson(0, 0) == (0.0, 1.0)


def test_quantiles_are_values_that_occur() -> None:
    assert quantile([3, 1, 2, 4], 0.5) == 2 and quantile([1] * 9 + [7], 0.9) == 1
    assert quantile([1] * 8 + [7, 7], 0.9) == 7
    assert math.isnan(quantile([], 0.9))


def test_only_runs_as_they_were_count_for_false_alarms() -> None:
    plain = outcome(case("hhhhh", "healthy"), alarm(2), states="hhscc")
    spoilt = outcome(case("hhhcc", onset=3, injection="constant"), alarm(1), alarm(3))
    control = outcome(case("hhhhh", "healthy", control="dip"), alarm(1))
    found = score([plain, spoilt, control])
    assert (found.false_alarms.hits, found.false_alarms.total) == (1, 5)
    assert (found.control_alarms.hits, found.control_alarms.total) == (1, 5)
    assert (found.suspect.hits, found.suspect.total) == (1, 5)
    assert (found.recall.hits, found.recall.total) == (1, 1)
    assert found.recall_trained.total == 0

"""Simpler rules and hidden signals, on cases written by hand."""

from benchmarks.collapse.baselines import (
    coverage_rule,
    distance_between_rule,
    distance_rule,
    loss_rule,
    lowest,
)
from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import hidden
from benchmarks.collapse.tracks import Track

BAND = {"all": {"vendi": {"median": 200.0, "low": 190.0, "sd": 2.0}}}


def case(signals: list[dict[str, float | None]], heavy: dict[int, float | None]) -> Case:
    count = len(signals)
    track = Track("ring-r1-healthy-4", "", None, "identity", BAND)
    track.images_seen = list(range(count))
    track.signals = [{"all": row} for row in signals]
    track.d_loss = [1.0, 1.2, 0.8] + [0.005] * (count - 3)
    track.heavy = {probe: {"fd_identity@1000": value} for probe, value in heavy.items()}
    return Case(track, ("healthy",) * count, "healthy")


def test_the_distance_rule_speaks_at_evaluations_alone_and_once_a_fall() -> None:
    found = distance_rule(case([{}] * 6, {0: 1.0, 2: 1.9, 3: 2.1, 4: 3.0, 5: 1.0}))
    assert [a.probe for a in found.alarms] == [3]
    assert found.states == ["healthy"] * 3 + ["collapsed"] * 2 + ["healthy"]


def test_the_loss_rule_waits_for_three_probes_below_a_hundredth() -> None:
    found = loss_rule(case([{}] * 8, {}))
    assert [a.probe for a in found.alarms] == [5]


def test_the_distance_between_samples_is_held_against_real_ones() -> None:
    rows = [{"mean_distance": value} for value in (1.0, 0.51, 0.49, 0.2, None)]
    assert [a.probe for a in distance_between_rule(case(rows, {})).alarms] == [2]


def test_the_coverage_rule_wants_two_probes_below_half_its_best() -> None:
    rows = [{"coverage": value} for value in (0.1, 0.8, 0.8, 0.3, 0.8, 0.39, 0.3)]
    assert [a.probe for a in coverage_rule(case(rows, {})).alarms] == [6]


def test_save_top_k_takes_the_lowest_whenever_it_was() -> None:
    of = case([{}] * 6, {0: 1.0, 2: 0.5, 4: 0.2, 5: None})
    assert lowest(of, 3) == 2 and lowest(of, 5) == 4 and lowest(of, -1) is None


def test_a_hidden_signal_says_what_real_samples_say() -> None:
    signals = {"all": {"vendi": 3.0, "coverage": 0.1, "duplicates": 0.9}}
    assert hidden(signals, BAND, "vendi") == {
        "all": {"vendi": 200.0, "coverage": 0.1, "duplicates": 0.9}
    }
    assert hidden(signals, BAND, "duplicates")["all"]["duplicates"] == 0.0
    assert hidden(signals, BAND, "") is signals
    assert signals["all"]["vendi"] == 3.0

import json
from dataclasses import replace
from typing import Any

import pytest

from callbacks.collapse.health import Health, check_state, window_of
from callbacks.collapse.records import Verdict


def verdict(state: Any, onset: int | None = None, alarm: bool = False, **more: Any) -> Verdict:
    return Verdict(state, onset=onset, alarm=alarm, **more)


def told(*verdicts: tuple[int, Verdict], start: Health | None = None) -> Health:
    """The health after some probes, all in the window."""
    health = start or Health("warmup")
    for images_seen, one in verdicts:
        health = health.seen(one, images_seen, 0)
    return health


FALL = (
    (10, verdict("healthy")),
    (20, verdict("suspect", 18)),
    (30, verdict("collapsed", 15, alarm=True, severity="full")),
)


def test_a_fall_is_a_suspicion_first_and_then_an_alarm() -> None:
    assert told(*FALL[:1]) == Health("healthy")
    assert told(*FALL[:2]) == Health("suspect", onset=18, frozen=True)
    assert told(*FALL) == Health("collapsed", "full", 15, 30, first_onset=15)
    # A suspicion that was wrong leaves nothing behind.
    assert told(*FALL[:2], (30, verdict("healthy"))) == Health("healthy")


def test_a_collapse_is_remembered_after_it_and_a_second_one_does_not_replace_its_onset() -> None:
    seen = told(*FALL).after_evaluation()
    memory: Any = {"first_onset": 15, "evaluated": True}
    assert seen == Health("collapsed", "full", 15, 30, **memory)
    over = ((40, verdict("recovered")), (50, verdict("healthy")))
    healthy = told(*over, start=seen)
    assert healthy == Health("healthy", onset=15, alarm=30, **memory)
    assert healthy.after_evaluation() == healthy
    again = (*over, (60, verdict("suspect", 58)), (70, verdict("collapsed", 55, alarm=True)))
    suspect = told(*again[:-1], start=seen)
    assert suspect == Health("suspect", None, 15, 30, frozen=True, **memory)
    assert told(*again, start=seen) == Health("collapsed", None, 55, 70, **memory)


def test_a_collapse_between_two_evaluations_is_forgotten_once_it_is_over() -> None:
    """It is no reason against the checkpoints that follow; its own are not healthy."""
    start = told(FALL[0]).after_evaluation()
    assert start == told(FALL[0])
    recovered = told(*FALL[1:], (40, verdict("recovered")), start=start)
    # Until then it may still come back.
    assert recovered == Health("recovered", None, 15, 30, first_onset=15)
    assert recovered.after_evaluation() == recovered
    healthy = told((50, verdict("healthy")), start=recovered)
    assert healthy == Health("healthy")
    # The index, which it is joined with, had the old onset.
    assert healthy.after(recovered) == Health("healthy")
    later = told((60, verdict("collapsed", 55, alarm=True)), start=healthy).after_evaluation()
    assert later == Health("collapsed", None, 55, 60, first_onset=55, evaluated=True)


def test_the_same_alarm_may_be_dated_anew_in_both_directions() -> None:
    for onset in (12, 18):
        found = told(*FALL, (40, verdict("collapsed", onset)))
        assert (found.onset, found.alarm, found.first_onset) == (onset, 30, onset)


def test_an_alarm_without_an_onset_counts_from_itself() -> None:
    assert told((10, verdict("diverged", alarm=True))).onset == 10
    assert told(*FALL, (40, verdict("collapsed"))).onset == 15


def test_an_alarm_that_is_not_marked_is_seen_by_the_change_of_the_state() -> None:
    assert told(*FALL[:2], (30, verdict("diverged", 15))).alarm == 30


def test_what_the_index_knew_is_taken_over() -> None:
    paths: Any = {"pinned": ("a", "b"), "pre_collapse": "a"}
    known = Health("healthy", onset=5, alarm=8, first_onset=5, **paths)
    by_hand = Health("collapsed", "full", 15, 30)
    assert by_hand.after(known) == replace(by_hand, first_onset=5, **paths)
    # In a new segment the old onset says nothing; the pins stay for good.
    anew = Health("healthy", segment=40)
    assert anew.after(known) == replace(anew, **paths)
    assert by_hand.after(None).first_onset == 15


def test_plain_data_are_read_back() -> None:
    health = Health("collapsed", "partial", 15, 30, 5, False, 2, 1, 15, True, "path", ("path",))
    text = json.dumps({**health.to_dict(), "of_a_newer_version": 1})
    assert Health.from_dict(json.loads(text)) == health
    assert Health.from_dict({"state": "healthy"}) == Health("healthy")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "health without a known state"),
        ({}, "health without a known state"),
        ({"state": "fine"}, "health without a known state"),
        ({"window": -1}, "health with the window -1"),
        ({"segment": True}, "health with the segment True"),
        ({"onset": 1.5}, "health with the onset 1.5"),
        ({"alarm": "soon"}, "health with the alarm 'soon'"),
        ({"frozen": "no"}, "health with frozen 'no'"),
        ({"evaluated": 1}, "health with evaluated 1"),
        ({"severity": "bad"}, "health with the severity 'bad'"),
        ({"pinned": "path"}, "pinned is no list of paths"),
        ({"pinned": [1]}, "pinned is no list of paths"),
        ({"pre_collapse": 7}, "pre_collapse is no path"),
    ],
)
def test_damaged_health_is_refused(values: Any, message: str) -> None:
    if isinstance(values, dict) and values:
        values = {"state": "healthy", **values}
    with pytest.raises(ValueError, match=message):
        Health.from_dict(values)


@pytest.mark.parametrize("state", ["healthy", {}, {"state": "fine"}, 3, []])
def test_damaged_state_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match="state .* is none of warmup, healthy"):
        check_state(state)


def test_window_begins_so_many_probes_ago() -> None:
    assert window_of([]) == window_of(list(range(12))) == 0
    assert window_of(list(range(100, 113))) == 100
    assert window_of([10, 20, 30, 40], back=1) == 30


def line(images_seen: int, one: Verdict) -> dict[str, Any]:
    return {"kind": "probe", "images_seen": images_seen, "verdict": one.to_dict()}


def event(name: str, images_seen: int, **settings: int) -> dict[str, Any]:
    return {"kind": "monitor", "event": name, "images_seen": images_seen, "settings": settings}


def test_health_is_read_off_the_history() -> None:
    assert Health.of_history([{"images_seen": 5, "scores": {}}]) is None
    assert Health.of_history([event("begin", 0)]) is None
    rows = [event("begin", 0, onset_back=2), *(line(*probe) for probe in FALL)]
    assert Health.of_history(rows) == replace(told(*FALL), window=10)
    # An evaluation that gave a verdict counts, and is no probe of the window.
    judged = {"images_seen": 30, "scores": {}, "verdict": FALL[-1][1].to_dict()}
    assert Health.of_history([*rows[:-1], judged]) == replace(told(*FALL), window=0)
    assert Health.of_history([*rows, event("evaluation_error", 35)]) == Health.of_history(rows)


def test_an_evaluation_in_a_collapse_is_read_off_the_history() -> None:
    over = [line(40, verdict("recovered")), line(50, verdict("healthy"))]
    rows = [event("begin", 0), *(line(*probe) for probe in FALL)]
    evaluation = {"images_seen": 30, "scores": {}}
    assert Health.of_history([*rows, *over]) == Health("healthy")
    found = Health.of_history([*rows, evaluation, *over])
    assert found == Health("healthy", onset=15, alarm=30, first_onset=15, evaluated=True)
    # Before the alarm, or after the collapse, it has not seen any of it.
    early = [*rows[:-1], {**evaluation, "images_seen": 20}, rows[-1], *over]
    late = [*rows, *over, {**evaluation, "images_seen": 50}]
    assert Health.of_history(early) == Health.of_history(late) == Health("healthy")
    # Its line may have been written later; then the state of its moment is unknown here.
    assert Health.of_history([*rows, {**evaluation, "images_seen": 20}, *over]) == Health("healthy")


def test_history_goes_on_from_where_a_rollback_went_back_to() -> None:
    rows = [event("begin", 0, onset_back=2), *(line(*probe) for probe in FALL)]
    rows += [event("rollback", 10)]
    assert Health.of_history(rows) == Health("healthy", segment=10, branch=1)
    rows += [line(20, verdict("healthy")), line(30, verdict("healthy"))]
    assert Health.of_history(rows) == Health("healthy", window=10, segment=10, branch=1)
    rows += [event("rebaseline", 30)]
    assert Health.of_history(rows) == Health("warmup", window=10, segment=30, branch=2)


@pytest.mark.parametrize("damage", [None, {}, {"state": "fine"}, "healthy"])
def test_damaged_history_is_one_line(damage: Any) -> None:
    rows = [{"kind": "probe", "images_seen": 40, "verdict": damage}]
    with pytest.raises(ValueError, match="must have a verdict .* images_seen=40; delete that"):
        Health.of_history(rows)

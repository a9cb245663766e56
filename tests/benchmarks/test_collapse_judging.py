"""What the benchmark lets the detector and its checkpoints go through, on cases made by hand."""

import pytest

from benchmarks.collapse.cases import Case
from benchmarks.collapse.judging import plan_of, play
from benchmarks.collapse.plan import Run, planned_runs
from benchmarks.collapse.tracks import Track
from callbacks.collapse.arming import Plan
from tests.helpers_collapse import RISING, band, signals

HEALTHY, FALLEN = 0.7, 0.05
#: Evaluations: before a fall that passes, perhaps within it, and before the one that stays.
BEFORE, WITHIN, AFTER = len(RISING), len(RISING) + 3, len(RISING) + 20


def passing_then_lasting(evaluated: tuple[int, ...]) -> Case:
    """A fall of four probes that passes, later one that stays; each evaluation is the best yet."""
    scores = [*RISING, HEALTHY, *[FALLEN] * 4, *[HEALTHY] * 20, *[FALLEN] * 4]
    count = len(scores)
    track = Track("ring-r1-healthy-4", "", None, "identity", band())
    track.images_seen = [100 * (probe + 1) for probe in range(count)]
    track.signals = [signals(score) for score in scores]
    track.second, track.finite = [*track.signals], [True] * count
    track.heavy = {
        probe: {"fd_identity@2k": 10.0 - place, "se_fd_identity@2k": 0.01}
        for place, probe in enumerate(evaluated)
    }
    onset = count - 4
    return Case(track, ("healthy",) * onset + ("collapsed",) * 4, "full", onset)


@pytest.mark.parametrize(
    ("evaluated", "chosen"), [((BEFORE, AFTER), AFTER), ((BEFORE, WITHIN, AFTER), BEFORE)]
)
def test_a_passing_collapse_bars_later_checkpoints_only_where_it_was_evaluated(evaluated, chosen):
    outcome = play(passing_then_lasting(evaluated))
    assert [alarm.probe for alarm in outcome.alarms] == [len(RISING) + 1, len(outcome.states) - 4]
    assert outcome.chosen == chosen


def test_the_detector_is_told_how_long_the_run_of_a_track_was_to_be():
    track = Track("ring-fast-bad-4", "", None, "identity", band(), images_seen=[1280, 2560, 3840])
    assert plan_of(track) == Plan(60, 60 * 1280)
    track.run = "ring-r1-healthy-4"
    assert plan_of(track) == Plan(100, 100 * 1280)
    assert all(Run.named(run.name) == run for run in planned_runs((7, 8, 9)))


def test_a_run_with_signs_of_life_that_never_learns_is_reported_at_its_end():
    track = Track("ring-fast-bad-4", "", None, "identity", band())
    track.images_seen = [1280 * (probe + 1) for probe in range(60)]
    track.signals = [signals(0.1)] * 60
    track.second, track.finite = [None] * 60, [True] * 60
    outcome = play(Case(track, ("early",) * 60, "bad"))
    assert set(outcome.states[:-1]) == {"warmup"} and outcome.states[-1] == "never_learned"

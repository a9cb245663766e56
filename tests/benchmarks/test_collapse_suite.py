"""How the full suite shares its work: who judges which cases, and what lands in which table."""

from pathlib import Path

import pytest

from benchmarks.collapse import fixture, suite
from benchmarks.collapse.baselines import BASELINES
from benchmarks.collapse.judging import ABLATIONS, play
from benchmarks.collapse.plan import TEST_SEEDS, Run
from benchmarks.collapse.tasks import Task


def test_runs_meet_every_rule_and_spaces_the_detector_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cases = [case for case in fixture.read() if case.kind == "ring"][:3]
    monkeypatch.setattr(suite, "cases_of", lambda task: cases)
    task = Task(Run("ring", "r1", "healthy", 4), tmp_path, (4,))
    found = suite.judged(task)
    assert set(found) == {"the detector", *BASELINES, *(f"without {name}" for name in ABLATIONS)}
    assert found["the detector"] == [play(case) for case in cases]
    for name in ABLATIONS:
        assert found[f"without {name}"] == [play(case, without=name) for case in cases]
    for name, rule in BASELINES.items():
        assert found[name] == [rule(case) for case in cases]
    other = Task(task.run, tmp_path, (4,), "rand_vgg")
    assert set(suite.judged(other)) == {"the detector"}
    pairs = [(task, found), (other, suite.judged(other))]
    assert suite.of_space(pairs, "rand_vgg") == found["the detector"]
    assert suite.of_space(pairs, "cls") == []


def test_every_space_sees_the_runs_that_the_suite_trains(tmp_path: Path) -> None:
    tasks = suite.compared(TEST_SEEDS, tmp_path)
    assert {task.space for task in tasks} == {"cls", "rand_vgg", "efflite0"}
    runs = {task.run for task in tasks}
    assert len(tasks) == 3 * len(runs) and runs < set(suite.planned_runs(TEST_SEEDS))

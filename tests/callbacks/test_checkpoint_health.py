"""The health of a run in its index, on the disk."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from callbacks.collapse.health import Health
from callbacks.durable import write_atomically
from callbacks.retention import Retention
from callbacks.run_folder import RunFolder
from tests.callbacks.test_checkpoint_index import KillAt, Killed, assert_index_is_true
from tests.helpers_callbacks import add_file, entry_of
from tests.helpers_checkpoints import state

FALLEN = Health("collapsed", "full", 300, 400, window=100)


def fallen(path: Path, keep: Retention | None = None) -> RunFolder:
    """A run that was best at 200, and is better still after its onset at 300."""
    run = RunFolder(path)
    run.write_health(Health("healthy"))
    for images_seen, score in ((100, 4.0), (200, 2.0), (250, 3.0), (300, 1.0)):
        add_file(run, images_seen, score, state=state("healthy"))
    add_file(run, 400, 0.5, state=state("collapsed"))
    run.write_health(FALLEN, keep)
    return run


def test_best_before_the_onset_is_in_the_index_and_is_resolved(tmp_path: Path) -> None:
    run = fallen(tmp_path)
    assert run.resolve("best")["images_seen"] == 400
    assert run.resolve("pre-collapse")["images_seen"] == 200
    health = run.read_health()
    assert health is not None
    assert health.pre_collapse == run.resolve("pre-collapse")["path"]
    moments = [int(path.split("images=")[1][:9]) for path in health.pinned]
    assert moments == [200, 250, 100]
    assert health.first_onset == 300
    chosen = [one.row["images_seen"] for one in run.candidates() if one.chosen]
    assert chosen == [200]


def test_rule_of_the_run_chooses(tmp_path: Path) -> None:
    run = fallen(tmp_path, Retention(monitor="fd_rand@2k", mode="max"))
    assert run.resolve("pre-collapse")["images_seen"] == 100


def test_index_of_an_older_version_opens_and_goes_on_without_health(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100, 4.0)
    content = json.loads(run.index_path.read_text())
    assert content.pop("health") is None
    run.index_path.write_text(json.dumps(content))
    assert run.read_index()["health"] is None and run.read_health() is None
    for images_seen in (200, 300, 400, 500, 600, 700):
        add_file(run, images_seen, float(images_seen))
    kept = [row["images_seen"] for row in run.read_index()["checkpoints"]]
    assert kept == [100, 200, 300, 600, 700]


def test_health_protects_checkpoints_that_the_scores_alone_would_not_keep(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.repair()
    keep = Retention(1, 1)
    for number in range(1, 31):
        moment, name = 100 * number, "suspect" if 10 <= number < 15 else "healthy"
        file = run.checkpoint_path(moment, moment // 10)
        write_atomically(file, b"weights")
        frozen = name == "suspect"
        health = Health(name, window=max(0, moment - 300), frozen=frozen)  # type: ignore[arg-type]
        run.write_health(health, keep)
        # Ever worse, so that the oldest is the best.
        entry = entry_of(run, moment, float(number), state=state(name))  # type: ignore[arg-type]
        before = len(run.checkpoint_files())
        run.add_checkpoint(entry, keep)
        assert not frozen or len(run.checkpoint_files()) == before
    run.write_health(Health("collapsed", "full", 2800, 3000, 2700), keep)
    moments = [row["images_seen"] for row in run.read_index()["checkpoints"]]
    assert {2700, 2800, 2900, 3000, 100} <= set(moments)
    assert len(moments) < 14
    assert run.resolve("pre-collapse")["images_seen"] == 100
    assert len(run.checkpoint_files()) == len(moments)


def train(run: RunFolder) -> None:
    """A run under a monitor: a quiet window of one, a suspicion, an alarm, and what follows."""
    keep = Retention(keep_last=1, keep_best=1)
    story = [
        (Health("healthy", window=0), "healthy", 3.0),
        (Health("healthy", window=100), "healthy", 4.0),
        (Health("healthy", window=200), "healthy", 5.0),
        (Health("suspect", onset=400, window=300, frozen=True), "suspect", 1.0),
        (Health("collapsed", "full", 400, 500, window=400), "collapsed", 9.0),
        (Health("collapsed", "full", 400, 500, window=500), "collapsed", 9.5),
    ]
    for number, (health, name, score) in enumerate(story, start=1):
        file = run.checkpoint_path(number * 100, number * 10)
        run.write_health(health, keep)
        write_atomically(file, b"weights" * number)
        entry = entry_of(run, number * 100, score, state=state(name))  # type: ignore[arg-type]
        run.add_checkpoint(entry, keep)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_index_with_health_is_true_whatever_the_moment_of_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    kills = 0
    while True:
        kills += 1
        run = RunFolder(tmp_path / str(kills))
        run.write_index(run.read_index())
        with monkeypatch.context() as patch:
            KillAt(patch, kills, after)
            try:
                train(run)
                killed = False
            except Killed:
                killed = True
        assert_index_is_true(run)
        run.repair()
        assert_index_is_true(run)
        health, rows = run.read_health(), run.read_index()["checkpoints"]
        if rows and health is not None:
            # The first one is the best of the healthy ones at every moment of this story.
            assert run.verify(run.resolve("pre-collapse")) == run.file_of(rows[0])
            assert rows[0]["images_seen"] == 100
        if not killed:
            break
    assert kills > 6 * 9
    moments = [row["images_seen"] for row in run.read_index()["checkpoints"]]
    assert moments[0] == 100 and {500, 600} <= set(moments)


def test_run_without_a_monitor_has_no_checkpoint_before_a_collapse(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100, 4.0)
    with pytest.raises(ValueError, match="must be of a run with a collapse monitor, got .*use 'be"):
        run.resolve("pre-collapse")


def test_collapse_right_after_arming_says_that_there_is_none(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    add_file(run, 100, 4.0, state=state("warmup"))
    add_file(run, 1200, 3.0, state=state("healthy"))
    run.write_health(Health("collapsed", "full", 1200, 1300))
    message = r"got none in .* \(the first healthy checkpoint is of 1,200 images, .* at 1,200\); st"
    with pytest.raises(ValueError, match=message) as info:
        run.resolve("pre-collapse")
    assert "\n" not in str(info.value)


def test_file_that_is_gone_is_told_and_the_next_best_is_a_candidate(tmp_path: Path) -> None:
    run = fallen(tmp_path)
    run.file_of(run.resolve("pre-collapse")).unlink()
    with pytest.raises(ValueError, match=r"images=000000200.*got no such file; choose another"):
        run.resolve("pre-collapse")
    judged = {one.row["images_seen"]: one for one in run.candidates()}
    assert judged[200].why == "file is gone" and judged[250].chosen
    run.repair()
    assert run.resolve("pre-collapse")["images_seen"] == 250


def test_dropped_branch_takes_its_pins_with_it(tmp_path: Path) -> None:
    run = fallen(tmp_path)
    run.drop_after(200)
    health = run.read_health()
    assert health is not None and len(health.pinned) == 2
    assert run.resolve("pre-collapse")["images_seen"] == 200
    run.drop_checkpoint(run.resolve("pre-collapse")["path"])
    assert run.resolve("pre-collapse")["images_seen"] == 100
    assert os.listdir(run.checkpoints_path) == ["images=000000100-g=00000010.ckpt"]


def test_pins_of_one_alarm_outlive_the_next_segment(tmp_path: Path) -> None:
    run = fallen(tmp_path, Retention(keep_best=1))
    keep = Retention(keep_last=1, keep_best=1)
    run.write_health(Health("healthy", segment=400, window=2000), keep)
    for images_seen in range(500, 1500, 100):
        write_atomically(run.checkpoint_path(images_seen, images_seen // 10), b"weights")
        entry = entry_of(run, images_seen, 0.1, state=state("healthy"))
        run.add_checkpoint(entry, keep)
    assert 200 in [row["images_seen"] for row in run.read_index()["checkpoints"]]
    health = run.read_health()
    assert health is not None and len(health.pinned) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda index: index.update(health=[]), "health without a known state"),
        (lambda index: index["health"].update(state="fine"), "health without a known state"),
        (lambda index: index["health"].update(onset="late"), "health with the onset 'late'"),
        (lambda index: index["checkpoints"][1].update(state="ok"), "checkpoint 1 with the state"),
    ],
)
def test_damaged_health_is_one_line_with_the_remedy(
    tmp_path: Path, damage: Any, message: str
) -> None:
    run = fallen(tmp_path)
    index = json.loads(run.index_path.read_text())
    damage(index)
    run.index_path.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=f"{message}.* --rebuild-index") as info:
        run.read_index()
    assert "\n" not in str(info.value)


def test_health_of_an_earlier_moment_is_put_back_with_its_pins(tmp_path: Path) -> None:
    run = fallen(tmp_path)
    run.rewind_health(Health("healthy"))
    health = run.read_health()
    assert health is not None and health.first_onset is None and len(health.pinned) == 3
    # Without an onset, what came after it is the best healthy one again.
    assert run.resolve("pre-collapse")["images_seen"] == 300
    run.rewind_health(None)
    assert run.read_health() is None

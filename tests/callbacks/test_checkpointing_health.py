"""Checkpoints of a run that a collapse monitor watches; a callback stands in for the monitor."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Callback

from callbacks.checkpoint_io import NOTE, read_checkpoint
from callbacks.checkpointing import Checkpointing
from callbacks.collapse.health import Health
from callbacks.index_rebuild import rebuild_index
from callbacks.rng import RngState
from callbacks.run_folder import RunFolder
from tests.callbacks.test_checkpointing import Evaluate, StopAt, fit, rows
from tests.helpers_checkpoints import StandIn, state

FALL = {"8": "suspect", "16": "collapsed"}


def states(folder: Path) -> dict[int, Any]:
    index = RunFolder(folder).read_index()
    return {row["images_seen"]: row["state"] for row in index["checkpoints"]}


def test_every_row_and_file_holds_what_the_monitor_said_last(tmp_path: Path) -> None:
    monitor = StandIn(8, {"16": "suspect"})
    parts = (monitor, Evaluate({12: 2.0}), Checkpointing(every_n_images=20, keep_last=9))
    fit(tmp_path, *parts, max_steps=6)
    assert rows(tmp_path) == [
        (8, ["probe"]),
        (12, ["evaluation"]),
        (16, ["probe"]),
        (20, ["interval"]),
        (24, ["probe", "end"]),
    ]
    healthy, suspect = state("healthy", 0, 0.5), state("suspect", 1, 0.5)
    expected = {8: healthy, 12: healthy, 16: suspect, 20: suspect, 24: state("suspect", 2, 0.5)}
    assert states(tmp_path) == expected
    run = RunFolder(tmp_path)
    for row in run.read_index()["checkpoints"]:
        assert read_checkpoint(run.verify(row))[NOTE]["state"] == row["state"]


def test_state_that_is_given_is_preferred_to_the_one_that_is_asked_for(tmp_path: Path) -> None:
    given = state("diverged", 7)

    def ask(trainer: Any, module: Any) -> None:
        (saver,) = [c for c in trainer.callbacks if isinstance(c, Checkpointing)]
        saver.save(trainer, reasons=["probe"], state=given)

    fit(tmp_path, StandIn(4), StopAt(8, ask), Checkpointing(None), max_steps=3)
    assert states(tmp_path)[8] == given
    run = RunFolder(tmp_path)
    assert read_checkpoint(run.file_of(run.resolve("images=8")))[NOTE]["state"] == given


def test_a_run_without_a_monitor_has_no_states(tmp_path: Path) -> None:
    fit(tmp_path, Evaluate({4: 1.0}), Checkpointing(None), max_steps=3)
    assert states(tmp_path) == {4: None, 12: None}
    assert RunFolder(tmp_path).read_health() is None


def test_best_checkpoint_before_the_onset_is_there_at_the_alarm(tmp_path: Path) -> None:
    """The best is at 8; at the alarm, dated back to 60, the scores alone would keep others."""
    scores = {4 * n: 5.0 - 0.05 * n for n in range(1, 26)} | {8: 0.5, 80: 0.1, 84: 0.1, 88: 0.1}
    monitor = StandIn(4, {"72": "suspect", "80": "collapsed"}, onset=60)
    parts = (monitor, Evaluate(scores), Checkpointing(None, keep_last=1, keep_best=1))
    fit(tmp_path, *parts, max_steps=25)
    run = RunFolder(tmp_path)
    assert run.resolve("best")["images_seen"] == 80
    assert run.resolve("pre-collapse")["images_seen"] == 8
    health = run.read_health()
    assert health is not None and (health.onset, health.alarm) == (60, 80)
    assert health.pinned == (run.resolve("pre-collapse")["path"],)
    # Every rank gets the health as written.
    at_alarm = [one for one in monitor.given if one.state == "collapsed"][0]
    assert at_alarm.pre_collapse == run.resolve("pre-collapse")["path"]


def test_nothing_is_deleted_while_the_monitor_is_suspicious(tmp_path: Path) -> None:
    monitor = StandIn(4, {"32": "suspect", "72": "healthy"}, back=1)
    counts: list[int] = []

    class Count(Callback):
        def on_train_batch_start(self, *args: Any) -> None:
            counts.append(len(RunFolder(tmp_path).checkpoint_files()))

    keep = Checkpointing(None, keep_last=1, keep_best=1)
    fit(tmp_path, monitor, Count(), keep, max_steps=20)
    during = counts[8:18]
    assert [b - a for a, b in zip(during, during[1:], strict=False)] == [1] * 9
    assert counts[19] < counts[17]


def watched(folder: Path, **options: Any) -> StandIn:
    monitor = StandIn(4, {"24": "suspect", "32": "collapsed"}, onset=20)
    parts = (monitor, Evaluate({8: 3.0, 16: 2.0, 28: 1.0}), RngState(), Checkpointing(None, 9))
    fit(folder, *parts, **options)
    return monitor


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_rebuilt_index_has_states_and_health(tmp_path: Path, damage: str) -> None:
    watched(tmp_path, max_steps=10)
    run = RunFolder(tmp_path)
    before = run.read_index()
    assert run.resolve("pre-collapse")["images_seen"] == 16
    if damage == "lost":
        run.index_path.unlink()
    else:
        run.index_path.write_text(run.index_path.read_text()[:100])
    from tests.helpers_callbacks import evaluation

    for row in before["checkpoints"]:
        if row["scores"]:
            scores, protocol = row["scores"], row["protocol"] or {}
            line: Any = {**evaluation(row["images_seen"]), "scores": scores, "protocol": protocol}
            run.append_evaluation(line)
    index, left_out = rebuild_index(run)
    assert left_out == []
    for entry in [*before["checkpoints"], *index["checkpoints"]]:
        entry["time"] = ""
    assert index == before
    assert run.resolve("pre-collapse")["images_seen"] == 16


def test_run_that_is_gone_on_with_has_the_health_of_its_moment(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    watched(whole, max_steps=10)
    watched(parted, max_steps=9)
    run = RunFolder(parted)
    # Killed after the alarm, resumed from before the suspicion.
    entry = run.resolve("images=20")
    run.rewind(20)
    assert run.read_health() == Health(
        "healthy", pre_collapse=run.resolve("images=16")["path"], pinned=run_pins(run, 16, 8)
    )
    watched(parted, max_steps=10, ckpt_path=run.verify(entry))
    assert states(parted) == states(whole)
    assert RunFolder(parted).read_health() == RunFolder(whole).read_health()


def run_pins(run: RunFolder, *moments: int) -> tuple[str, ...]:
    return tuple(run.resolve(f"images={moment}")["path"] for moment in moments)


def test_root_of_a_branch_keeps_its_state_and_the_branch_goes(tmp_path: Path) -> None:
    """As a rollback in process does it: back to 16, then the run ends there."""

    class Roll(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
            if module.images_seen != 32:
                return
            (saver,) = [c for c in trainer.callbacks if isinstance(c, Checkpointing)]
            module.images_seen, module.rounds = 16, 4
            module.steps = {"discriminator": 4, "generator": 4}
            monitor.health = Health("warmup", segment=16)
            saver.go_back(trainer, 16)
            saver.set_health(trainer, monitor.health)
            trainer.should_stop = True

    monitor = StandIn(4, {"24": "suspect", "32": "collapsed"}, onset=20)
    evaluate = Evaluate({8: 3.0, 16: 2.0, 32: 1.0})
    fit(tmp_path, monitor, evaluate, Roll(), Checkpointing(None, 9), max_steps=10)
    run = RunFolder(tmp_path)
    assert [moment for moment, _ in rows(tmp_path)] == [4, 8, 12, 16]
    root = run.resolve("last")
    assert root["state"] == state("healthy", 3, 0.5)
    assert root["scores"] == {"kd_x@2k": -2.0, "fd_x@2k": 2.0}
    assert "end" in root["reasons"]
    assert run.resolve("pre-collapse")["images_seen"] == 16
    health = run.read_health()
    assert health is not None and health.onset is None and len(health.pinned) == 2


def test_grid_goes_on_from_the_root(tmp_path: Path) -> None:
    def roll(trainer: Any, module: Any) -> None:
        (saver,) = [c for c in trainer.callbacks if isinstance(c, Checkpointing)]
        if not saver._root:
            module.images_seen = 8
            module.steps = {"discriminator": 2, "generator": 2}
            saver.go_back(trainer, 8)

    fit(tmp_path, StopAt(20, roll), Checkpointing(every_n_images=8, keep_last=9), max_steps=9)
    # At 20 it goes back to 8; then 12, 16, ... again, 24 after nine steps in all.
    assert [moment for moment, _ in rows(tmp_path)] == [8, 16, 24]


def test_state_survives_a_file_without_pickled_code(tmp_path: Path) -> None:
    fit(tmp_path, StandIn(4), Checkpointing(None), max_steps=2)
    run = RunFolder(tmp_path)
    content = torch.load(run.file_of(run.resolve("last")), weights_only=True)
    assert content[NOTE]["state"]["state"] == "healthy"

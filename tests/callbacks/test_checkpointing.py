import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from pytorch_lightning.callbacks import Callback

from callbacks.checkpoint_io import NOTE, AtomicCheckpointIO, read_checkpoint
from callbacks.checkpointing import Checkpointing
from callbacks.durable import StorageError
from callbacks.index_rebuild import rebuild_index
from callbacks.rng import RngState, reseed
from callbacks.run_folder import RunFolder
from callbacks.run_folder_logger import RunFolderLogger
from tests.helpers_callbacks import BATCHES, Data, ToyGan, make_trainer, parameters


class Evaluate(Callback):
    """Asks for a checkpoint with a score at given moments, from a given hook."""

    def __init__(self, scores: dict[int, float], hook: str = "on_train_batch_end") -> None:
        self.scores = scores
        setattr(self, hook, self.evaluate)

    def evaluate(self, trainer: Any, module: Any, *args: Any) -> None:
        score = self.scores.get(module.images_seen)
        if score is not None:
            (checkpointing,) = [c for c in trainer.callbacks if isinstance(c, Checkpointing)]
            scores = {"kd_x@2k": -score, "fd_x@2k": score}
            checkpointing.save(
                trainer, reasons=["evaluation"], scores=scores, protocol={"samples": 2000}
            )


class Count(Callback):
    """Keeps a state that changes at each batch end."""

    count = 0

    def on_train_batch_end(self, *args: Any) -> None:
        self.count += 1

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.count = state["count"]


class StopAt(Callback):
    """Stops, or breaks something, at a given moment."""

    def __init__(self, images_seen: int, act: Any = None) -> None:
        self.images_seen, self.act = images_seen, act

    def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
        if module.images_seen == self.images_seen:
            if self.act:
                self.act(trainer, module)
            else:
                trainer.should_stop = True


def fit(folder: Path, *callbacks: Callback, ckpt_path: Any = None, **options: Any) -> ToyGan:
    reseed(1, 0, 0)
    module = ToyGan()
    make_trainer(folder, callbacks, **options).fit(module, Data(), ckpt_path=ckpt_path)
    return module


def rows(folder: Path) -> list[tuple[int, list[str]]]:
    index = RunFolder(folder).read_index()
    return [(entry["images_seen"], entry["reasons"]) for entry in index["checkpoints"]]


def test_checkpoints_fall_on_the_grid_and_on_the_last_batch(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(every_n_images=10, keep_last=9), max_steps=8)
    # Batches of 4: the grid lines 10, 20 and 30 are crossed at 12, 20 and 32.
    assert rows(tmp_path) == [(12, ["interval"]), (20, ["interval"]), (32, ["interval", "end"])]
    run = RunFolder(tmp_path)
    entry = run.resolve("last")
    assert (entry["generator_step"], entry["round"], entry["epoch"]) == (8, 8, 1)
    note = read_checkpoint(run.verify(entry))[NOTE]
    assert note["reasons"] == ["interval", "end"] and note["images_seen"] == 32


@pytest.mark.parametrize(
    "options", [{"max_steps": 5}, {"max_epochs": 1}, {"max_epochs": 2, "limit_train_batches": 2}]
)
def test_end_is_saved_once_however_the_run_ends(tmp_path: Path, options: Any) -> None:
    module = fit(tmp_path, Checkpointing(None), **options)
    assert rows(tmp_path) == [(module.images_seen, ["end"])]


def test_stop_by_another_callback_saves_the_end(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(None), StopAt(12), max_steps=20)
    assert rows(tmp_path) == [(12, ["end"])]


def test_stop_that_must_wait_for_a_minimum_saves_only_at_the_end(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(None), StopAt(8), max_steps=20, min_epochs=1)
    assert rows(tmp_path) == [(4 * BATCHES, ["end"])]


def test_evaluations_rank_the_checkpoints_that_stay(tmp_path: Path) -> None:
    scores = {4: 5.0, 8: 1.0, 12: 3.0, 16: 2.0, 20: 9.0, 24: 8.0}
    fit(tmp_path, Evaluate(scores), Checkpointing(None, keep_last=1, keep_best=2), max_steps=7)
    assert rows(tmp_path) == [(8, ["evaluation"]), (16, ["evaluation"]), (28, ["end"])]
    run = RunFolder(tmp_path)
    best = run.resolve("best")
    assert best["scores"] == {"kd_x@2k": -1.0, "fd_x@2k": 1.0}
    assert best["protocol"] == {"samples": 2000}
    assert len(os.listdir(run.checkpoints_path)) == 3


def test_monitor_chooses_another_score(tmp_path: Path) -> None:
    keep = Checkpointing(None, keep_last=1, keep_best=1, monitor="kd_x@2k")
    fit(tmp_path, Evaluate({4: 5.0, 8: 1.0}), keep, max_steps=3)
    assert RunFolder(tmp_path).resolve("best")["images_seen"] == 4


def test_reasons_of_one_moment_make_one_file(tmp_path: Path) -> None:
    fit(tmp_path, Evaluate({20: 2.0}), Checkpointing(every_n_images=20), max_steps=5)
    assert rows(tmp_path) == [(20, ["evaluation", "interval", "end"])]
    assert len(os.listdir(tmp_path / "checkpoints")) == 1


def test_scores_measured_after_the_last_batch_join_its_row(tmp_path: Path) -> None:
    fit(tmp_path, Evaluate({20: 2.0}, hook="on_train_end"), Checkpointing(None), max_steps=5)
    assert rows(tmp_path) == [(20, ["end", "evaluation"])]
    assert RunFolder(tmp_path).resolve("best")["scores"] == {"kd_x@2k": -2.0, "fd_x@2k": 2.0}


def test_file_holds_the_state_of_callbacks_that_come_after_the_request(tmp_path: Path) -> None:
    fit(tmp_path, Evaluate({8: 2.0}), Count(), Checkpointing(None), max_steps=3)
    run = RunFolder(tmp_path)
    callbacks = read_checkpoint(run.file_of(run.resolve("images=8")))["callbacks"]
    assert callbacks["Count"] == {"count": 2}


@pytest.mark.parametrize("stop", [1, 3, BATCHES, BATCHES + 2, 2 * BATCHES])
def test_resumed_run_is_the_same_run(tmp_path: Path, stop: int) -> None:
    """Killed some batches after a checkpoint, also one at an epoch's end, and resumed in place."""

    def parts(folder: Path) -> list[Any]:
        return [RngState(), Checkpointing(every_n_images=4, keep_last=99)]

    def log(folder: Path) -> list[str]:
        text = (folder / "metrics.csv").read_text().splitlines()
        return [",".join(line.split(",")[:4] + line.split(",")[5:]) for line in text]

    def options(folder: Path) -> dict[str, Any]:
        return {"max_steps": 15, "logger": RunFolderLogger(folder)}

    whole, parted = tmp_path / "whole", tmp_path / "parted"
    expected = parameters(fit(whole, *parts(whole), **options(whole)))

    class Killed(BaseException):
        pass

    def kill(trainer: Any, module: Any) -> None:
        raise Killed

    after = min(stop + 2, 14) * 4
    with pytest.raises(Killed):
        fit(parted, *parts(parted), StopAt(after, kill), **options(parted))
    run = RunFolder(parted)
    entry = run.resolve(f"images={stop * 4}")
    run.rewind(entry["images_seen"])
    reseed(5, 6, 7)
    module = fit(parted, *parts(parted), ckpt_path=run.verify(entry), **options(parted))
    assert module.images_seen == 60
    for name, tensor in parameters(module).items():
        assert torch.equal(tensor, expected[name]), name
    assert log(parted) == log(whole)
    assert rows(parted) == rows(whole)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    def poison(trainer: Any, module: Any) -> None:
        module.generator[3].weight.data[0, 0] = float("nan")

    message = r"must be finite to be saved, got NaN .* in generator\.3\.weight at images_seen=12"
    with pytest.raises(ValueError, match=message) as info:
        fit(tmp_path, StopAt(12, poison), Checkpointing(every_n_images=4), max_steps=9)
    assert "\n" not in str(info.value)
    assert rows(tmp_path) == [(4, ["interval"]), (8, ["interval"])]


def test_full_disk_stops_the_run_with_one_line_and_a_true_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    def fill(trainer: Any, module: Any) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=10))

    with pytest.raises(StorageError, match="MB free for a checkpoint, got 0.0 MB"):
        fit(tmp_path, StopAt(8, fill), Checkpointing(every_n_images=4), max_steps=9)
    assert rows(tmp_path) == [(4, ["interval"])]
    assert len(os.listdir(tmp_path / "checkpoints")) == 1


def test_what_a_kill_left_is_swept_away_at_the_start(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(None), max_steps=2)
    run = RunFolder(tmp_path)
    run.checkpoint_path(999, 9).write_bytes(b"unlisted")
    (run.checkpoints_path / ".images=9.ckpt.tmp").write_bytes(b"half")
    last = run.verify(run.resolve("last"))
    fit(tmp_path, Checkpointing(None), max_steps=4, ckpt_path=last)
    assert [moment for moment, _ in rows(tmp_path)] == [8, 16]
    assert len(os.listdir(run.checkpoints_path)) == 2


def test_fresh_run_in_the_folder_of_a_longer_one_is_refused(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(None), max_steps=3)
    with pytest.raises(ValueError, match="checkpoint at images_seen=12 .* start at 0; use"):
        fit(tmp_path, Checkpointing(None), max_steps=3)
    assert rows(tmp_path) == [(12, ["end"])]


def test_rows_before_a_checkpoint_are_on_the_disk_with_it(tmp_path: Path) -> None:
    seen: list[int] = []

    class Look(Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, *args: Any) -> None:
            if module.images_seen == 8:
                seen.extend(int(r["images_seen"]) for r in RunFolder(tmp_path).read_metrics())

    logger = RunFolderLogger(tmp_path, flush_seconds=1000)
    fit(tmp_path, Look(), Checkpointing(every_n_images=8), max_steps=3, logger=logger)
    assert seen == [4, 8]


def test_damaged_index_stops_the_run_before_anything_is_written(tmp_path: Path) -> None:
    fit(tmp_path, Checkpointing(None), max_steps=2)
    run = RunFolder(tmp_path)
    run.index_path.write_text("{")
    with pytest.raises(ValueError, match="--rebuild-index"):
        fit(tmp_path, Checkpointing(None), max_steps=2)
    assert run.index_path.read_text() == "{"
    index, left_out = rebuild_index(run)
    assert left_out == [] and index["checkpoints"][0]["reasons"] == ["end"]
    assert index["checkpoints"][0]["round"] == 2


def test_lightnings_own_writer_is_replaced(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, [Checkpointing(None)], max_steps=1)
    assert not isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    trainer.fit(ToyGan(), Data())
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)


def test_bad_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="every_n_images must be at least 1, got 0; leave it out"):
        Checkpointing(every_n_images=0)

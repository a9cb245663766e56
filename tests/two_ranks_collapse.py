"""Run by ``tests/callbacks/collapse/test_two_ranks_monitor.py`` in two gloo processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from callbacks.collapse.monitor import CollapseMonitor
from tests.helpers_monitor import DRILL_AT, EVERY, monitor, watch


class BadOn(CollapseMonitor):
    """Fails on one rank at some moments, in its own work there."""

    rank, moments = 0, (EVERY * 3,)

    def _judge(self, trainer: Any, module: Any, moment: int, began: float) -> Any:
        prober = self._prober
        assert prober is not None
        describe = prober.describe

        def failing(*args: Any) -> Any:
            raise MemoryError("no room on this rank")

        if trainer.global_rank == self.rank and moment in self.moments:
            prober.describe = failing  # type: ignore[method-assign]
        try:
            return super()._judge(trainer, module, moment, began)
        finally:
            prober.describe = describe  # type: ignore[method-assign]


class BadDetector(CollapseMonitor):
    """Raises on rank 0 while it decides."""

    def _warn(self, module: Any) -> list[str]:
        if module.images_seen == EVERY * 3:
            raise ArithmeticError("no such number")
        return super()._warn(module)


class Poison(Callback):
    """NaN in the data of rank 1 alone, in one round."""

    done = False

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, index: int) -> None:
        if trainer.global_rank == 1 and pl_module.images_seen == DRILL_AT and not self.done:
            self.done = True
            batch["image"][0] = float("nan")


def outcome(folder: Path, watching: CollapseMonitor, *more: Callback, **options: Any) -> Any:
    """What this rank knows after a run."""
    trainer, game = watch(folder, watching, more, world=2, **options)
    return {
        "verdict": watching.verdict.to_dict(),
        "health": watching.health.to_dict() if watching.health else None,
        "rollbacks": watching.rollback.done,
        "weights": {name: value.clone() for name, value in game.state_dict().items()},
        "steps": game.steps["generator"],
        "images_seen": game.images_seen,
        "stopped": trainer.should_stop,
    }


def cases(out: Path) -> dict[str, Any]:
    """All cases, in a process group that is there already."""
    quiet = {"drill": None, "steps": 100, "evaluate": None}
    return {
        "alert": outcome(out / "alert", monitor()),
        "stop": outcome(out / "stop", monitor(on_collapse="stop"), steps=600),
        "rollback": outcome(out / "rollback", monitor(on_collapse="rollback")),
        "nan": outcome(out / "nan", monitor(on_diverged="rollback"), Poison(), drill=None),
        "rank1": outcome(out / "rank1", _failing(1), **quiet),
        "rank0": outcome(out / "rank0", _failing(0), **quiet),
        "detector": outcome(
            out / "detector", BadDetector(every_n_images=EVERY, max_share=None), **quiet
        ),
    }


def _failing(rank: int) -> BadOn:
    watching = BadOn(every_n_images=EVERY, max_share=None)
    watching.rank = rank
    return watching

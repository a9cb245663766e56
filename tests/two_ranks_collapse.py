"""Run by ``tests/callbacks/collapse/test_two_ranks_monitor.py`` in two gloo processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from callbacks.collapse.leading import LeadingSigns
from callbacks.collapse.monitor import CollapseMonitor
from tests.helpers_monitor import DRILL_AT, monitor, watch


class FailsToDraw(Callback):
    """On one rank, at the third probe."""

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_rank != self.rank:
            return
        watching = next(c for c in trainer.callbacks if isinstance(c, CollapseMonitor))
        prober: Any = watching._prober
        describe, asked = prober.describe, []

        def failing(*args: Any) -> Any:
            asked.append(args)
            if len(asked) == 3:
                raise MemoryError("no room on this rank")
            return describe(*args)

        prober.describe = failing


class FailingSigns(LeadingSigns):
    """Raises on rank 0 while it decides, at the third probe."""

    asked = 0

    def update(self, values: Any, samples: int) -> list[str]:
        self.asked += 1
        if self.asked == 3:
            raise ArithmeticError("no such number")
        return super().update(values, samples)


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
    blind = monitor()
    blind.signs = FailingSigns()
    quiet = {"drill": None, "steps": 100, "evaluate": None}
    return {
        "alert": outcome(out / "alert", monitor()),
        "stop": outcome(out / "stop", monitor(on_collapse="stop"), steps=600),
        "rollback": outcome(out / "rollback", monitor(on_collapse="rollback")),
        "nan": outcome(out / "nan", monitor(on_diverged="rollback"), Poison(), drill=None),
        "rank1": outcome(out / "rank1", monitor(), FailsToDraw(1), **quiet),
        "rank0": outcome(out / "rank0", monitor(), FailsToDraw(0), **quiet),
        "detector": outcome(out / "detector", blind, **quiet),
    }

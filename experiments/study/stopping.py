"""End a run at once when its generator is in a state that nothing good is expected of."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.collapse.monitor import CollapseMonitor


class StopEarly(Callback):
    """Stops the trainer at the first verdict of a given kind. All ranks have the same verdict.

    Args:
        states: collapsed (wholly, not in part) or never_learned.

    Attributes:
        stopped: the state that ended the run; empty before.
    """

    def __init__(self, states: tuple[str, ...]) -> None:
        self.states = states
        self.stopped = ""

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Look at what the monitor said last."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if not isinstance(callback, CollapseMonitor) or self.stopped:
                continue
            verdict = callback.verdict
            if verdict.state in self.states and verdict.severity != "partial":
                self.stopped = verdict.state
                trainer.should_stop = True

"""The moment from which a run is a run: its first round has been played."""

import logging
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.run_folder import RunFolder

log = logging.getLogger(__name__)


class Beginning(Callback):
    """Tells the run folder once there is something in it, and whether there ever was.

    What is refused before the first round is over leaves nothing behind; the command line asks
    :attr:`began` for that. Must come first among the callbacks: the others may fail at that round.

    Args:
        prepare: what the run folder needs once nothing is left to be refused, such as forgetting
            what a killed process logged; on rank 0, before training starts.

    Attributes:
        began: whether a round was played.
    """

    def __init__(self, prepare: Callable[[], Any] | None = None) -> None:
        self.prepare = prepare
        self.began = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prepare the run folder, before other callbacks look into it."""
        if self.prepare is not None and trainer.is_global_zero:
            self.prepare()
        trainer.strategy.barrier("Beginning: run folder prepared")

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the first round."""
        if self.began:
            return
        self.began = True
        line = f"run folder: {RunFolder.of(trainer).path}"
        bar = trainer.progress_bar_callback
        if bar is None:
            log.info(line)
        elif trainer.is_global_zero:
            # Past a bar that is being drawn, a line would stand in the middle of it.
            bar.print(line)

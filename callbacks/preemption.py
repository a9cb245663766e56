"""Stop cleanly when the scheduler, or the user, says so: finish the round, save, leave.

The handler only sets a flag: at the moment of a signal a rank may stand between the discriminator's
and the generator's turn, or inside a collective. The ranks agree on the flag after a batch, so that
a signal to any one of them stops all of them at the same batch; :mod:`callbacks.checkpointing`
then writes that batch's checkpoint.
"""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGUSR1"):
    _SIGNALS.append(signal.SIGUSR1)

log = logging.getLogger(__name__)


def preempted(trainer: pl.Trainer) -> bool:
    """Whether a signal asks to leave quickly: then callbacks do nothing long at the end."""
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    return any(getattr(callback, "preempted", False) for callback in callbacks)


class Preemption(Callback):
    """Turn SIGTERM, SIGUSR1 and Ctrl-C into a checkpoint and a clean end.

    A second SIGTERM changes nothing; a second Ctrl-C aborts at once, without a checkpoint.

    Args:
        check_every_n_batches: how often several ranks agree on the flag. A process that is alone
            looks after each batch.

    Attributes:
        preempted: True once training has stopped because of a signal; the command line chooses
            its exit code by it.
        signal_name: the signal that this rank received, None if another rank did.

    Raises:
        ValueError: ``check_every_n_batches`` is less than 1.
    """

    def __init__(self, check_every_n_batches: int = 4) -> None:
        if check_every_n_batches < 1:
            raise ValueError(
                "Preemption: check_every_n_batches must be at least 1, got "
                f"{check_every_n_batches}; 4 costs nothing that can be measured"
            )
        self.check_every_n_batches = check_every_n_batches
        self.preempted = False
        self.signal_name: str | None = None
        self._interrupts = 0
        self._batches = 0
        self._process = os.getpid()
        self._speaks = True
        self._previous: dict[signal.Signals, Any] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Disarm Lightning's own way with SIGTERM before it is registered.

        Its handler broadcasts from inside the signal: a SIGTERM to a rank other than 0 hangs the
        job without a checkpoint. Its training loop repeats that broadcast for every batch, which
        on a GPU makes the host wait each time (Lightning-AI/pytorch-lightning#21487).
        """
        if stage != "fit":
            return
        self.preempted, self.signal_name = False, None
        self._interrupts = self._batches = 0
        self._process = os.getpid()
        self._speaks = trainer.is_global_zero
        # Both are private: when Lightning renames them, a test of ours says so.
        connector = getattr(trainer, "_signal_connector", None)
        if hasattr(connector, "_sigterm_notifier_fn"):
            connector._sigterm_notifier_fn = self._handle  # type: ignore[union-attr]
        loop = trainer.fit_loop.epoch_loop
        if hasattr(loop, "_broadcast_sigterm_tensor"):
            loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]
        self._previous = {number: signal.getsignal(number) for number in _SIGNALS}
        # Before the loaders start their workers: they inherit the handler, which ignores Ctrl-C
        # there, while Python's own would end the workers under the main process.
        _install(signal.SIGINT, self._handle)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install our handlers; Lightning has registered its own by now."""
        for number in _SIGNALS:
            _install(number, self._handle)
        # Lightning has noted our handler as the one to put back after an error.
        connector = getattr(trainer, "_signal_connector", None)
        getattr(connector, "_original_handlers", {}).update(self._previous)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Agree with the other ranks, and ask the trainer to stop after this batch."""
        self._batches += 1
        if self.preempted:
            return
        alone = trainer.world_size == 1
        if not alone and self._batches % self.check_every_n_batches:
            return
        if not trainer.strategy.reduce_boolean_decision(self.requested, all=False):
            return
        self.preempted = True
        # A minimum of epochs or steps would make the trainer go on in spite of should_stop.
        trainer.fit_loop.min_epochs = 0
        trainer.fit_loop.epoch_loop.min_steps = 0
        trainer.should_stop = True
        if trainer.is_global_zero:
            log.warning(
                "Preemption: %s, saving and stopping at images_seen=%s; `resume` goes on from here",
                self.signal_name or "a signal to another rank",
                getattr(pl_module, "images_seen", "unknown"),
            )

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give the handlers back."""
        self._restore()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the handlers back, after the last checkpoint of the run."""
        self._restore()

    @property
    def requested(self) -> bool:
        """Whether a signal has reached this rank."""
        return self.signal_name is not None

    def _restore(self) -> None:
        for number, previous in self._previous.items():
            # None stands for a handler that was not set from Python and cannot be put back.
            _install(number, signal.SIG_DFL if previous is None else previous)
        self._previous = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A loader's worker that inherited the handler: its parent decides when it ends.
            return
        self.signal_name = signal.Signals(number).name
        if number != signal.SIGINT:
            return
        self._interrupts += 1
        if self._interrupts > 1:
            raise KeyboardInterrupt
        if self._speaks:
            # Not through logging: the signal may have come in the middle of a write.
            os.write(2, b"\nstopping after this batch; press Ctrl-C again to abort at once\n")


def _install(number: int, handler: Any) -> None:
    # Python accepts handlers from the main thread only; elsewhere the owner of that thread sees to
    # signals.
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, handler)


def _nothing() -> None:
    """Stand in for a broadcast that is not wanted."""

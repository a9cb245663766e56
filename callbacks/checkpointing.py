"""When a checkpoint is written, and what it is worth.

A checkpoint falls on a grid of images_seen, on each evaluation, on probes of a collapse monitor, on
the last batch of a run and on a preemption; several of these at one moment make one file with
several reasons. The row in ``index.json`` ties it to the scores of its moment and to the state that
the monitor has given last, and :class:`callbacks.retention.Retention` says which files stay.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.checkpoint_io import NOTE, AtomicCheckpointIO
from callbacks.collapse.health import CheckpointState, Health
from callbacks.durable import StorageError
from callbacks.preemption import Preemption
from callbacks.retention import Retention
from callbacks.run_folder import RunFolder, finite_or_none

Reason = Literal["interval", "evaluation", "probe", "end", "preemption"]

log = logging.getLogger(__name__)


class Checkpointing(Checkpoint):
    """Write checkpoints into the run folder and keep its index.

    A callback with a method ``checkpoint_state()`` is asked for the state of each row: a collapse
    monitor answers with what it said last, or None before it has said anything.

    Args:
        every_n_images: real images between two checkpoints of the grid; None writes only at
            evaluations, at the end and on preemption.
        keep_last: how many of the newest checkpoints stay, at least 1.
        keep_best: how many of the best evaluated checkpoints stay, 0 or more.
        monitor: the score that ranks them; None takes the first Frechet distance evaluated, or, for
            points in the plane, the first coverage, or, for word vectors, the mean cosine of the
            translations that CSLS finds, or, for rewritten sentences, that of style and content.
        mode: ``"min"`` or ``"max"``; None follows from the name of the score.

    Raises:
        ValueError: a number is out of range, or the direction of ``monitor`` is not known.
    """

    def __init__(
        self,
        every_n_images: int | None = 100_000,
        keep_last: int = 2,
        keep_best: int = 3,
        monitor: str | None = None,
        mode: Literal["min", "max"] | None = None,
    ) -> None:
        if every_n_images is not None and every_n_images < 1:
            raise ValueError(
                f"Checkpointing: every_n_images must be at least 1, got {every_n_images}; leave it "
                "out to save only at evaluations and at the end"
            )
        self.every_n_images = every_n_images
        self.keep = Retention(keep_last, keep_best, monitor, mode)
        self._images_seen = 0
        self._in_batch = self._warned = False
        self._request: _Request | None = None
        self._saved: tuple[int, int] | None = None
        self._root: int | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write through atomic files, and sweep away what a kill has left in the folder.

        Raises:
            ValueError: index.json is damaged.
        """
        if stage != "fit":
            return
        # Another plugin could leave half a checkpoint behind that the index names.
        if not isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO):
            trainer.strategy.checkpoint_io = AtomicCheckpointIO()
        self._on_rank_zero(trainer, lambda run: self._sweep(run))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the place on the grid; refuse a folder that is further than this run.

        Raises:
            ValueError: the folder holds checkpoints beyond the images seen so far.
        """
        self._images_seen = _moment(pl_module)[0]
        self._in_batch, self._request, self._saved, self._root = False, None, None, None
        self._on_rank_zero(trainer, lambda run: _refuse_later(run, self._images_seen))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Hold back writes until the other callbacks are done with this batch."""
        self._in_batch = True

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write what is due at this batch. Lightning calls this callback after all others."""
        self._in_batch = False
        request = self._request or _Request()
        seen, self._images_seen = self._images_seen, _moment(pl_module)[0]
        if self.every_n_images and self._images_seen // self.every_n_images > (
            seen // self.every_n_images
        ):
            request.reasons.append("interval")
        if _stops_here(trainer):
            preempted = any(
                callback.preempted
                for callback in trainer.callbacks  # type: ignore[attr-defined]
                if isinstance(callback, Preemption)
            )
            request.reasons.append("preemption" if preempted else "end")
        if request.reasons:
            self._write(trainer, request)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the end of a run whose last batch did not know that it was the last."""
        if self._saved != _moment(pl_module):
            self._write(trainer, _Request(["end"]))

    @property
    def newest(self) -> int | None:
        """images_seen of the last checkpoint that this process has written."""
        return None if self._saved is None else self._saved[0]

    def save(
        self,
        trainer: pl.Trainer,
        *,
        reasons: Sequence[Reason],
        scores: Mapping[str, float | None] | None = None,
        protocol: Mapping[str, Any] | None = None,
        state: CheckpointState | None = None,
    ) -> None:
        """Ask for a checkpoint of this moment, with the scores that were measured at it.

        Every rank calls it at the same moment. From ``on_train_batch_end`` of another callback,
        the file is written once all callbacks are done with the batch, so that it holds their state
        too; from any other hook it is written at once. A moment that is saved already gets the new
        reasons and scores in its row.

        Args:
            trainer: of the run.
            reasons: why.
            scores: value by name.
            protocol: how they were measured.
            state: of this moment; None takes what the collapse monitor said last.

        Raises:
            ValueError: the weights are not finite.
            StorageError: the disk refused, or has too little space.
        """
        request = self._request if self._in_batch and self._request else _Request()
        request.reasons.extend(reasons)
        if scores is not None:
            request.scores, request.protocol = finite_or_none(scores), dict(protocol or {})
            self._warn_of_monitor(trainer, scores)
        request.state = request.state if state is None else state
        if self._in_batch:
            self._request = request
        else:
            self._write(trainer, request)

    def set_health(self, trainer: pl.Trainer, health: Health) -> Health:
        """Put the health of the run into its index, which decides which checkpoints stay.

        Every rank calls it at the same moment, before :meth:`save`, when the health has changed.
        What is no longer protected goes with the next checkpoint.

        Args:
            trainer: of the run.
            health: as the collapse monitor sees it.

        Returns:
            The same with what the index knows: the best checkpoint before a collapse, and the ones
            that are pinned; on every rank.

        Raises:
            StorageError: the disk refused.
        """
        written = self._on_rank_zero(trainer, lambda run: run.write_health(health, self.keep))
        return cast(Health, written)

    def go_back(self, trainer: pl.Trainer, images_seen: int) -> None:
        """Drop the checkpoints of a branch that is left, after the module went back to its root.

        Every rank calls it, once the older states are loaded. What was asked for at the moment that
        is left is forgotten, and the root keeps the state that it was judged to have.

        Args:
            trainer: of the run.
            images_seen: the moment that the run went back to.

        Raises:
            StorageError: the disk refused.
        """
        self._images_seen, self._root = images_seen, images_seen
        self._request = self._saved = None
        self._on_rank_zero(trainer, lambda run: run.drop_after(images_seen, self.keep))

    def _warn_of_monitor(self, trainer: pl.Trainer, scores: Mapping[str, float | None]) -> None:
        """Say once that the monitor is never measured; the run goes on, its last ones are kept."""
        monitor = self.keep.monitor
        if monitor is None or monitor in scores or self._warned or not trainer.is_global_zero:
            return
        self._warned = True
        log.warning(
            "Checkpointing: monitor must be a score of the evaluation, got '%s', so no checkpoint "
            "is the best; set checkpointing.monitor to one of %s",
            monitor,
            ", ".join(scores),
        )

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Tell the moment inside the file too, so that the index can be rebuilt from the files."""
        request = self._request or _Request()
        checkpoint[NOTE] = {
            **_counters(trainer, pl_module),
            "reasons": request.reasons,
            "state": request.state or _state_of(trainer),
        }

    def _write(self, trainer: pl.Trainer, request: "_Request") -> None:
        module: Any = trainer.lightning_module
        moment = _moment(module)
        listed = self._on_rank_zero(trainer, lambda run: run.holds(*moment))
        if not listed:
            # What has been logged up to here must be on the disk before the checkpoint is: a run
            # that goes on from it logs from here on.
            if hasattr(module, "flush_statistics"):
                module.flush_statistics()
            self._on_rank_zero(trainer, lambda run: _flush_loggers(trainer))
            if hasattr(module, "sync_buffers"):
                module.sync_buffers()
            self._refuse_non_finite(trainer, moment[0])
            self._request = request
            _save_on_all_ranks(trainer, RunFolder.of(trainer).checkpoint_path(*moment))
        self._request = None
        self._on_rank_zero(trainer, lambda run: self._enter(run, trainer, request))
        self._saved = moment

    def _enter(self, run: RunFolder, trainer: pl.Trainer, request: "_Request") -> None:
        module: Any = trainer.lightning_module
        state = request.state
        if module.images_seen != self._root:
            state = state or _state_of(trainer)
        entry = {
            **_counters(trainer, module),
            "reasons": list(dict.fromkeys(request.reasons)),
            "scores": request.scores,
            "protocol": request.protocol,
            "state": state,
            **run.describe(run.checkpoint_path(*_moment(module))),
        }
        run.add_checkpoint(cast(CheckpointEntry, entry), self.keep)

    def _sweep(self, run: RunFolder) -> None:
        for line in run.repair(self.keep):
            log.info("Checkpointing: %s", line)

    def _refuse_non_finite(self, trainer: pl.Trainer, images_seen: int) -> None:
        module = trainer.lightning_module
        state = {name: t for name, t in module.state_dict().items() if t.is_floating_point()}
        finite = torch.stack([torch.isfinite(t).all() for t in state.values()])
        if trainer.strategy.reduce_boolean_decision(bool(finite.all()), all=True):
            return
        bad = [name for name, good in zip(state, finite.tolist(), strict=True) if not good]
        raise ValueError(
            f"Checkpointing: weights must be finite to be saved, got NaN or infinity in "
            f"{bad[0] if bad else 'the weights of another rank'} at images_seen={images_seen}; "
            "the last checkpoint is intact, go on from it with lower learning rates"
        )

    def _on_rank_zero(self, trainer: pl.Trainer, action: Any) -> Any:
        """Do something with the run folder on rank 0, and let all ranks fail if that fails."""
        result: Any = None
        error: Exception | None = None
        if trainer.is_global_zero:
            try:
                result = action(RunFolder.of(trainer))
            except Exception as failure:
                error = failure
        if trainer.world_size > 1:
            message = str(error) if error else None
            result, message = trainer.strategy.broadcast((result, message))
            if message and error is None:
                error = ValueError(message)
        if error is not None:
            raise error
        return result


class _Request:
    """What the next checkpoint is written for."""

    def __init__(self, reasons: Sequence[Reason] = ()) -> None:
        self.reasons: list[Reason] = list(reasons)
        self.scores: dict[str, float | None] | None = None
        self.protocol: dict[str, Any] | None = None
        self.state: CheckpointState | None = None


def _state_of(trainer: pl.Trainer) -> CheckpointState | None:
    """What a collapse monitor says of this moment."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if hasattr(callback, "checkpoint_state") and (state := callback.checkpoint_state()):
            return cast(CheckpointState, state)
    return None


def _moment(module: Any) -> tuple[int, int]:
    """Return images seen and generator steps."""
    primary = getattr(module, "primary_player", "generator")
    return int(module.images_seen), int(module.steps[primary])


def _counters(trainer: pl.Trainer, module: Any) -> dict[str, int]:
    images_seen, generator_step = _moment(module)
    return {
        "images_seen": images_seen,
        "generator_step": generator_step,
        "round": int(module.rounds),
        "epoch": int(trainer.current_epoch),
    }


def _stops_here(trainer: pl.Trainer) -> bool:
    """Whether the batch that has just ended is the last one of the run."""
    if trainer.should_stop and trainer.fit_loop._can_stop_early:
        return True
    if trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps:
        return True
    epochs = trainer.max_epochs
    if epochs is None or epochs == -1:
        return False
    return bool(trainer.is_last_batch) and trainer.current_epoch + 1 >= epochs


def _save_on_all_ranks(trainer: pl.Trainer, path: Any) -> None:
    """Save; when rank 0 cannot write, all ranks raise its error instead of waiting for it."""
    message: str | None = None
    try:
        trainer.save_checkpoint(path)
    except StorageError as error:
        message = str(error)
        # The other ranks stand in the barrier that follows the write.
        trainer.strategy.barrier("Checkpointing: write failed")
    if trainer.world_size > 1:
        message = trainer.strategy.broadcast(message)
    if message:
        raise StorageError(message)


def _flush_loggers(trainer: pl.Trainer) -> None:
    for logger in trainer.loggers:
        if hasattr(logger, "flush"):
            logger.flush()


def _refuse_later(run: RunFolder, images_seen: int) -> None:
    rows = run.read_index()["checkpoints"]
    if rows and rows[-1]["images_seen"] > images_seen:
        raise ValueError(
            f"Checkpointing: run folder must not be ahead of training, got a checkpoint at "
            f"images_seen={rows[-1]['images_seen']} in {run.path} and a start at {images_seen}; "
            "use a new folder, or `resume` this run"
        )

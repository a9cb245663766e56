"""Carries verdicts into the checkpoint index, so that the right checkpoints stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytorch_lightning as pl

from callbacks.checkpointing import Checkpointing
from callbacks.collapse.health import Health, window_of
from callbacks.collapse.records import State, Verdict
from callbacks.run_folder import RunFolder

#: Probes without any checkpoint after which a healthy generator is saved.
_UNSAVED = 6


class HealthKeeper:
    """The health of a run, from verdict to verdict; every rank calls its methods together.

    Args:
        back: most probes between an onset and its alarm.

    Attributes:
        health: as the index has it; None before the first verdict.
        moments: images_seen of the latest probes, oldest first.
    """

    def __init__(self, back: int) -> None:
        self.back = back
        self.health: Health | None = None
        self.moments: list[int] = []

    def follow(self, trainer: pl.Trainer, verdict: Verdict, moment: int) -> None:
        """Put one verdict into the index, and save a healthy generator that nothing else saves.

        Args:
            trainer: of the run.
            verdict: of a probe, or of an evaluation that changed the state.
            moment: images_seen of it.
        """
        if self.moments[-1:] != [moment]:
            self.moments = [*self.moments, moment][-(max(self.back, _UNSAVED) + 1) :]
        self.health = self._after(verdict, moment)
        for checkpointing in _checkpointing_of(trainer):
            # The index adds which checkpoint is the best before a collapse.
            self.health = checkpointing.set_health(trainer, self.health)
            self._save(trainer, checkpointing, verdict)

    def follow_alone(self, trainer: pl.Trainer, verdict: Verdict, moment: int) -> None:
        """The same on rank 0 only, at the end of a run whose other ranks may be anywhere."""
        keep = next((part.keep for part in _checkpointing_of(trainer)), None)
        self.health = RunFolder.of(trainer).write_health(self._after(verdict, moment), keep)

    def evaluated(self, trainer: pl.Trainer) -> None:
        """Note that the generator that was judged last has been evaluated too."""
        if self.health is None or (health := self.health.after_evaluation()) == self.health:
            return
        self.health = health
        for checkpointing in _checkpointing_of(trainer):
            self.health = checkpointing.set_health(trainer, health)

    def begin_segment(self, trainer: pl.Trainer, state: State, images_seen: int) -> None:
        """After a rollback or a planned shock: an older onset says nothing any more.

        Args:
            trainer: of the run.
            state: from here on.
            images_seen: where it begins.
        """
        self.health = Health(
            state=state,
            window=window_of(self.moments, self.back),
            frozen=state == "suspect",
            segment=images_seen,
            branch=(self.health.branch if self.health else 0) + 1,
        )
        for checkpointing in _checkpointing_of(trainer):
            self.health = checkpointing.set_health(trainer, self.health)

    def state_dict(self) -> dict[str, Any]:
        """Return plain data."""
        health = self.health.to_dict() if self.health else None
        return {"health": health, "moments": list(self.moments)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.health = Health.from_dict(state["health"]) if state["health"] else None
        self.moments = list(state["moments"])

    def _after(self, verdict: Verdict, moment: int) -> Health:
        window = window_of(self.moments, self.back)
        return (self.health or Health(verdict.state)).seen(verdict, moment, window)

    def _save(self, trainer: pl.Trainer, checkpointing: Checkpointing, verdict: Verdict) -> None:
        if verdict.state != "healthy":
            return
        newest, enough = checkpointing.newest, len(self.moments) >= _UNSAVED
        if newest is None or (enough and newest < self.moments[-_UNSAVED]):
            checkpointing.save(trainer, reasons=["probe"])


def _checkpointing_of(trainer: pl.Trainer) -> Iterator[Checkpointing]:
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Checkpointing):
            yield callback

"""Evaluation: draw N samples by global index on all ranks, pass them through one network, score."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.checkpointing import Checkpointing
from callbacks.drawing import weights_judged
from callbacks.image_grid import ImageGrid
from callbacks.metrics.names import Protocol as ScoreProtocol
from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.spaces import choose_space
from callbacks.offers import draws, translates
from callbacks.preemption import preempted
from callbacks.run_folder import RunFolder, finite_or_none
from callbacks.run_records import EvaluationRow
from callbacks.subject_choice import Subject, subject_without_features
from callbacks.subjects import subject_for

#: Samples of an evaluation; five times as many points, of which waves are taken, cost little more,
#: and the distances of two good moments differ by less than 2,000 of them can tell.
_SAMPLES, _POINTS = 2000, 10_000


@runtime_checkable
class Watcher(Protocol):
    """A callback that judges the generator beside the scores, on all ranks."""

    def before_evaluation(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Called before the samples are drawn."""

    def after_evaluation(
        self, trainer: pl.Trainer, pl_module: Any, scores: Mapping[str, float | None]
    ) -> None:
        """Called once the scores are recorded, before a checkpoint is asked for."""


class Evaluation(Callback):
    """Scores on a grid of images_seen and at the end; each asks for a checkpoint.

    Of a translation every domain that is led to is scored, see :class:`Translations`; of a map of
    word vectors its dictionary, see :class:`WordTranslations`; of sentences also their words, see
    :class:`Sentences`; of sentences that are rewritten what they are rewritten for, see
    :func:`rewriting_subject`; of speech what is heard in it, see :class:`Transcriptions`.

    All ranks take part, and the samples are those of one process: sample ``i`` is a function of
    ``(seed, i)``. Training is bit-identical with and without it. A line of the grid is passed over
    while an evaluation would cost more than ``max_share`` of the training time since the last one.

    Args:
        every_n_images: real images between two evaluations; None evaluates at the end only.
        samples: generated images of one evaluation; None is 2,000, and of points in the plane,
            which cost little, 10,000 for distances and 2,000 for neighbours.
        split: the real images that they are compared with: train, as most papers do, or held_out.
        space: feature space: auto, identity, rand_vgg, efflite0, cls, inception_v3_tf,
            inception_clean, ppmi64.
        inception_weights: path of the published Inception weights; without it no score is called
            FID.
        seed: of the latents.
        max_share: most of the training time that evaluations may take; None evaluates at every
            line of the grid.

    Attributes:
        last_scores: of the last evaluation, for the progress bar.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        every_n_images: int | None = 50_000,
        samples: int | None = None,
        split: Literal["train", "held_out"] = "train",
        space: str = "auto",
        inception_weights: str | None = None,
        seed: int = 0,
        max_share: float | None = 0.03,
    ) -> None:
        if every_n_images is not None and every_n_images < 1:
            raise ValueError(
                f"Evaluation: every_n_images must be at least 1, got {every_n_images}; null "
                "evaluates at the end only"
            )
        self.settings = ScoreSettings()
        least = self.settings.least_samples
        if samples is not None and samples < least:
            raise ValueError(
                f"Evaluation: samples must be at least {least}, got {samples}; null, the default, "
                f"is {_SAMPLES}, and {_POINTS} of points"
            )
        if max_share is not None and not 0 < max_share <= 1:
            raise ValueError(
                f"Evaluation: max_share must lie in (0, 1], got {max_share}; null sets no limit"
            )
        if inception_weights is not None and not Path(inception_weights).is_file():
            raise ValueError(
                f"Evaluation: inception_weights must be a file, got {inception_weights}; give the "
                "path of the published weights, or null for the features that come with the install"
            )
        self.every_n_images = every_n_images
        self.samples = samples
        self.split = split
        self.space_name, self.inception_weights = space, inception_weights
        self.seed = seed
        self.max_share = max_share
        self.last_scores: dict[str, float | None] = {}
        self._subject: Subject | None = None
        self._grid = ImageGrid(every_n_images)
        self._evaluated: int | None = None
        self._cost = 0.0
        self._since = time.perf_counter()

    @property
    def space_id(self) -> str:
        """Name of the feature space; "" before it is chosen."""
        return "" if self._subject is None else self._subject.space.id

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Choose the feature space and read the real images before training starts.

        A module that offers nothing that could be scored is left alone.

        Raises:
            ValueError: the space does not suit the data, or nothing is held out.
        """
        if stage != "fit" or self._subject is not None:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        samples, settings = self.samples or _SAMPLES, self.settings
        self._subject = subject_without_features(pl_module, data, samples)
        if not (draws(pl_module) or translates(pl_module)):
            return
        space = choose_space(data, self.inception_weights, self.space_name)
        space = space.to(trainer.strategy.root_device)
        if self.samples is None and space.waved:
            samples, settings = _POINTS, replace(settings, manifold_samples=_SAMPLES)
        self._subject = subject_for(pl_module, data, space, samples, self.split, settings)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the place on the grid."""
        self._grid.start(pl_module.images_seen)
        self._evaluated = None
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate when the grid line of images_seen is crossed and time allows."""
        crossed = self._grid.crossed(pl_module.images_seen)
        if crossed and self._subject is not None and self._affordable(trainer):
            self.evaluate(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Evaluate the trained generator, unless a signal asks to leave quickly."""
        due = self._subject is not None and self._evaluated != pl_module.images_seen
        if due and not preempted(trainer):
            self.evaluate(trainer, pl_module)

    def evaluate(self, trainer: pl.Trainer, pl_module: Any) -> Mapping[str, float | None]:
        """Score the generator of this moment. Every rank calls it.

        Returns:
            Scores by name, the same on all ranks.
        """
        subject = self._subject
        assert subject is not None
        watchers = [c for c in trainer.callbacks if isinstance(c, Watcher)]  # type: ignore[attr-defined]
        for watcher in watchers:
            watcher.before_evaluation(trainer, pl_module)
        began = time.perf_counter()
        pl_module.sync_buffers()
        scores = finite_or_none(subject.scores(pl_module, self.seed))
        weights = weights_judged(pl_module)
        protocol = subject.protocol(weights)
        self._cost = time.perf_counter() - began
        self.last_scores, self._evaluated = scores, pl_module.images_seen
        if trainer.is_global_zero:
            self._record(trainer, pl_module, protocol, weights)
        for watcher in watchers:
            watcher.after_evaluation(trainer, pl_module, scores)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Checkpointing):
                callback.save(
                    trainer, reasons=["evaluation"], scores=scores, protocol=protocol.to_dict()
                )
        self._since = time.perf_counter()
        return scores

    def _record(
        self,
        trainer: pl.Trainer,
        module: Any,
        protocol: ScoreProtocol,
        weights: Literal["raw", "ema"],
    ) -> None:
        assert self._subject is not None
        axes = module.axes()
        row: EvaluationRow = {
            "images_seen": axes["images_seen"],
            "generator_steps": axes.get("generator_steps", 0),
            "discriminator_steps": axes.get("discriminator_steps", 0),
            "round": axes["round"],
            "seconds": round(self._cost, 3),
            "scores": self.last_scores,
            "floor": dict(self._subject.floor),
            "protocol": protocol.to_dict(),
            "generator": weights,
            "seed": self.seed,
        }
        RunFolder.of(trainer).append_evaluation(row)
        shown = {f"eval/{name}": value for name, value in self.last_scores.items()}
        values = {name: value for name, value in shown.items() if value is not None}
        for logger in trainer.loggers:
            logger.log_metrics({**axes, **values}, step=module.rounds)

    def _affordable(self, trainer: pl.Trainer) -> bool:
        """Rank 0's clock decides for all ranks."""
        if self.max_share is None:
            return True
        trained = time.perf_counter() - self._since
        return bool(trainer.strategy.broadcast(self._cost <= self.max_share * trained))

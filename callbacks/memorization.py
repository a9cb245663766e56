"""Ask while training whether the generator gives back its training set."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.drawing import weights_judged
from callbacks.durable import write_atomically
from callbacks.image_grid import ImageGrid
from callbacks.media import publish_figure
from callbacks.memorization_picture import draw_finding
from callbacks.memorization_probe import (
    Finding,
    MemorizationProbe,
    MemorizationSettings,
    UnfitSamplesError,
)
from callbacks.metrics.spaces import choose_space
from callbacks.offers import draws, speaks
from callbacks.preemption import preempted
from callbacks.run_folder import RunFolder

KEY = "memorization"

_log = logging.getLogger(__name__)


class Memorization(Callback):
    """Judge whether samples are copies of training images; off unless told when.

    All ranks take part, and training is bit-identical with and without it. Numbers go to the
    loggers as ``memorization/*``, the pairs that lie closest to ``media/memorization``, and the
    whole verdict to ``memorization.json``, which holds the last one. Needs held-out data.

    Args:
        at_end: judge the trained generator.
        every_n_images: real images between two verdicts; None: none while training.
        samples: generated images of one verdict.
        augment: changes under which a copy is sought: full (mirror, shifts, light, crop), flip,
            none.
        space: feature space beside the pixels: auto, identity, rand_vgg, efflite0, cls,
            inception_v3_tf, inception_clean.
        inception_weights: path of the published Inception weights.
        seed: of the latents.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        at_end: bool = False,
        every_n_images: int | None = None,
        samples: int = 1000,
        augment: Literal["full", "flip", "none"] = "full",
        space: str = "auto",
        inception_weights: str | None = None,
        seed: int = 0,
    ) -> None:
        if every_n_images is not None and every_n_images < 1:
            raise ValueError(
                f"Memorization: every_n_images must be at least 1, got {every_n_images}; null "
                "judges at the end only, where at_end is true"
            )
        if inception_weights is not None and not Path(inception_weights).is_file():
            raise ValueError(
                f"Memorization: inception_weights must be a file, got {inception_weights}; give "
                "the path of the published weights, or null"
            )
        self.settings = MemorizationSettings(samples, augment, seed)
        self.at_end, self.every_n_images = at_end, every_n_images
        self.space_name, self.inception_weights = space, inception_weights
        self._probe: MemorizationProbe | None = None
        self._grid = ImageGrid(every_n_images)
        self._judged: int | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Read the training and the held-out images before training starts.

        Raises:
            ValueError: the space does not suit the data, or too little is held out.
        """
        wanted = self.at_end or self.every_n_images is not None
        if stage != "fit" or self._probe is not None or not wanted:
            return
        if not draws(pl_module) or speaks(pl_module):
            raise ValueError(
                "Memorization: the model must draw from latents, images or points, got "
                f"{type(pl_module).__name__}; set memorization.at_end: false and every_n_images: "
                "null (of sentences, copy_rate is among the scores)"
            )
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        device = trainer.strategy.root_device
        space = choose_space(data, self.inception_weights, self.space_name).to(device)
        self._probe = MemorizationProbe(data, space, device, self.settings)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the place on the grid."""
        self._grid.start(pl_module.images_seen)
        self._judged = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Judge when the grid line of images_seen is crossed."""
        if self._grid.crossed(pl_module.images_seen):
            self.judge(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Judge the trained generator, unless a signal asks to leave quickly."""
        if self.at_end and not preempted(trainer) and self._judged != pl_module.images_seen:
            self.judge(trainer, pl_module)

    def judge(self, trainer: pl.Trainer, pl_module: Any) -> Finding | None:
        """Judge the generator of this moment. Every rank calls it.

        Returns:
            The finding, the same on all ranks; None where the samples are not finite.
        """
        assert self._probe is not None
        self._judged = pl_module.images_seen
        began = time.perf_counter()
        pl_module.sync_buffers()
        try:
            finding = self._probe.judge(pl_module)
        except UnfitSamplesError as error:
            # The scores say that as well; it is no reason to end a run.
            _log.warning("%s", error)
            return None
        if trainer.is_global_zero:
            self._record(trainer, pl_module, finding, time.perf_counter() - began)
        return finding

    def _record(self, trainer: pl.Trainer, module: Any, finding: Finding, seconds: float) -> None:
        assert self._probe is not None
        run, moment = RunFolder.of(trainer), int(module.images_seen)
        result = {"images_seen": moment, **describe(finding, self.settings)}
        result |= {"generator": weights_judged(module), "seconds": round(seconds, 3)}
        picture = run.media_file(KEY, moment).relative_to(run.path)
        write_record(run, {**result, "picture": picture.as_posix()})
        train = self._probe.data.reference("train")
        publish_figure(trainer, KEY, draw_finding(finding, train, headline(result)), moment)
        for logger in trainer.loggers:
            numbers = {**module.axes(), **finding.verdict.numbers()}
            logger.log_metrics(numbers, step=module.rounds)


def describe(finding: Finding, settings: MemorizationSettings) -> dict[str, Any]:
    """Plain data of a finding and how it was made.

    Args:
        finding: from a probe.
        settings: of the probe.
    """
    return {
        **finding.verdict.to_dict(),
        "samples": finding.samples,
        "dropped": finding.dropped,
        "held_out": finding.held_out,
        "augment": settings.augment,
        "seed": settings.seed,
    }


def headline(result: Mapping[str, Any]) -> str:
    """The verdict in one line.

    Args:
        result: with the keys of :func:`describe` and ``images_seen``.
    """
    against = f"{result['held_out']} held-out ones" if result["held_out"] else "no held-out ones"
    weak = " (weak: nothing was held out)" if result["weak"] else ""
    return (
        f"{result['verdict']}{weak}: {result['samples']} samples against {against}, "
        f"{result['images_seen']:,} images seen"
    )


def write_record(run: RunFolder, result: Mapping[str, Any]) -> None:
    """Replace ``memorization.json`` of a run in one step.

    Raises:
        StorageError: the disk refused; the old record is still there.
    """
    data = json.dumps(result, indent=1, allow_nan=False) + "\n"
    write_atomically(run.memorization_path, data.encode())

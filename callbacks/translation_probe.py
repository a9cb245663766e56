"""What the probes of translations share: when they look, at which images, and where it is noted."""

from __future__ import annotations

import logging
import math
import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.drawing import weights_judged
from callbacks.image_grid import ImageGrid
from callbacks.media import publish_figure
from callbacks.metrics.input_use import LEAST
from callbacks.preemption import preempted
from callbacks.probe_images import (
    Direction,
    ProbeImages,
    TooFewImagesError,
    directions_of,
)
from callbacks.run_folder import RunFolder
from callbacks.run_lines import storable
from callbacks.run_records import TranslationRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_log = logging.getLogger(__name__)


class Finding(Protocol):
    """What a probe found in one direction."""

    def numbers(self) -> dict[str, float]:
        """What dashboards show."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with a ``verdict``."""


class TranslationProbe(Callback):
    """Looks at every direction of a module that translates; says nothing for any other.

    All ranks take part, and training is bit-identical with and without it.

    Args:
        every_n_images: real images between two looks; None: none while training.
        at_end: look at the trained module.
        samples: images of each domain, held out where enough are.
        directions: which to look at, as pairs (source, target); None: all between two domains; of
            more domains, each to the next.
        seed: of the noise and the permutations.

    Raises:
        ValueError: a number is out of range.
    """

    #: Name of the pictures, and of the rows in translations.jsonl.
    key = ""

    def __init__(
        self,
        every_n_images: int | None = None,
        at_end: bool = True,
        samples: int = 256,
        directions: list[tuple[str, str]] | None = None,
        seed: int = 0,
    ) -> None:
        own = type(self).__name__
        if every_n_images is not None and every_n_images < 1:
            raise ValueError(
                f"{own}: every_n_images must be at least 1, got {every_n_images}; null looks at "
                "the end only, where at_end is true"
            )
        if samples < LEAST:
            raise ValueError(
                f"{own}: samples must be at least {LEAST}, got {samples}; 256 is the default"
            )
        self.every_n_images, self.at_end = every_n_images, at_end
        self.samples, self.seed = samples, seed
        self.directions = None if directions is None else [(a, b) for a, b in directions]
        self._images: ProbeImages | None = None
        self._grid = ImageGrid(every_n_images)
        self._looked: int | None = None

    @abstractmethod
    def judge(self, module: Any, source: str, target: str, images: ProbeImages) -> Finding:
        """Judge one direction. Every rank calls it."""

    @abstractmethod
    def headline(self, finding: Any) -> str:
        """The verdict and its reason in one line."""

    @abstractmethod
    def draw(self, module: Any, findings: Mapping[Direction, Any], images: ProbeImages) -> Figure:
        """The picture, each direction with its headline; on rank 0."""

    def judged_directions(self, module: Any) -> list[Direction]:
        """The directions that this probe can look at: none for a module that does not translate.

        Raises:
            ValueError: a direction is asked for that the module does not know.
        """
        known = directions_of(module)
        missing = [one for one in self.directions or () if one not in known]
        if known and missing:
            (source, target), names = missing[0], ", ".join(f"[{a}, {b}]" for a, b in known)
            raise ValueError(
                f"{type(self).__name__}: directions must be among {names}, got [{source}, "
                f"{target}]; correct it, or set directions: null"
            )
        domains = list(getattr(module, "domains", ()))
        if self.directions is None and len(domains) > 2:
            ring = set(zip(domains, domains[1:] + domains[:1], strict=True))
            return [one for one in known if one in ring]
        return [one for one in known if self.directions is None or one in self.directions]

    def examine(self, module: Any, images: ProbeImages) -> dict[Direction, Finding]:
        """Judge all directions. Every rank calls it."""
        return {
            (source, target): self.judge(module, source, target, images)
            for source, target in self.judged_directions(module)
        }

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Read the images before training starts.

        Raises:
            ValueError: looks while training are asked for and the data have too few images, or a
                direction is unknown.
        """
        wanted = self.at_end or self.every_n_images is not None
        directions = self.judged_directions(pl_module) if stage == "fit" and wanted else []
        if self._images is not None or not directions:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        domains = sorted({name for pair in directions for name in pair})
        try:
            self._images = ProbeImages.read(data, domains, self.samples)
        except TooFewImagesError as error:
            if self.every_n_images is not None:
                raise
            # It is on by default, and must not keep anyone from training on a handful of images.
            if trainer.is_global_zero:
                _log.warning("%s; the %s of this run is not looked at", error, self.key)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the place on the grid."""
        self._grid.start(pl_module.images_seen)
        self._looked = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when the grid line of images_seen is crossed."""
        if self._grid.crossed(pl_module.images_seen):
            self.look(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look at the trained module, unless a signal asks to leave quickly."""
        if self.at_end and not preempted(trainer) and self._looked != pl_module.images_seen:
            self.look(trainer, pl_module)

    def look(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Judge the module of this moment and note it. Every rank calls it."""
        if self._images is None:
            return
        moment = self._looked = int(pl_module.images_seen)
        began = time.perf_counter()
        pl_module.sync_buffers()
        findings = self.examine(pl_module, self._images)
        if not trainer.is_global_zero:
            return
        run, seconds = RunFolder.of(trainer), time.perf_counter() - began
        run.append_translation(self.row(pl_module, findings, self._images, run, moment, seconds))
        publish_figure(trainer, self.key, self.draw(pl_module, findings, self._images), moment)
        numbers = {
            f"probe/{self.key}/{source}_to_{target}/{name}": value
            for (source, target), finding in findings.items()
            for name, value in finding.numbers().items()
            if math.isfinite(value)
        }
        for logger in trainer.loggers:
            logger.log_metrics({**pl_module.axes(), **numbers}, step=pl_module.rounds)

    def row(
        self,
        module: Any,
        findings: Mapping[Direction, Finding],
        images: ProbeImages,
        run: RunFolder,
        moment: int,
        seconds: float,
    ) -> TranslationRow:
        """The line for translations.jsonl."""
        picture = run.media_file(self.key, moment).relative_to(run.path)
        return {
            "kind": self.key,
            "images_seen": moment,
            "seconds": round(seconds, 3),
            "directions": {
                f"{source} to {target}": {
                    "headline": self.headline(finding),
                    **storable(finding.to_dict()),
                }
                for (source, target), finding in findings.items()
            },
            "split": images.split,
            "samples": max(len(one) for one in images.images.values()),
            "seed": self.seed,
            "generator": weights_judged(module),
            "picture": picture.as_posix(),
        }

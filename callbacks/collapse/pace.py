"""When a probe is due: lines of a grid over images_seen, as many as the clock allows."""

from __future__ import annotations

import time
from typing import Any

from callbacks.collapse.arming import Plan

#: A run has at least so many probes, whatever they cost.
_LEAST = 10
_SHARE_OF_RUN = 100
_GENERATOR_STEPS = 50


class Pace:
    """A grid of images_seen, and the share of the time that probes have taken.

    Args:
        every_n_images: width of the grid; None takes a hundredth of the planned run, but at least
            50 generator steps.
        max_share: most of the training time that probes may take: lines of the grid are passed over
            while one probe would cost more. None takes every line.

    Attributes:
        interval: width of the grid in use, in images.
        planned: images of the whole run; 0 where it has no end.
        seconds: that all probes of this process have taken.
    """

    def __init__(self, every_n_images: int | None, max_share: float | None) -> None:
        self.every_n_images, self.max_share = every_n_images, max_share
        self.interval, self.planned = 1, 0
        self.seconds = 0.0
        self._cost = 0.0
        self._began = self._since = time.perf_counter()
        self._seen = 0

    def start(self, images_seen: int, planned: int, step_images: int) -> None:
        """Take the place on the grid.

        Args:
            images_seen: so far.
            planned: images of the whole run, 0 for no end.
            step_images: real images per generator step.
        """
        self.planned = planned
        automatic = max(planned // _SHARE_OF_RUN, _GENERATOR_STEPS * step_images)
        self.interval = self.every_n_images or max(1, automatic)
        self._seen = images_seen
        self._began = self._since = time.perf_counter()

    @property
    def plan(self) -> Plan:
        """Lines of the grid in the whole run, and where it ends."""
        if not self.planned:
            return Plan()
        return Plan(max(_LEAST, self.planned // self.interval), self.planned)

    @property
    def share(self) -> float:
        """Share of the time since the start that probes have taken."""
        return self.seconds / max(1e-9, time.perf_counter() - self._began)

    def due(self, images_seen: int, strategy: Any) -> bool:
        """Whether this moment is one for a probe. Rank 0's clock decides for all ranks.

        Args:
            images_seen: now; lower than before after a rollback.
            strategy: the trainer's.
        """
        seen, self._seen = self._seen, images_seen
        if images_seen // self.interval <= seen // self.interval:
            return False
        coarse = max(self.interval, self.planned // _LEAST)
        if self.max_share is None or images_seen // coarse > seen // coarse:
            return True
        trained = time.perf_counter() - self._since
        return bool(strategy.broadcast(self._cost <= self.max_share * trained))

    def took(self, seconds: float) -> None:
        """Count a probe.

        Args:
            seconds: that it took.
        """
        # The first one warms caches up; later ones say what a probe costs.
        self._cost = seconds if not self._cost else 0.5 * (self._cost + seconds)
        self.seconds += seconds
        self._since = time.perf_counter()


def planned_images(trainer: Any, module: Any) -> tuple[int, int]:
    """Images of the whole run (0 where it has no end), and images per generator step.

    Args:
        trainer: its loaders are there.
        module: a game, whose schedule says how many rounds a step of the primary player takes.
    """
    loader = trainer.train_dataloader
    images = int(getattr(loader, "batch_size", None) or 1) * trainer.world_size
    turns = module.schedule()[-1].turns
    mine = [turn for turn in turns if module.primary_player in turn.names]
    rounds = max(1, mine[0].every // len(mine[0].offsets)) if mine else 1
    step = images * rounds
    ends = []
    if trainer.max_steps and trainer.max_steps > 0:
        ends.append(trainer.max_steps * step)
    if trainer.max_epochs and trainer.max_epochs > 0 and trainer.num_training_batches:
        per_epoch = float(trainer.num_training_batches)
        if per_epoch != float("inf"):
            ends.append(int(trainer.max_epochs * per_epoch * images))
    return (min(ends) if ends else 0), step

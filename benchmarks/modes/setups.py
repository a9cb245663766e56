"""What a set-up is: data, networks and optimisation of a published experiment, named after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from datamodules.base import DataModule
from gan_modules.engine.game import Game

Size = Literal["reduced", "published"]

#: What is counted, by name: modes, high_quality where there is one, reverse_kl.
Counts = dict[str, float]


@dataclass(frozen=True)
class Setup:
    """One variant on one data set.

    Attributes:
        name: after its source.
        data: makes the data module, given the batch size and the seed.
        build: makes the game, given its number of generator steps.
        count: counts the modes of samples of the data module.
        batch: samples in a batch.
        steps: generator steps.
        published_steps: generator steps of the source; None where it does not tell.
        changes: what differs from the source beside the number of steps.
        samples: how many are drawn to be counted.
    """

    name: str
    data: Callable[[int, int], DataModule]
    build: Callable[[int], Game]
    count: Callable[[Tensor, DataModule], Counts]
    batch: int
    steps: int
    published_steps: int | None
    changes: tuple[str, ...]
    samples: int

"""Scores of discriminators of one scale and of several, alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

#: A network's scores: one map, or one of each scale.
Scores = Tensor | Sequence[Tensor]


def of_scales(scores: Scores) -> list[Tensor]:
    """The parts of a multi-scale discriminator's output; of another's, the one that there is."""
    return [scores] if isinstance(scores, Tensor) else list(scores)


def mean_scores(scores: Scores) -> Tensor:
    """One score ``(N,)`` for each image: the mean of its map, and over scales."""
    return torch.stack([part.flatten(1).mean(1) for part in of_scales(scores)]).mean(0)


def summed(terms: Iterable[Tensor]) -> Tensor:
    """Add tensors of one shape."""
    return torch.stack(list(terms)).sum(0)

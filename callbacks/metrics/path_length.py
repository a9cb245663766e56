"""Perceptual path length: how fast images change along a way between latents.

Karras et al., 2018, arXiv:1812.04948, section 4.1: the distance of two images a small step apart,
divided by the square of the step; without the 1 % of smallest and of largest values. The paper's
distance is LPIPS on VGG-16, whose weights do not come with an install: any distance can be given
here, and the result is named after it, never "ppl".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


class PathLength(NamedTuple):
    """Mean of the kept values, its standard error, and how many were kept."""

    mean: float
    standard_error: float
    kept: int


def path_lengths(
    images: Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    t: Tensor,
    way: Callable[[Tensor, Tensor, Tensor], Tensor],
    distance: Distance,
    step: float = 1e-4,
) -> Tensor:
    """One value for each way, in units of the distance per unit of the way squared.

    Args:
        images: points ``(N, D)`` to images ``(N, C, H, W)``.
        start: ``(N, D)``; float64, or a step of 1e-4 drowns in rounding.
        end: ``(N, D)``.
        t: ``(N, 1)`` places on the ways, in [0, 1].
        way: between two points, see :mod:`gan_modules.latents`.
        distance: squared distance ``(N,)`` of two stacks of images.
        step: the paper's epsilon.
    """
    here, there = images(way(start, end, t)), images(way(start, end, t + step))
    return distance(here, there) / step**2


def summarised(values: Tensor) -> PathLength:
    """The mean without the smallest and largest percent of ``values`` ``(N,)``, N at least 2."""
    low, high = torch.quantile(values, torch.tensor([0.01, 0.99], dtype=values.dtype))
    kept = values[(values >= low) & (values <= high)]
    error = float(kept.std() / len(kept) ** 0.5) if len(kept) > 1 else 0.0
    return PathLength(float(kept.mean()), error, len(kept))

"""The averaged generator (arXiv:1706.08500, half-life form of arXiv:1912.04958)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def averaged_copy(network: nn.Module) -> nn.Module:
    """A frozen copy in eval mode, for :func:`update_average`."""
    average = copy.deepcopy(network).requires_grad_(False)
    return average.eval()


def average_decay(
    images: int, half_life_images: float, images_seen: int, rampup: float | None
) -> float:
    """The decay beta of one update, ``0.5 ** (images / half_life)``.

    Args:
        images: images seen by all ranks since the last update.
        half_life_images: how many images halve an old weight's share.
        images_seen: since the start of training.
        rampup: the half-life is at most this share of ``images_seen``, so that the start is
            forgotten; None is off.
    """
    if rampup is not None:
        half_life_images = min(half_life_images, rampup * images_seen)
    return float(0.5 ** (images / max(half_life_images, 1e-8)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, beta: float) -> None:
    """``average <- beta * average + (1 - beta) * network``; buffers are copied.

    Buffers are copied because an average of BatchNorm's statistics is not the statistics of the
    averaged network.
    """
    targets: list[Tensor] = list(average.parameters())
    sources: list[Tensor] = list(network.parameters())
    torch._foreach_lerp_(targets, sources, 1.0 - beta)
    for target, source in zip(average.buffers(), network.buffers(), strict=True):
        target.copy_(source)

"""Twice as large by the nearest pixel, half as large by the mean of four."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def doubled(x: Tensor) -> Tensor:
    """Maps ``(N, C, H, W)`` to ``(N, C, 2H, 2W)`` of their type: each pixel stands four times."""
    # Under autocast CUDA would copy bfloat16 maps as float32, at twice the memory.
    with torch.autocast(x.device.type, enabled=False):
        return F.interpolate(x, scale_factor=2, mode="nearest")


def halved(x: Tensor) -> Tensor:
    """Maps ``(N, C, H, W)`` to ``(N, C, H/2, W/2)``: means of four. Undoes :func:`doubled`."""
    # By pairs: equal values then give that very value, and it takes half the time of a pooling.
    pairs = x[..., ::2, :] + x[..., 1::2, :]
    return 0.25 * (pairs[..., ::2] + pairs[..., 1::2])


class Doubling(nn.Module):
    """:func:`doubled` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)`` to ``(N, C, 2H, 2W)``."""
        return doubled(x)

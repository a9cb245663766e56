"""Low-pass filters around a change of size, so that no detail is tied to the pixel grid.

Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, arXiv:1904.11486; in
generators Karras et al., arXiv:1812.04948 (taps 1, 2, 1) and arXiv:1912.04958 (taps 1, 3, 3, 1).
Written as sums of shifted maps with a gradient of its own: differentiable any number of times, each
at the price of the forward, which depthwise convolutions are not.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH = (1.0, 3.0, 3.0, 1.0)


def fir(x: Tensor, taps: tuple[float, ...], padding: int) -> Tensor:
    """The same symmetric filter along height and width, normalised to keep constants.

    Args:
        x: maps ``(N, C, H, W)``.
        taps: its coefficients, up to a common factor.
        padding: zeros on each side.

    Returns:
        ``(N, C, H', W')`` with ``H' = H + 2 padding + 1 - len(taps)``.
    """
    filtered: Tensor = _Fir.apply(x, taps, padding)
    return filtered


def blur(x: Tensor) -> Tensor:
    """Taps 1, 2, 1: maps ``(N, C, H, W)`` to the same size."""
    return fir(x, (1.0, 2.0, 1.0), padding=1)


def downsample(x: Tensor) -> Tensor:
    """Taps 1, 3, 3, 1 and every second pixel: ``(N, C, H, W)`` to ``(N, C, H/2, W/2)``."""
    return fir(x, SMOOTH, padding=1)[:, :, ::2, ::2]


def upsample(x: Tensor) -> Tensor:
    """Zeros between the pixels, then taps 1, 3, 3, 1: ``(N, C, H, W)`` to ``(N, C, 2H, 2W)``.

    Inside, that is bilinear; beyond the border there are zeros. Up to a factor of 4 the transpose
    of :func:`downsample`.
    """
    spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2] + 1, 2 * x.shape[3] + 1)
    spread[:, :, 1::2, 1::2] = x
    return 4.0 * fir(spread, SMOOTH, padding=1)


class _Fir(torch.autograd.Function):
    """A linear map; the transpose of a symmetric filter is the filter with other padding."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: tuple[float, ...], padding: int) -> Tensor:
        ctx.taps, ctx.padding = taps, padding
        total = sum(taps)
        x = F.pad(x, (padding,) * 4)
        for dim in (2, 3):
            size = x.shape[dim] + 1 - len(taps)
            filtered = x.narrow(dim, 0, size) * (taps[0] / total)
            for place, tap in enumerate(taps[1:], start=1):
                filtered.add_(x.narrow(dim, place, size), alpha=tap / total)
            x = filtered
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Fir.apply(gradient, ctx.taps, len(ctx.taps) - 1 - ctx.padding), None, None

"""Images of any size through a translator of one size: tiles that fade into each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

_STACK = 16


def tiled(image: Tensor, translate: Callable[[Tensor], Tensor], edge: int, overlap: int) -> Tensor:
    """Translate an image piece by piece.

    A translator that is a function of each pixel gives what it gives of the whole image. Smaller
    images are continued by their border to one tile, and cut again.

    Args:
        image: ``(C, H, W)`` in [-1, 1].
        translate: ``(N, C, edge, edge)`` to ``(N, D, edge, edge)``.
        edge: of a tile in pixels.
        overlap: pixels that neighbours share, where the one fades into the other; below ``edge``.

    Returns:
        ``(D, H, W)`` on the CPU.
    """
    height, width = image.shape[1:]
    below, right = max(0, edge - height), max(0, edge - width)
    whole = F.pad(image[None], (0, right, 0, below), mode="replicate")[0]
    corners = [
        (top, left)
        for top in _starts(whole.shape[1], edge, overlap)
        for left in _starts(whole.shape[2], edge, overlap)
    ]
    window = _window(edge, overlap)
    total: Tensor | None = None
    weights = torch.zeros(1, *whole.shape[1:])
    for stack in _stacks(corners):
        tiles = torch.stack([whole[:, y : y + edge, x : x + edge] for y, x in stack])
        for (y, x), made in zip(stack, translate(tiles).float().cpu(), strict=True):
            if total is None:
                total = torch.zeros(len(made), *whole.shape[1:])
            total[:, y : y + edge, x : x + edge] += window * made
            weights[:, y : y + edge, x : x + edge] += window
    assert total is not None
    return (total / weights)[:, :height, :width]


def _starts(length: int, edge: int, overlap: int) -> list[int]:
    """Where tiles begin; the last one ends with the image."""
    return [*range(0, length - edge, edge - overlap), length - edge]


def _window(edge: int, overlap: int) -> Tensor:
    """Weights ``(edge, edge)``: 1 inside, falling towards the border over the overlap."""
    ramp = torch.arange(1, edge + 1) / (overlap + 1)
    line = torch.minimum(ramp, ramp.flip(0)).clamp(max=1.0)
    return line[:, None] * line


def _stacks(corners: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    return (corners[i : i + _STACK] for i in range(0, len(corners), _STACK))

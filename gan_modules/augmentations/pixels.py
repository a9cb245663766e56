"""Images read at other places: by gathers, which are exact and differentiable twice.

``torch.nn.functional.grid_sample`` has no second derivative, which a gradient penalty through an
augmentation needs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def integers(draws: Tensor, count: int) -> Tensor:
    """Uniform draws in [0, 1) to integers ``0 .. count - 1``, equally likely."""
    # float32 rounds a draw next to 1, times a count, up to the count.
    return (draws.float() * count).long().clamp_(max=count - 1)


def pixel_grid(images: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column numbers ``(1, H, 1)`` and ``(1, 1, W)`` of images ``(N, C, H, W)``."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device).view(1, -1, 1)
    return rows, torch.arange(width, device=images.device).view(1, 1, -1)


def mirrored(places: Tensor, length: int) -> Tensor:
    """Places folded back into ``0 .. length - 1`` at its two ends, which are not repeated."""
    period = max(2 * length - 2, 1)
    inside = places.remainder(period)
    return torch.minimum(inside, period - inside) if length > 1 else torch.zeros_like(places)


def read_pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images whose pixel at (y, x) is the one that stands at (rows, columns) of the same image.

    Args:
        images: ``(N, C, H, W)``.
        rows: ``(N, H, W)``, or what broadcasts to it, integers in ``0 .. H - 1``.
        columns: the same for ``0 .. W - 1``.
    """
    n, channels, height, width = images.shape
    places = (rows * width + columns).expand(n, height, width).reshape(n, 1, -1)
    read = images.flatten(2).gather(2, places.expand(n, channels, -1))
    return read.view(n, channels, height, width)


def read_between_pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """As :func:`read_pixels` at real places, bilinear, mirrored at the borders."""
    height, width = images.shape[2:]
    above, left = rows.floor(), columns.floor()
    down, right = (rows - above).unsqueeze(1), (columns - left).unsqueeze(1)
    tops = [mirrored(above.long() + step, height) for step in (0, 1)]
    sides = [mirrored(left.long() + step, width) for step in (0, 1)]
    upper, lower = (
        torch.lerp(read_pixels(images, row, sides[0]), read_pixels(images, row, sides[1]), right)
        for row in tops
    )
    return torch.lerp(upper, lower, down)


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix products ``(N, a, b) x (N, b, c)``, always in the full precision of the inputs."""
    return (left.unsqueeze(-1) * right.unsqueeze(-3)).sum(-2)

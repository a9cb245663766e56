"""The transforms of adaptive augmentation, each on with probability p for each image.

Karras et al., arXiv:2006.06676, appendix B. An image that no transform of a stage hits leaves the
stage bit for bit as it came.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan_modules.augmentations.pixels import (
    integers,
    mirrored,
    pixel_grid,
    product,
    read_between_pixels,
    read_pixels,
)
from gan_modules.engine.noise import Noise

SHIFT_SHARE = 0.125
SCALE_STD = 0.2
BRIGHTNESS_STD = 0.2
CONTRAST_STD = 0.5
SATURATION_STD = 1.0


def move_pixels(images: Tensor, p: Tensor, noise: Noise) -> Tensor:
    """Mirror, quarter turns, shift by whole pixels: values are kept, borders are mirrored.

    Each happens with probability ``p``, in which the change that changes nothing (no flip, no turn)
    is one of those drawn. Images that are not square get half turns only.
    """
    height, width = images.shape[2:]
    gates, values = _uniform(images, noise, 3, 4)
    flips = (gates[0] < p) & (values[0] < 0.5)
    turns = torch.where(gates[1] < p, integers(values[1], 4), 0)
    if height != width:
        turns = turns // 2 * 2
    shifts = [
        torch.where(gates[2] < p, ((2 * draw - 1) * SHIFT_SHARE * length).round().long(), 0)
        for draw, length in zip(values[2:], (height, width), strict=True)
    ]
    rows, columns = (
        mirrored(grid - shift, length)
        for grid, shift, length in zip(pixel_grid(images), shifts, (height, width), strict=True)
    )
    # Last to first, back to where the pixel stood: the shift above, the turn, the flip.
    rows, columns = torch.broadcast_tensors(rows, columns)
    back_rows, back_columns = height - 1 - rows, width - 1 - columns
    turned = {
        1: (columns, back_rows),
        2: (back_rows, back_columns),
        3: (back_columns, rows),
    }
    for quarter, (of_rows, of_columns) in turned.items():
        rows = torch.where(turns == quarter, of_rows, rows)
        columns = torch.where(turns == quarter, of_columns, columns)
    columns = torch.where(flips, width - 1 - columns, columns)
    return read_pixels(images, rows, columns)


def warp(images: Tensor, p: Tensor, noise: Noise) -> Tensor:
    """Scale, turn, stretch, turn, shift: one affine map, read bilinearly, borders mirrored.

    Each of the two turns has probability ``1 - sqrt(1 - p)``, so that either happens with ``p``.
    """
    height, width = images.shape[2:]
    gates, values = _uniform(images, noise, 5, 2)
    normal = _normal(images, noise, 4)
    p_turn = 1 - (1 - p).clamp(0, 1).sqrt()
    zoom = torch.where(gates[0] < p, torch.exp2(SCALE_STD * normal[0]), 1.0)
    stretch = torch.where(gates[1] < p, torch.exp2(SCALE_STD * normal[1]), 1.0)
    first, second = (
        torch.where(gate < p_turn, (2 * value - 1) * math.pi, 0.0)
        for gate, value in zip(gates[2:4], values, strict=True)
    )
    shift_rows, shift_columns = (
        torch.where(gates[4] < p, SHIFT_SHARE * length * draw, 0.0)
        for draw, length in zip(normal[2:], (height, width), strict=True)
    )
    hit = (gates[0] < p) | (gates[1] < p) | (gates[2] < p_turn) | (gates[3] < p_turn)
    hit = hit | (gates[4] < p)
    # From a place in the result back to its place in the image: last to first, each undone.
    back = product(_rotation(-first), product(_stretching(stretch), _rotation(-second)))
    grid_rows, grid_columns = pixel_grid(images)
    y = grid_rows - (height - 1) / 2 - shift_rows
    x = grid_columns - (width - 1) / 2 - shift_columns
    rows = (back[:, 1, 0, None, None] * x + back[:, 1, 1, None, None] * y) / zoom
    columns = (back[:, 0, 0, None, None] * x + back[:, 0, 1, None, None] * y) / zoom
    warped = read_between_pixels(images, rows + (height - 1) / 2, columns + (width - 1) / 2)
    return torch.where(hit.unsqueeze(1), warped, images)


def recolor(images: Tensor, p: Tensor, noise: Noise) -> Tensor:
    """Brightness, contrast, inverted luma, hue, saturation: one affine map of the colours.

    Grey images, which have one channel, have no hue and no saturation.

    Raises:
        ValueError: for images of other than one or three channels.
    """
    channels = images.shape[1]
    if channels not in (1, 3):
        raise ValueError(
            f"AdaptiveAugmentation: colours need images of 1 or 3 channels, got {channels}; "
            "use pipeline: bg"
        )
    gates, values = _uniform(images, noise, 5, 2)
    normal = _normal(images, noise, 3)
    brightness = torch.where(gates[0] < p, BRIGHTNESS_STD * normal[0], 0.0)
    contrast = torch.where(gates[1] < p, torch.exp2(CONTRAST_STD * normal[1]), 1.0)
    inverted = (gates[2] < p) & (values[0] < 0.5)
    hit = (gates[0] < p) | (gates[1] < p) | inverted
    brightened = images + brightness.unsqueeze(1)
    if channels == 1:
        changed = brightened * (contrast * torch.where(inverted, -1.0, 1.0)).unsqueeze(1)
        return torch.where(hit.unsqueeze(1), changed, images)
    hue = torch.where(gates[3] < p, (2 * values[1] - 1) * math.pi, 0.0)
    saturation = torch.where(gates[4] < p, torch.exp2(SATURATION_STD * normal[2]), 1.0)
    hit = hit | (gates[3] < p) | (gates[4] < p)
    whole = torch.eye(3, device=images.device, dtype=images.dtype)
    # The projection on the grey axis, and the cross product with that axis.
    luma = torch.full_like(whole, 1 / 3)
    around = (whole.roll(1, 0) - whole.roll(1, 1)) / math.sqrt(3)
    flip = (whole - 2 * luma * inverted) * contrast
    turn = luma + (whole - luma) * hue.cos() + around * hue.sin()
    matrix = product(luma + (whole - luma) * saturation, product(turn, flip))
    changed = (matrix[..., None, None] * brightened.unsqueeze(1)).sum(2)
    return torch.where(hit.unsqueeze(1), changed, images)


def _uniform(
    images: Tensor, noise: Noise, gates: int, values: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Uniform draws ``(N, 1, 1)``: those that say whether, and those that say how much."""
    count = gates + values
    draws = noise.uniform(len(images), count, 1, 1, device=images.device, dtype=images.dtype)
    return draws[:, :gates].unbind(1), draws[:, gates:].unbind(1)


def _normal(images: Tensor, noise: Noise, count: int) -> tuple[Tensor, ...]:
    """Standard normal draws ``(N, 1, 1)``."""
    draws = noise.normal(len(images), count, 1, 1, device=images.device, dtype=images.dtype)
    return draws.unbind(1)


def _rotation(angle: Tensor) -> Tensor:
    """``(N, 1, 1)`` radians to matrices ``(N, 2, 2)`` on (x, y)."""
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([torch.cat([cos, -sin], 2), torch.cat([sin, cos], 2)], 1)


def _stretching(factor: Tensor) -> Tensor:
    """Undoes a stretch of x by ``factor`` and of y by its inverse: ``(N, 2, 2)``."""
    zero = torch.zeros_like(factor)
    return torch.cat([torch.cat([1 / factor, zero], 2), torch.cat([zero, factor], 2)], 1)

"""Small changes under which a copied image is still a copy: mirrored, shifted, lighter, cropped.

They are made to the samples that are judged, never to the training set: the smallest distance over
them asks "is there a small change of this sample that makes it a training image?", and the training
features are computed once. A held-out image goes through the same changes, so the question is asked
of both alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Augment = Literal["full", "flip", "none"]

_CROP = 0.95
_LIGHT = 0.05
_SHIFTS = (1, 2)
# The side at which a shift of one pixel is a shift of one pixel; larger images move further.
_SIDE = 32
_DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True)
class Augmentation:
    """One change of images, the same for all of them.

    Attributes:
        name: in words, such as ``flip, right 1``.
        apply: uint8 ``(N, C, H, W)`` to the same shape and type.
        flips: whether left and right change places.
    """

    name: str
    apply: Callable[[Tensor], Tensor]
    flips: bool = False


IDENTITY = Augmentation("as it is", lambda images: images)


def augmentations(kind: Augment, image_shape: tuple[int, ...]) -> tuple[Augmentation, ...]:
    """Return the changes that a copy is sought under; the first is always none at all.

    Args:
        kind: ``full``: as it is, shifts by 1 and 2 pixels in four directions, 5 % lighter and
            darker, the middle 95 % at full size, each also mirrored (24 in all); ``flip``: as it is
            and mirrored; ``none``.
        image_shape: ``(C, H, W)`` of images, or ``(2,)`` of points, which are only taken as they
            are. Shifts are in pixels of an image 32 wide: at 64 they are 2 and 4.

    Raises:
        ValueError: for another kind.
    """
    if kind not in ("full", "flip", "none"):
        raise ValueError(
            f"augmentations: kind must be full, flip or none, got {kind!r}; full finds most copies"
        )
    if kind == "none" or len(image_shape) == 1:
        return (IDENTITY,)
    flip = Augmentation("flip", lambda images: images.flip(-1), flips=True)
    if kind == "flip":
        return IDENTITY, flip
    unit = max(1, round(max(image_shape[1:]) / _SIDE))
    small = [_shift(way, step * unit) for step in _SHIFTS for way in _DIRECTIONS]
    small += [_light(1.0 + _LIGHT), _light(1.0 - _LIGHT), Augmentation("cropped", _crop)]
    return IDENTITY, flip, *small, *(_flipped(one) for one in small)


def _shift(way: str, pixels: int) -> Augmentation:
    right, down = (pixels * step for step in _DIRECTIONS[way])

    def apply(images: Tensor) -> Tensor:
        # Pixels that move in repeat the edge: what lies beyond it is not known.
        rows = torch.arange(images.shape[-2], device=images.device) - down
        columns = torch.arange(images.shape[-1], device=images.device) - right
        rows = rows.clamp(0, images.shape[-2] - 1)
        columns = columns.clamp(0, images.shape[-1] - 1)
        return images[..., rows, :][..., columns]

    return Augmentation(f"{way} {pixels}", apply)


def _light(factor: float) -> Augmentation:
    name = "lighter" if factor > 1.0 else "darker"
    return Augmentation(name, lambda images: _bytes(images.float() * factor))


def _crop(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    inner = (max(1, round(height * _CROP)), max(1, round(width * _CROP)))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    middle = images[..., top : top + inner[0], left : left + inner[1]]
    # The filter of features.resize, which makes squares only.
    whole = interpolate(middle.float(), size=(height, width), mode="bicubic", antialias=True)
    return _bytes(whole)


def _flipped(one: Augmentation) -> Augmentation:
    def apply(images: Tensor) -> Tensor:
        return one.apply(images.flip(-1))

    return Augmentation(f"flip, {one.name}", apply, flips=True)


def _bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0.0, 255.0).to(torch.uint8)

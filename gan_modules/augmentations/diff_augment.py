"""DiffAugment: every image, real or generated, is changed at random before D sees it.

Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training", 2020,
arXiv:2006.10738.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor

from gan_modules.augmentations.base import Augmentation
from gan_modules.augmentations.pixels import integers, pixel_grid, read_pixels
from gan_modules.engine.noise import Noise

Change = Literal["color", "translation", "cutout"]


class DiffAugment(Augmentation):
    """Colour, shift and cutout with fixed strength, in the order of ``policy``.

    Section 3 and the authors' code: each image gets draws of its own, in every turn anew. The
    paper takes colour and cutout, or all three, for CIFAR, and all three for few images.

    * ``color``: brightness ``x + U(-0.5, 0.5)``; saturation ``(x - m) U(0, 2) + m``, m the mean
      over the channels of a pixel; contrast ``(x - m) U(0.5, 1.5) + m``, m the mean of the image.
    * ``translation``: a whole number of pixels up to ``translation_share`` of the size, padded
      with zeros, along each axis.
    * ``cutout``: a square of ``cutout_share`` of the size around a random centre becomes zero.

    Args:
        policy: which of them, first to last.
        translation_share: 0 leaves images where they are.
        cutout_share: 0 cuts nothing out.

    Raises:
        ValueError: for an empty policy, an unknown or repeated name, or a share outside [0, 1].
    """

    def __init__(
        self,
        policy: Sequence[Change] = ("color", "translation", "cutout"),
        translation_share: float = 0.125,
        cutout_share: float = 0.5,
    ) -> None:
        super().__init__()
        known = get_args(Change)
        if not policy or len(set(policy)) < len(policy) or not set(policy) <= set(known):
            raise ValueError(
                f"DiffAugment: policy must name some of {', '.join(known)}, each once, got "
                f"{list(policy)}; without augmentation leave it out"
            )
        shares = {"translation_share": translation_share, "cutout_share": cutout_share}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(
                    f"DiffAugment: {name} must lie in [0, 1], got {share}; "
                    "it is a share of the image's height and width"
                )
        self.policy = tuple(policy)
        self.translation_share, self.cutout_share = translation_share, cutout_share

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        """Changed images ``(N, C, H, W)``; colours may leave [-1, 1]."""
        self.require_images(images)
        for change in self.policy:
            if change == "color":
                images = recolored(images, noise)
            elif change == "translation":
                images = translated(images, noise, self.translation_share)
            else:
                images = cut_out(images, noise, self.cutout_share)
        return images


def recolored(images: Tensor, noise: Noise) -> Tensor:
    """Brightness, then saturation, then contrast; see :class:`DiffAugment`."""
    draws = noise.uniform(len(images), 3, 1, 1, 1, device=images.device, dtype=images.dtype)
    brightness, saturation, contrast = draws.unbind(1)
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def translated(images: Tensor, noise: Noise, share: float) -> Tensor:
    """Shifted by whole pixels, up to ``share`` of the size, zeros from outside."""
    draws = noise.uniform(len(images), 2, 1, 1, device=images.device)
    sources, inside = [], []
    for axis, grid in enumerate(pixel_grid(images)):
        length = images.shape[2 + axis]
        most = int(length * share + 0.5)
        source = grid - (integers(draws[:, axis], 2 * most + 1) - most)
        inside.append((source >= 0) & (source < length))
        sources.append(source.clamp(0, length - 1))
    shown = (inside[0] & inside[1]).unsqueeze(1)
    return read_pixels(images, *sources).masked_fill(~shown, 0.0)


def cut_out(images: Tensor, noise: Noise, share: float) -> Tensor:
    """Zero in a square of ``share`` of the size, whose centre lies anywhere in the image."""
    draws = noise.uniform(len(images), 2, 1, 1, device=images.device)
    inside = []
    for axis, grid in enumerate(pixel_grid(images)):
        length = images.shape[2 + axis]
        side = int(length * share + 0.5)
        # The centre of an even square lies between two pixels, so there is one more of them.
        start = integers(draws[:, axis], length + 1 - side % 2) - side // 2
        inside.append((grid >= start) & (grid < start + side))
    return images.masked_fill((inside[0] & inside[1]).unsqueeze(1), 0.0)

"""Parts that networks from images to images share: normalisation, residual blocks, size checks.

Isola et al., 2016, arXiv:1611.07004; Zhu et al., 2017, arXiv:1703.10593 (authors' code).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_choice

TranslationNormalization = Literal["instance", "batch", "none"]
TRANSLATION_NORMALIZATIONS: tuple[TranslationNormalization, ...] = ("instance", "batch", "none")
Padding = Literal["reflect", "zeros"]


class PlainInstanceNorm(nn.Module):
    """Each map of each sample to mean 0 and variance 1 over its pixels; no gain, no bias.

    Raises:
        ValueError: in the forward, for maps of one pixel, of which it would leave zeros.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)`` to the same shape."""
        if x.shape[2] * x.shape[3] < 2:
            raise ValueError(
                f"PlainInstanceNorm: maps must have at least 2 pixels, got {tuple(x.shape)}; take "
                "larger images or fewer halvings"
            )
        return F.instance_norm(x)


def translation_norm(
    name: TranslationNormalization, channels: int, *, affine: bool = False
) -> nn.Module:
    """The normalisations of CycleGAN and pix2pix: ``"instance"`` is without gain and bias.

    Args:
        name: ``"instance"``, ``"batch"`` (with gain and bias) or ``"none"``.
        channels: of the maps.
        affine: gives ``"instance"`` a gain and a bias too.

    Raises:
        ValueError: if ``name`` is none of these.
    """
    require_choice("translation_norm", "normalization", name, TRANSLATION_NORMALIZATIONS)
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "none":
        return nn.Identity()
    return nn.InstanceNorm2d(channels, affine=True) if affine else PlainInstanceNorm()


def conv_bias(name: TranslationNormalization) -> bool:
    """Whether a convolution before this normalisation has a bias: all but batch normalisation.

    Instance normalisation takes a bias out again; the authors' networks, and so their published
    sizes, have it all the same.
    """
    return name != "batch"


class TranslationBlock(nn.Module):
    """``x + f(x)``: 3x3, norm, ReLU, 3x3, norm, with nothing after the sum.

    Args:
        channels: of the maps, which keep their number and size.
        normalization: after both convolutions.
        padding: at the borders.
        affine: instance normalisation has a gain and a bias.
        bias: of the convolutions; None: as :func:`conv_bias`.
    """

    def __init__(
        self,
        channels: int,
        normalization: TranslationNormalization = "instance",
        *,
        padding: Padding = "reflect",
        affine: bool = False,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        bias = conv_bias(normalization) if bias is None else bias

        def convolution() -> nn.Module:
            return nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding, bias=bias)

        self.residual = nn.Sequential(
            convolution(),
            translation_norm(normalization, channels, affine=affine),
            nn.ReLU(inplace=True),
            convolution(),
            translation_norm(normalization, channels, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, channels, H, W)``, H and W at least 2, to the same shape."""
        changed: Tensor = x + self.residual(x)
        return changed


def require_images(owner: str, x: Tensor, channels: int) -> None:
    """A batch of images with so many channels, of any size.

    Raises:
        ValueError: otherwise.
    """
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(
            f"{owner}: input must have shape (N, {channels}, H, W), got {tuple(x.shape)}; match "
            "the channels of the network and of the data"
        )


def require_multiple(owner: str, x: Tensor, downs: int, smallest: int = 1) -> None:
    """Height and width that ``downs`` halvings divide evenly, down to ``smallest`` pixels or more.

    Raises:
        ValueError: with size, downs and both remedies.
    """
    step = 2**downs
    if any(size % step or size // step < smallest for size in x.shape[2:]):
        least = f" and at least {smallest * step}" if smallest > 1 else ""
        raise ValueError(
            f"{owner}: height and width must be multiples of 2^downs = {step}{least}, got "
            f"{x.shape[2]}x{x.shape[3]} px at downs {downs}; resize the images or set downs to "
            f"{_most_downs(x.shape[2:], smallest)} or fewer"
        )


def _most_downs(sizes: Sequence[int], smallest: int) -> int:
    downs = 0
    while all(size % 2 ** (downs + 1) == 0 and size >> (downs + 1) >= smallest for size in sizes):
        downs += 1
    return downs

"""Discriminators that drop units, so that two looks at one image differ.

Wei et al., "Improving the Improved Training of Wasserstein GANs: A Consistency Term and Its Dual
Effect", 2018, arXiv:1803.01541. What changes from ``resnet.py`` and ``dcgan.py``: dropout after
each of the last three stages. Masks come from torch's global generator: each rank of a job drops
units of its own.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from gan_modules.networks.blocks import Normalization
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.residual import DownBlock, FirstBlock
from gan_modules.networks.resnet import ResNetDiscriminator

Keep = tuple[float, float, float]


class DropoutResNetDiscriminator(ResNetDiscriminator):
    """Images to raw scores, in training mode other ones at each call; the paper's CIFAR-10 net.

    The features are pooled by the mean, as in WGAN-GP.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps of the first block; None is 128 at 32 px, the paper's, and 64 above.
        keep: shares of the units that stay after each of the last three blocks, which at 32 px are
            blocks 2, 3 and 4.
        normalization: ``"none"`` or ``"layer"``, before the ReLUs of all blocks but the first.

    Raises:
        ValueError: if a share is not above 0 and at most 1, or there are not three; else as
            :class:`ResNetDiscriminator`.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int | None = None,
        keep: Keep = (0.8, 0.5, 0.5),
        normalization: Literal["layer", "none"] = "none",
    ) -> None:
        super().__init__(size, channels, width, normalization, pool="mean")
        self.blocks = _dropping(self, self.blocks, (FirstBlock, DownBlock), keep)


class DropoutDCGANDiscriminator(DCGANDiscriminator):
    """Images to raw scores, in training mode other ones at each call; cheap.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        keep: shares of the units that stay after each of the last three convolutions, which at
            32 px are all.
        normalization: after every layer but the first and the last; ``"batch"`` does not go with
            the gradient penalty.

    Raises:
        ValueError: if a share is not above 0 and at most 1, or there are not three; else as
            :class:`DCGANDiscriminator`.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        keep: Keep = (0.8, 0.5, 0.5),
        normalization: Normalization = "none",
    ) -> None:
        super().__init__(size, channels, width, normalization)
        self.layers = _dropping(self, self.layers, (nn.LeakyReLU,), keep)


def _dropping(
    owner: nn.Module, layers: nn.Sequential, kinds: tuple[type[nn.Module], ...], keep: Keep
) -> nn.Sequential:
    """The same layers, with dropout after each of the last three of these kinds."""
    if len(keep) != 3 or not all(0 < share <= 1 for share in keep):
        raise ValueError(
            f"{type(owner).__name__}: keep must be three shares above 0 and at most 1, got "
            f"{list(keep)}; the paper's are [0.8, 0.5, 0.5]"
        )
    places = [place for place, layer in enumerate(layers) if isinstance(layer, kinds)][-3:]
    shares = dict(zip(places, keep, strict=True))
    stack: list[nn.Module] = []
    for place, layer in enumerate(layers):
        stack.append(layer)
        if place in shares:
            stack.append(nn.Dropout(1 - shares[place]))
    return nn.Sequential(*stack)

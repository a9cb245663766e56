"""Residual networks for images, of spectral normalisation and of WGAN-GP.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
arXiv:1802.05957, table 4, and the authors' code for 64 and 128 px. With ``width=128`` in both
nets, and ``normalization="none"`` and ``pool="mean"`` in D, they are the CIFAR-10 nets of
Gulrajani et al., arXiv:1704.00028 (authors' code). Convolutions start Xavier uniform with gain
sqrt(2) inside a block, which that code names He initialisation, and 1 elsewhere.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_xavier,
    normalization_layer,
    spectral,
)
from gan_modules.networks.checks import require_choice, require_positive, require_shape

DiscriminatorNormalization = Literal["spectral", "layer", "none"]
Pool = Literal["sum", "mean"]


class _Plan(NamedTuple):
    """Default width, and the multiples of it along the network."""

    width: int
    multiples: tuple[int, ...]


_GENERATOR_PLANS = {
    32: _Plan(256, (1, 1, 1, 1)),
    64: _Plan(64, (16, 8, 4, 2, 1)),
    128: _Plan(64, (16, 16, 8, 4, 2, 1)),
}
_DISCRIMINATOR_PLANS = {
    32: _Plan(128, (1, 1, 1, 1)),
    64: _Plan(64, (1, 2, 4, 8, 16)),
    128: _Plan(64, (1, 2, 4, 8, 16, 16)),
}
_HALVINGS = {32: 2, 64: 5, 128: 5}
_BLOCK_GAIN = math.sqrt(2)


class ResNetGenerator(nn.Module):
    """Latents to images through blocks that each double the size, from 4x4.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent, the paper's 128.
        width: maps of the last block; None is the paper's 256 at 32 px, 64 above.
        normalization: before every ReLU; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 128,
        width: int | None = None,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_GENERATOR_PLANS))
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        width = _GENERATOR_PLANS[size].width if width is None else width
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        maps = [width * multiple for multiple in _GENERATOR_PLANS[size].multiples]
        self.start = nn.Sequential(
            initialize_xavier(nn.Linear(latent_dim, maps[0] * 4 * 4)),
            nn.Unflatten(1, (maps[0], 4, 4)),
        )
        self.blocks = nn.Sequential(
            *(
                UpBlock(inputs, outputs, normalization)
                for inputs, outputs in zip(maps[:-1], maps[1:], strict=True)
            )
        )
        self.end = nn.Sequential(
            normalization_layer(normalization, width),
            nn.ReLU(inplace=True),
            initialize_xavier(nn.Conv2d(width, channels, 3, padding=1)),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` in [-1, 1]."""
        images: Tensor = self.end(self.blocks(self.start(z)))
        return images


class ResNetDiscriminator(nn.Module):
    """Images to raw scores: residual blocks, a ReLU, pooling over space, one linear layer.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps of the first block; None is the paper's 128 at 32 px, 64 above.
        normalization: ``"spectral"`` of every weight; ``"layer"`` before the ReLUs of all blocks
            but the first; ``"none"``. Batch normalisation is no choice: none of the papers has it.
        pool: ``"sum"`` over space, as in SNGAN, or ``"mean"``, as in WGAN-GP.

    Raises:
        ValueError: for another size, normalisation or pooling, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int | None = None,
        normalization: DiscriminatorNormalization = "spectral",
        pool: Pool = "sum",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_DISCRIMINATOR_PLANS))
        require_choice(name, "normalization", normalization, ("spectral", "layer", "none"))
        require_choice(name, "pool", pool, ("sum", "mean"))
        width = _DISCRIMINATOR_PLANS[size].width if width is None else width
        require_positive(name, channels=channels, width=width)
        self.image_shape = (channels, size, size)
        self.pool = pool
        maps = [width * multiple for multiple in _DISCRIMINATOR_PLANS[size].multiples]
        # Spectral normalisation is of the weights: between the layers there is nothing then.
        between: Normalization = "layer" if normalization == "layer" else "none"
        blocks: list[nn.Module] = [FirstBlock(channels, maps[0])]
        for index, (inputs, outputs) in enumerate(zip(maps[:-1], maps[1:], strict=True), start=1):
            halve = index < _HALVINGS[size]
            blocks.append(DownBlock(inputs, outputs, halve=halve, normalization=between))
        self.blocks = nn.Sequential(*blocks)
        # The authors' net has this bias at 64 and 128 px only.
        self.head = initialize_xavier(nn.Linear(maps[-1], 1, bias=size > 32))
        if normalization == "spectral":
            for layer in list(self.modules()):
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    spectral(layer)

    def features(self, x: Tensor) -> Tensor:
        """Pooled maps of the last block, ``(N, F)``, F its number of maps; not negative."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps = F.relu(self.blocks(x))
        return maps.sum((2, 3)) if self.pool == "sum" else maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


class UpBlock(nn.Module):
    """Norm, ReLU, double, 3x3, norm, ReLU, 3x3; a 1x1 convolution on the way around.

    Args:
        inputs: maps that come in.
        outputs: maps that go out, at twice the size.
        normalization: before both ReLUs.
    """

    def __init__(self, inputs: int, outputs: int, normalization: Normalization) -> None:
        super().__init__()
        self.activate = _norm_and_relu(inputs, normalization)
        self.first = _conv3(inputs, outputs)
        self.second = nn.Sequential(
            normalization_layer(normalization, outputs),
            nn.ReLU(inplace=True),
            _conv3(outputs, outputs),
        )
        self.shortcut = initialize_xavier(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, 2H, 2W)``."""
        residual: Tensor = self.second(self.first(_double(self.activate(x))))
        # A 1x1 convolution commutes with doubling and costs a quarter before it.
        return residual + _double(self.shortcut(x))


class DownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, halve; hidden maps as many as come in.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        halve: average over 2x2 pixels at the end; else the size stays.
        normalization: before both ReLUs; ``"batch"`` is not meant.
    """

    def __init__(
        self, inputs: int, outputs: int, *, halve: bool, normalization: Normalization
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _norm_and_relu(inputs, normalization),
            _conv3(inputs, inputs),
            normalization_layer(normalization, inputs),
            nn.ReLU(inplace=True),
            _conv3(inputs, outputs),
        )
        self.pool: nn.Module = nn.AvgPool2d(2) if halve else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if halve or inputs != outputs:
            self.shortcut = initialize_xavier(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``, or of the same size."""
        # A 1x1 convolution commutes with the average and costs a quarter after it.
        around: Tensor = self.shortcut(self.pool(x))
        return around + self.pool(self.residual(x))


class FirstBlock(nn.Module):
    """3x3, ReLU, 3x3, halve: like :class:`DownBlock`, without a ReLU on the image itself.

    Args:
        channels: of the images.
        outputs: maps that go out, at half the size.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _conv3(channels, outputs), nn.ReLU(inplace=True), _conv3(outputs, outputs)
        )
        self.shortcut = initialize_xavier(nn.Conv2d(channels, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, H, W)`` to maps ``(N, outputs, H/2, W/2)``."""
        around: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return around + F.avg_pool2d(self.residual(x), 2)


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return initialize_xavier(nn.Conv2d(inputs, outputs, 3, padding=1), _BLOCK_GAIN)


def _norm_and_relu(channels: int, normalization: Normalization) -> nn.Module:
    """Without a norm the ReLU may not work in place: the shortcut still needs its input."""
    fresh = normalization != "none"
    return nn.Sequential(normalization_layer(normalization, channels), nn.ReLU(inplace=fresh))


def _double(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="nearest")

"""Residual networks for images, of spectral normalisation and of WGAN-GP.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
arXiv:1802.05957, table 4, and the authors' code for 64 and 128 px. With ``width=128`` in both
nets, and ``normalization="none"`` and ``pool="mean"`` in D, they are the CIFAR-10 nets of
Gulrajani et al., arXiv:1704.00028 (authors' code). Convolutions start Xavier uniform with gain
sqrt(2) inside a block, which that code names He initialisation, and 1 elsewhere.
"""

from __future__ import annotations

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
from gan_modules.networks.residual import DownBlock, FirstBlock, UpBlock

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

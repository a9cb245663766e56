"""The residual nets of the projection discriminator: SNGAN's, told a class.

Miyato, Koyama, "cGANs with Projection Discriminator", 2018, arXiv:1802.05637, appendix, and the
authors' code for 64 and 128 px. What changes from ``resnet.py``: the norms of G have a gain and a
bias for each class, and how well the features fit the class is part of D's score.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_xavier,
    spectral,
)
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.conditional_blocks import ConditionalTrunk, ConditionalUpBlock
from gan_modules.networks.resnet import DiscriminatorNormalization, Pool, ResNetDiscriminator

_PLANS = {32: (4, 4, 2, 1), 64: (16, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}


class ConditionalResNetGenerator(nn.Module):
    """Latents and labels to images; not spectrally normalised.

    Args:
        size: height and width of the images in pixels: 64 and 128 are the authors' nets, 32 leaves
            the first stage out.
        channels: of the images.
        latent_dim: length of a latent, the paper's 128.
        width: maps of the last block, the authors' 64; the first have sixteen times as many.
        num_classes: K.
        normalization: before every ReLU; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 128,
        width: int = 64,
        num_classes: int = 10,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_PLANS))
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(
            name, channels=channels, latent_dim=latent_dim, width=width, num_classes=num_classes
        )
        self.latent_dim, self.num_classes = latent_dim, num_classes
        maps = [width * multiple for multiple in _PLANS[size]]
        self.start = initialize_xavier(nn.Linear(latent_dim, maps[0] * 4 * 4))
        dims = [num_classes] * (len(maps) - 1)
        self.trunk = ConditionalTrunk(channels, maps, dims, normalization, attention=None)
        for layer in self.trunk.modules():
            if isinstance(layer, nn.Conv2d):
                initialize_xavier(layer)
        for block in self.trunk.blocks:
            assert isinstance(block, ConditionalUpBlock)
            initialize_xavier(block.first, math.sqrt(2))
            initialize_xavier(block.second, math.sqrt(2))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` and labels ``(N,)`` to images in [-1, 1]."""
        told = F.one_hot(label, self.num_classes).to(z.dtype)
        maps = self.start(z).unflatten(1, (-1, 4, 4))
        images: Tensor = self.trunk(maps, [told] * len(self.trunk.blocks))
        return images


class ProjectionResNetDiscriminator(ResNetDiscriminator):
    """Images and labels to raw scores ``head(h) + <embedding of the class, h>``, equation 3.

    h are SNGAN's features: the maps after the last ReLU, pooled over space.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps of the first block; None is the paper's 128 at 32 px, 64 above.
        num_classes: K.
        normalization: as in :class:`ResNetDiscriminator`; ``"spectral"`` is of the embedding too.
        pool: ``"sum"``, the authors', or ``"mean"`` over space.

    Raises:
        ValueError: for another size, normalisation or pooling, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int | None = None,
        num_classes: int = 10,
        normalization: DiscriminatorNormalization = "spectral",
        pool: Pool = "sum",
    ) -> None:
        super().__init__(size, channels, width, normalization, pool)
        require_positive(type(self).__name__, num_classes=num_classes)
        self.num_classes = num_classes
        self.embedding = nn.Embedding(num_classes, self.head.in_features)
        nn.init.xavier_uniform_(self.embedding.weight)
        if normalization == "spectral":
            spectral(self.embedding)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]  # Told more.
        """Images ``(N, channels, size, size)`` and labels ``(N,)`` to raw scores ``(N,)``."""
        features = self.features(x)
        scores: Tensor = self.head(features).squeeze(1)
        return scores + (self.embedding(label) * features).sum(1)

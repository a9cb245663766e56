"""SAGAN's networks: a residual net for classes, both players spectrally normalised, one attention.

Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks", 2018,
arXiv:1805.08318, and the authors' code. 128 px is theirs; 64 and 32 px drop outer stages. What
changes from ``resnet.py``: the norms of G have a gain and a bias for each class, G is spectrally
normalised too, D's blocks are wide and project on the class.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.biggan import DISCRIMINATOR_NORMALIZATIONS, DiscriminatorNormalization
from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_xavier,
    spectral,
)
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.conditional_blocks import (
    ConditionalTrunk,
    require_attention,
    require_classes,
    require_labels,
)
from gan_modules.networks.projection import ProjectionDiscriminator
from gan_modules.networks.spectral import normalize_layers

_GENERATOR_PLANS = {32: (4, 4, 2, 1), 64: (8, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}
_DISCRIMINATOR_PLANS = {32: (1, 2, 4, 4), 64: (1, 2, 4, 8, 8), 128: (1, 2, 4, 8, 16, 16)}


class SAGANGenerator(nn.Module):
    """Latents, and labels if there are classes, to images.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent, the authors' 128.
        width: maps of the last block; the others have up to sixteen times as many.
        num_classes: 0 for images without classes: one gain and bias for all.
        attention: size of the maps that the self-attention follows; None is 32, and 16 at 32 px.
        normalization: before every ReLU; the authors' is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, a count that is not positive, or an
            attention where no block ends.
    """

    def __init__(
        self,
        size: int = 128,
        channels: int = 3,
        latent_dim: int = 128,
        width: int = 64,
        num_classes: int = 0,
        attention: int | None = None,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_GENERATOR_PLANS))
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        require_classes(name, num_classes)
        maps = [width * multiple for multiple in _GENERATOR_PLANS[size]]
        attention = min(32, size // 2) if attention is None else attention
        require_attention(name, attention, [4 << i for i in range(1, len(maps))])
        self.latent_dim, self.num_classes = latent_dim, num_classes
        # A column of gains for each class; without classes there is one, and all are told it.
        self.columns = max(1, num_classes)
        self.start = nn.Linear(latent_dim, maps[0] * 4 * 4)
        dims = [self.columns] * (len(maps) - 1)
        self.trunk = ConditionalTrunk(channels, maps, dims, normalization, attention)
        # Not the norms' linear maps, which are tables of gains and biases: these start at 0.
        for layer in [self.start, *(m for m in self.modules() if isinstance(m, nn.Conv2d))]:
            spectral(initialize_xavier(layer))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Latents ``(N, latent_dim)`` and labels ``(N,)`` to images in [-1, 1].

        Raises:
            ValueError: labels without classes, or classes without labels.
        """
        require_labels(type(self).__name__, self.num_classes, label)
        if label is None:
            label = torch.zeros(len(z), dtype=torch.long, device=z.device)
        told = F.one_hot(label, self.columns).to(z.dtype)
        maps = self.start(z).unflatten(1, (-1, 4, 4))
        images: Tensor = self.trunk(maps, [told] * len(self.trunk.blocks))
        return images


class SAGANDiscriminator(ProjectionDiscriminator):
    """Images, and labels if there are classes, to raw scores, with one self-attention.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps of the first block; the last has up to sixteen times as many.
        num_classes: 0 for images without classes: no projection.
        attention: as in :class:`SAGANGenerator`.
        normalization: ``"spectral"``, ``"operator_spectral"`` or ``"none"``, as in
            :class:`~gan_modules.networks.biggan.BigGANDiscriminator`.

    Raises:
        ValueError: for another size or normalisation, a count that is not positive, or an
            attention where no block ends.
    """

    def __init__(
        self,
        size: int = 128,
        channels: int = 3,
        width: int = 64,
        num_classes: int = 0,
        attention: int | None = None,
        normalization: DiscriminatorNormalization = "spectral",
    ) -> None:
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_DISCRIMINATOR_PLANS))
        require_choice(name, "normalization", normalization, DISCRIMINATOR_NORMALIZATIONS)
        require_positive(name, width=width)
        maps = [width * multiple for multiple in _DISCRIMINATOR_PLANS[size]]
        attention = min(32, size // 2) if attention is None else attention
        super().__init__(size, channels, maps, len(maps) - 1, num_classes, attention)
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                initialize_xavier(layer)
            elif isinstance(layer, nn.Embedding):
                nn.init.xavier_uniform_(layer.weight)
        if normalization != "none":
            normalize_layers(self, normalization, *self.example)

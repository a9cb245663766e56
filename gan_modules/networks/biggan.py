"""BigGAN's networks: the latent and the class reach every block of G, and D is as wide.

Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
2018, arXiv:1809.11096, appendix B; 32 and 64 px from the authors' PyTorch code. What changes from
``resnet.py``: the norms of G are told a part of the latent and the class, every weight of both nets
is spectrally normalised, D's blocks are wide and project on the class, weights start orthogonal.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import NORMALIZATIONS, Normalization, spectral
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.conditional_blocks import (
    ConditionalTrunk,
    require_attention,
    require_classes,
    require_labels,
)
from gan_modules.networks.projection import ProjectionDiscriminator
from gan_modules.networks.spectral import SPECTRAL_NORMALIZATIONS, normalize_layers

DiscriminatorNormalization = Literal["spectral", "operator_spectral", "none"]
DISCRIMINATOR_NORMALIZATIONS: tuple[DiscriminatorNormalization, ...] = (
    *SPECTRAL_NORMALIZATIONS,
    "none",
)


class _Plan(NamedTuple):
    """The paper's width, multiples of it along G and D, and D's blocks that halve."""

    width: int
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int


_PLANS = {
    32: _Plan(64, (4, 4, 4, 4), (4, 4, 4, 4), 2),
    64: _Plan(64, (16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4),
    128: _Plan(96, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
}


class BigGANGenerator(nn.Module):
    """Latents, and labels if there are classes, to images.

    The latent is cut into a chunk for the first layer and one for each block. A block's norms are
    told its chunk and the class: one embedding, shared by all blocks and not normalised, since
    spectral normalisation cripples it at random (authors' code).

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent, the paper's 120; a chunk for each block and one more.
        width: the paper's ch; None is its 96 at 128 px, the authors' 64 at 32 and 64 px. Maps are
            one to sixteen times as many.
        num_classes: 0 for images without classes: blocks are told their chunks alone.
        embedding_dim: length of the shared embedding of a class.
        attention: size of the maps that a self-attention follows, the paper's is 64 at 128 px;
            None for none, as in the authors' CIFAR-10 nets.
        normalization: before every ReLU; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, a count that is not positive, an attention
            where no block ends, or a latent that is too short to be cut.
    """

    def __init__(
        self,
        size: int = 128,
        channels: int = 3,
        latent_dim: int = 120,
        width: int | None = None,
        num_classes: int = 0,
        embedding_dim: int = 128,
        attention: int | None = None,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_PLANS))
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        plan = _PLANS[size]
        width = plan.width if width is None else width
        require_positive(name, channels=channels, width=width, embedding_dim=embedding_dim)
        require_classes(name, num_classes)
        maps = [width * multiple for multiple in plan.generator]
        require_attention(name, attention, [4 << i for i in range(1, len(maps))])
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.chunks = _chunks(name, latent_dim, len(maps))
        self.embedding = nn.Embedding(num_classes, embedding_dim) if num_classes else None
        told = embedding_dim if num_classes else 0
        self.start = nn.Linear(self.chunks[0], maps[0] * 4 * 4)
        dims = [told + chunk for chunk in self.chunks[1:]]
        self.trunk = ConditionalTrunk(channels, maps, dims, normalization, attention)
        initialize_orthogonal(self)
        for layer in list(self.modules()):
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                spectral(layer)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Latents ``(N, latent_dim)`` and labels ``(N,)`` to images in [-1, 1].

        Raises:
            ValueError: labels without classes, or classes without labels.
        """
        require_labels(type(self).__name__, self.num_classes, label)
        first, *chunks = z.split(self.chunks, dim=1)
        if self.embedding is not None:
            of_class = self.embedding(label)
            chunks = [torch.cat([of_class, chunk], dim=1) for chunk in chunks]
        images: Tensor = self.trunk(self.start(first).unflatten(1, (-1, 4, 4)), chunks)
        return images


class BigGANDiscriminator(ProjectionDiscriminator):
    """Images, and labels if there are classes, to raw scores through wide residual blocks.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: the paper's ch; None is its 96 at 128 px, the authors' 64 at 32 and 64 px.
        num_classes: 0 for images without classes: no projection.
        attention: as in :class:`BigGANGenerator`; None for none.
        normalization: ``"spectral"`` of every weight, embedding included, ``"operator_spectral"``
            by the norm of each layer as a map, see :mod:`gan_modules.networks.spectral`, or
            ``"none"``.

    Raises:
        ValueError: for another size or normalisation, a count that is not positive, or an
            attention where no block ends.
    """

    def __init__(
        self,
        size: int = 128,
        channels: int = 3,
        width: int | None = None,
        num_classes: int = 0,
        attention: int | None = None,
        normalization: DiscriminatorNormalization = "spectral",
    ) -> None:
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_PLANS))
        require_choice(name, "normalization", normalization, DISCRIMINATOR_NORMALIZATIONS)
        plan = _PLANS[size]
        width = plan.width if width is None else width
        require_positive(name, width=width)
        maps = [width * multiple for multiple in plan.discriminator]
        super().__init__(size, channels, maps, plan.halvings, num_classes, attention)
        initialize_orthogonal(self)
        if normalization != "none":
            normalize_layers(self, normalization, *self.example)


def initialize_orthogonal(network: nn.Module) -> None:
    """Orthogonal weights, the paper's choice, of layers and embeddings; biases 0."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Embedding)):
            nn.init.orthogonal_(layer.weight)
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _chunks(owner: str, latent_dim: int, count: int) -> list[int]:
    """Lengths that add up to ``latent_dim`` and differ by one at most."""
    if not isinstance(latent_dim, int) or latent_dim < count:
        raise ValueError(
            f"{owner}: latent_dim must be at least {count}, got {latent_dim}; "
            "each block and the first layer take a chunk of it"
        )
    return [latent_dim // count + (index < latent_dim % count) for index in range(count)]

"""The class as more inputs: beside the latent for G, beside the image or its maps for D.

Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, arXiv:1411.1784, sections 3.2 and
4.1; planes of an embedding on the maps of a convolutional D as in the comparison of Miyato, Koyama,
2018, arXiv:1802.05637 (authors' code).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_normal,
    normalization_layer,
)
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.mlp import Activation, MLPDiscriminator
from gan_modules.networks.spectral import (
    SPECTRAL_NORMALIZATIONS,
    SpectralNormalization,
    normalize_layers,
)

_SIZES = (32, 64, 128)


class ConcatenatingGenerator(nn.Module):
    """Any generator of latents, made class-conditional: it is fed ``[z, one_hot(label)]``.

    Args:
        generator: its ``latent_dim`` is the length of both together.
        num_classes: K; the latent has what is left of the generator's ``latent_dim``.

    Raises:
        ValueError: if nothing is left for the latent, or the generator has classes already.
    """

    def __init__(self, generator: nn.Module, num_classes: int) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, num_classes=num_classes)
        width = getattr(generator, "latent_dim", 0)
        if getattr(generator, "num_classes", 0):
            raise ValueError(
                f"{name}: generator must take latents alone, got {type(generator).__name__} with "
                f"{generator.num_classes} classes; use it as it is"
            )
        if width <= num_classes:
            raise ValueError(
                f"{name}: generator must have a latent_dim above {num_classes}, got {width}; it is "
                "fed the latent and the class side by side, add them up"
            )
        self.generator = generator
        self.latent_dim, self.num_classes = width - num_classes, num_classes

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` and labels ``(N,)`` to what the generator makes."""
        told = F.one_hot(label, self.num_classes).to(z.dtype)
        samples: Tensor = self.generator(torch.cat([z, told], dim=1))
        return samples


class ConcatenatingMLPDiscriminator(nn.Module):
    """A fully connected D that is fed ``[flattened image, one_hot(label)]``.

    Args:
        in_shape: shape of one sample: ``[C, H, W]`` for images, ``[2]`` for points.
        num_classes: K.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        activation: of the hidden layers.

    Raises:
        ValueError: as :class:`~gan_modules.networks.mlp.MLPDiscriminator`.
    """

    def __init__(
        self,
        in_shape: Sequence[int] = (1, 32, 32),
        num_classes: int = 10,
        hidden: int = 512,
        layers: int = 3,
        activation: Activation = "leaky_relu",
    ) -> None:
        super().__init__()
        require_positive(type(self).__name__, num_classes=num_classes)
        self.sample_shape, self.num_classes = tuple(in_shape), num_classes
        inputs = math.prod(in_shape) + num_classes
        self.network = MLPDiscriminator([inputs], hidden, layers, activation)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Samples ``(N, *in_shape)`` and labels ``(N,)`` to raw scores ``(N,)``."""
        require_shape(type(self).__name__, x, self.sample_shape)
        told = F.one_hot(label, self.num_classes).to(x.dtype)
        scores: Tensor = self.network(torch.cat([x.flatten(1), told], dim=1))
        return scores


class ConcatenatingDCGANDiscriminator(nn.Module):
    """DCGAN's D whose last stage also sees the class, as constant planes of an embedding.

    The planes join maps of 8x8. At 64 px that is after the third stage, as in the code of
    arXiv:1802.05637. Not later: with nothing but a linear layer behind it, the score would be a sum
    of a term of the image and a term of the class, and could never tell whether they fit.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        num_classes: K.
        embedding_dim: planes of a class, the code's 128.
        normalization: as in :class:`~gan_modules.networks.dcgan.DCGANDiscriminator`.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        num_classes: int = 10,
        embedding_dim: int = 128,
        normalization: Normalization | SpectralNormalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        choices = (*NORMALIZATIONS, *SPECTRAL_NORMALIZATIONS)
        require_choice(name, "normalization", normalization, choices)
        require_positive(
            name,
            channels=channels,
            width=width,
            num_classes=num_classes,
            embedding_dim=embedding_dim,
        )
        between: Normalization = "none"
        if normalization != "spectral" and normalization != "operator_spectral":
            between = normalization
        self.image_shape, self.num_classes = (channels, size, size), num_classes
        stages: list[nn.Module] = [_halved(channels, width, "none", bias=False)]
        maps = width
        while maps < width * size // 16:
            stages.append(_halved(maps, maps * 2, between, bias=between == "none"))
            maps *= 2
        self.stages = nn.Sequential(*stages)
        self.embedding = nn.Embedding(num_classes, embedding_dim)
        self.last = _halved(maps + embedding_dim, maps * 2, between, bias=between == "none")
        self.head = nn.Linear(maps * 2 * 4 * 4, 1, bias=False)
        initialize_normal(self)
        if normalization == "spectral" or normalization == "operator_spectral":
            example = torch.zeros(1, *self.image_shape), torch.zeros(1, dtype=torch.long)
            normalize_layers(self, normalization, *example)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` and labels ``(N,)`` to raw scores ``(N,)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps = self.stages(x)
        planes = self.embedding(label)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        scores: Tensor = self.head(self.last(torch.cat([maps, planes], dim=1)).flatten(1))
        return scores.squeeze(1)


def _halved(inputs: int, outputs: int, normalization: Normalization, *, bias: bool) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias),
        normalization_layer(normalization, outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )

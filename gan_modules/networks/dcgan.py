"""Strided convolutions, batch normalisation, no pooling: the first image GAN that just trains.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2015, arXiv:1511.06434. Kernels are 4x4 with stride 2, which tile evenly,
where the authors' code has 5x5. Size 64 is the paper's net at half its width; 32 drops the
outermost stage and 128 adds one at the inner end. Between a latent or a score and the 4x4 maps
stands a linear layer: the same map as a 4x4 convolution there, and faster.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_normal,
    normalization_layer,
)
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.spectral import (
    SPECTRAL_NORMALIZATIONS,
    SpectralNormalization,
    normalize_layers,
)

_SIZES = (32, 64, 128)


class DCGANGenerator(nn.Module):
    """Latents to images; 3,576,704 parameters at 64 px and width 64.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent, the paper's 100.
        width: maps at half the image's size; each stage inwards doubles it.
        normalization: after every layer but the last; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 100,
        width: int = 64,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        # A bias before a normalisation is subtracted again.
        bias = normalization == "none"
        maps = width * size // 8
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, maps * 4 * 4, bias=bias),
            nn.Unflatten(1, (maps, 4, 4)),
            normalization_layer(normalization, maps),
            nn.ReLU(inplace=True),
        ]
        while maps > width:
            layers += [
                nn.ConvTranspose2d(maps, maps // 2, 4, stride=2, padding=1, bias=bias),
                normalization_layer(normalization, maps // 2),
                nn.ReLU(inplace=True),
            ]
            maps //= 2
        layers += [
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)
        initialize_normal(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` in [-1, 1]."""
        images: Tensor = self.layers(z)
        return images


class DCGANDiscriminator(nn.Module):
    """Images to raw scores; 2,765,568 parameters at 64 px and width 64.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        normalization: after every layer but the first and the last; the paper's is ``"batch"``,
            which no per-sample gradient penalty allows; ``"layer"`` is the substitute of
            arXiv:1704.00028, section 4. ``"spectral"`` divides every layer's weight by its
            spectral norm instead (arXiv:1802.05957), ``"operator_spectral"`` by that of the layer
            as a map, see :mod:`gan_modules.networks.spectral`.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        normalization: Normalization | SpectralNormalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        choices = (*NORMALIZATIONS, *SPECTRAL_NORMALIZATIONS)
        require_choice(name, "normalization", normalization, choices)
        require_positive(name, channels=channels, width=width)
        between: Normalization = "none"
        if normalization != "spectral" and normalization != "operator_spectral":
            between = normalization
        self.image_shape = (channels, size, size)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        maps = width
        while maps < width * size // 8:
            layers += [
                nn.Conv2d(maps, maps * 2, 4, stride=2, padding=1, bias=between == "none"),
                normalization_layer(between, maps * 2),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            maps *= 2
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(maps * 4 * 4, 1, bias=False)
        initialize_normal(self)
        if normalization == "spectral" or normalization == "operator_spectral":
            normalize_layers(self, normalization, torch.zeros(1, *self.image_shape))

    def features(self, x: Tensor) -> Tensor:
        """The last maps, flattened: ``(N, width * size * 2)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps: Tensor = self.layers(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)

"""The plain convolutional nets of spectral normalisation, between DCGAN's and a ResNet's cost.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
arXiv:1802.05957, table 3. What changes from ``dcgan.py``: D alternates 3x3 layers that keep the
size with 4x4 layers that halve it, every weight of D is spectrally normalised, nothing else in D
is, and both nets start and end at size / 8.
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


class SNDCGANGenerator(nn.Module):
    """Latents to images: one linear layer and three that double the size.

    Args:
        size: height and width of the images in pixels, a multiple of 8, at least 16;
            the paper's are 32 and 48.
        channels: of the images.
        latent_dim: length of a latent, the paper's 128.
        width: maps at full size; each stage inwards doubles it.
        normalization: after every layer but the last; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 128,
        width: int = 64,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _require_size(name, size)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        # A bias before a normalisation is subtracted again.
        bias = normalization == "none"
        start, maps = size // 8, width * 8
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, maps * start * start, bias=bias),
            nn.Unflatten(1, (maps, start, start)),
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
        layers += [nn.Conv2d(width, channels, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialize_normal(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` in [-1, 1]."""
        images: Tensor = self.layers(z)
        return images


class SNDCGANDiscriminator(nn.Module):
    """Images to raw scores through seven convolutions and one linear layer, all of norm 1.

    Args:
        size: height and width of the images in pixels, a multiple of 8, at least 16;
            the paper's are 32 and 48.
        channels: of the images.
        width: maps after the first layer; doubled at each of the three halvings.
        normalization: ``"spectral"``, the paper's, of the weight as a matrix, or
            ``"operator_spectral"`` of the layer as a map, see
            :mod:`gan_modules.networks.spectral`.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int = 64,
        normalization: SpectralNormalization = "spectral",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _require_size(name, size)
        require_choice(name, "normalization", normalization, SPECTRAL_NORMALIZATIONS)
        require_positive(name, channels=channels, width=width)
        self.image_shape = (channels, size, size)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), _leaky()]
        for maps in (width, width * 2, width * 4):
            layers += [
                nn.Conv2d(maps, maps * 2, 4, stride=2, padding=1),
                _leaky(),
                nn.Conv2d(maps * 2, maps * 2, 3, padding=1),
                _leaky(),
            ]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(width * 8 * (size // 8) ** 2, 1)
        initialize_normal(self)
        normalize_layers(self, normalization, torch.zeros(1, *self.image_shape))

    def features(self, x: Tensor) -> Tensor:
        """The last maps, flattened: ``(N, width * size * size / 8)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps: Tensor = self.layers(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.1, inplace=True)


def _require_size(owner: str, size: int) -> None:
    if size < 16 or size % 8:
        raise ValueError(
            f"{owner}: size must be a multiple of 8 and at least 16, got {size}; resize the "
            "images, for example to 32"
        )

"""The three networks of VAE-GAN: 5x5 kernels, and a discriminator whose maps measure likeness.

Larsen, Sonderby, Larochelle, Winther, "Autoencoding beyond pixels using a learned similarity
metric", 2015, arXiv:1512.09300, table 1 and, for 32 px, the authors' code. ``width`` 64 is theirs.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_xavier, normalization_layer
from gan_modules.networks.checks import require_choice, require_positive, require_shape

VAEGANNormalization = Literal["batch", "layer", "none"]
_NORMALIZATIONS = ("batch", "layer", "none")
_SIZES = (32, 64)


class VAEGANEncoder(nn.Module):
    """Images to means and log-variances of codes: three strided convolutions, one hidden layer.

    Args:
        size: height and width of the images in pixels: 32 or 64.
        channels: of the images.
        outputs: numbers per image: twice the latent_dim of the generator; the paper's is 2 x 128.
        width: maps after the first layer; the hidden layer has 16 times as many units.
        normalization: ``"batch"``, the paper's, ``"layer"`` or ``"none"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        outputs: int = 256,
        width: int = 64,
        normalization: VAEGANNormalization = "batch",
    ) -> None:
        super().__init__()
        _check(self, size, normalization, channels=channels, outputs=outputs, width=width)
        self.image_shape, self.outputs = (channels, size, size), outputs
        maps = (channels, width, 2 * width, 4 * width)
        layers = [
            layer
            for ins, outs in zip(maps, maps[1:], strict=False)
            for layer in (*_down(ins, outs, normalization), nn.ReLU(inplace=True))
        ]
        inputs = maps[-1] * (size // 8) ** 2
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), *_hidden(inputs, 16 * width, normalization)
        )
        self.head = nn.Linear(16 * width, outputs)
        _initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to ``(N, outputs)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        codes: Tensor = self.head(self.layers(x))
        return codes


class VAEGANGenerator(nn.Module):
    """Latents to images, the paper's decoder.

    Args:
        size: height and width of the images in pixels: 32 or 64.
        channels: of the images.
        latent_dim: length of a latent.
        width: a quarter of the maps that the latent becomes; even.
        normalization: ``"batch"``, the paper's, ``"layer"`` or ``"none"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 128,
        width: int = 64,
        normalization: VAEGANNormalization = "batch",
    ) -> None:
        super().__init__()
        _check(self, size, normalization, channels=channels, latent_dim=latent_dim, width=width)
        _check_even(self, width)
        self.latent_dim = latent_dim
        start, bias = size // 8, normalization == "none"
        maps = (4 * width, (4 if size == 64 else 3) * width, 2 * width, width // 2)
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, maps[0] * start * start, bias=bias),
            nn.Unflatten(1, (maps[0], start, start)),
            normalization_layer(normalization, maps[0]),
            nn.ReLU(inplace=True),
        ]
        for ins, outs in zip(maps, maps[1:], strict=False):
            layers += [
                nn.ConvTranspose2d(ins, outs, 5, 2, padding=2, output_padding=1, bias=bias),
                normalization_layer(normalization, outs),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.Conv2d(maps[-1], channels, 5, padding=2), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` in [-1, 1]."""
        images: Tensor = self.layers(z)
        return images


class VAEGANDiscriminator(nn.Module):
    """Images to raw scores; its third strided convolution is the paper's Dis_l.

    Args:
        size: height and width of the images in pixels: 32 or 64.
        channels: of the images.
        width: half the maps of the first strided convolution; even.
        normalization: ``"batch"``, the paper's, ``"layer"`` or ``"none"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        normalization: VAEGANNormalization = "batch",
    ) -> None:
        super().__init__()
        _check(self, size, normalization, channels=channels, width=width)
        _check_even(self, width)
        self.image_shape = (channels, size, size)
        maps = (width // 2, 2 * width, (4 if size == 64 else 3) * width, 4 * width)
        first = [nn.Conv2d(channels, maps[0], 5, padding=2), nn.ReLU(inplace=True)]
        between = [
            layer
            for ins, outs in zip(maps[:-2], maps[1:-1], strict=True)
            for layer in (*_down(ins, outs, normalization), nn.ReLU(inplace=True))
        ]
        last, after = _down(maps[-2], maps[-1], normalization)
        # Not in place: the features are read beside the score.
        self.layers = nn.Sequential(*first, *between, last)
        inputs = maps[-1] * (size // 8) ** 2
        hidden = _hidden(inputs, 8 * width, normalization)
        self.head = nn.Sequential(after, nn.ReLU(), nn.Flatten(), *hidden, nn.Linear(8 * width, 1))
        _initialize(self)

    def features(self, x: Tensor) -> Tensor:
        """What the third strided convolution gives, before its normalisation and ReLU.

        Depth 9 in the authors' code: ``(N, 4 * width, size / 8, size / 8)``.
        """
        require_shape(type(self).__name__, x, self.image_shape)
        maps: Tensor = self.layers(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


def _check(owner: nn.Module, size: int, normalization: str, **counts: int) -> None:
    name = type(owner).__name__
    require_choice(name, "size", size, _SIZES)
    require_choice(name, "normalization", normalization, _NORMALIZATIONS)
    require_positive(name, **counts)


def _check_even(owner: nn.Module, width: int) -> None:
    if width % 2:
        raise ValueError(
            f"{type(owner).__name__}: width must be even, got {width}; half of it is a layer"
        )


def _initialize(network: nn.Module) -> None:
    """Scaled by the fans, as the authors do: N(0, 0.02) would fade out where nothing normalises."""
    layers = [
        layer
        for layer in network.modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
    ]
    for layer in layers[:-1]:
        initialize_xavier(layer, math.sqrt(2.0))
    initialize_xavier(layers[-1])


def _down(ins: int, outs: int, normalization: VAEGANNormalization) -> tuple[nn.Conv2d, nn.Module]:
    layer = nn.Conv2d(ins, outs, 5, 2, padding=2, bias=normalization == "none")
    return layer, normalization_layer(normalization, outs)


def _hidden(inputs: int, units: int, normalization: VAEGANNormalization) -> list[nn.Module]:
    """A fully connected layer, normalised as maps of one pixel are."""
    return [
        nn.Linear(inputs, units, bias=normalization == "none"),
        nn.Unflatten(1, (units, 1, 1)),
        normalization_layer(normalization, units),
        nn.Flatten(),
        nn.ReLU(inplace=True),
    ]

"""Encoders, and discriminators of pairs: what autoencoders need beside a generator.

An encoder gives ``(N, outputs)``: codes if ``outputs`` is the generator's ``latent_dim``; means and
log-variances of codes, side by side, if it is twice that. Codes are judged by an
:class:`~gan_modules.networks.mlp.MLPDiscriminator` with ``in_shape: [latent_dim]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import NORMALIZATIONS, Normalization, initialize_normal
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.mlp import Activation, MLPDiscriminator


class DCGANEncoder(DCGANDiscriminator):
    """Images to codes: DCGAN's strided convolutions, the mirror of its generator.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        outputs: numbers per image.
        width: maps after the first layer; each stage doubles it.
        normalization: after every layer but the first and the last.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        outputs: int = 200,
        width: int = 64,
        normalization: Normalization = "batch",
    ) -> None:
        name = type(self).__name__
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, outputs=outputs)
        super().__init__(size, channels, width, normalization)
        self.outputs = outputs
        self.head = nn.Linear(self.head.in_features, outputs)
        initialize_normal(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to ``(N, outputs)``."""
        codes: Tensor = self.head(self.features(x))
        return codes


class MLPEncoder(MLPDiscriminator):
    """Images or points to codes, fully connected.

    Args:
        in_shape: shape of one sample: ``[C, H, W]`` for images, ``[2]`` for points.
        outputs: numbers per sample.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        activation: of the hidden layers: ``"relu"``, ``"leaky_relu"`` (slope 0.2) or ``"tanh"``.

    Raises:
        ValueError: for a shape of neither kind, another activation, or a count that is not
            positive.
    """

    def __init__(
        self,
        in_shape: Sequence[int] = (1, 32, 32),
        outputs: int = 200,
        hidden: int = 512,
        layers: int = 3,
        activation: Activation = "relu",
    ) -> None:
        require_positive(type(self).__name__, outputs=outputs)
        super().__init__(in_shape, hidden, layers, activation)
        self.outputs = outputs
        self.head = nn.Linear(hidden, outputs)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Samples ``(N, *in_shape)`` to ``(N, outputs)``."""
        codes: Tensor = self.head(self.features(x))
        return codes


class MLPPairDiscriminator(nn.Module):
    """Pairs of a code and a sample to raw scores; no normalisation.

    Args:
        latent_dim: length of a code.
        in_shape: shape of one sample: ``[C, H, W]`` for images, ``[2]`` for points.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        activation: of the hidden layers: ``"relu"``, ``"leaky_relu"`` (slope 0.2) or ``"tanh"``.

    Raises:
        ValueError: for another activation, or a count that is not positive.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        in_shape: Sequence[int] = (1, 32, 32),
        hidden: int = 512,
        layers: int = 3,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        lengths = {f"in_shape[{axis}]": length for axis, length in enumerate(in_shape)}
        require_positive(type(self).__name__, latent_dim=latent_dim, **lengths)
        self.sample_shape = tuple(in_shape)
        inputs = latent_dim + math.prod(in_shape)
        self.score = MLPDiscriminator([inputs], hidden, layers, activation)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """Codes ``(N, latent_dim)`` and samples ``(N, *in_shape)`` to raw scores ``(N,)``."""
        require_shape(type(self).__name__, x, self.sample_shape)
        scores: Tensor = self.score(torch.cat([z, x.flatten(1)], dim=1))
        return scores


class DCGANPairDiscriminator(nn.Module):
    """Pairs of a code and an image to raw scores: convolutions for the image, then an MLP for both.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a code.
        width: maps after the first layer; each stage doubles it.
        hidden: numbers that stand for the image beside the code, and units of the hidden layer.
        normalization: of the convolutions.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 100,
        width: int = 64,
        hidden: int = 512,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        require_positive(type(self).__name__, latent_dim=latent_dim, hidden=hidden)
        self.images = DCGANEncoder(size, channels, hidden, width, normalization)
        # In units of one, beside codes of one: with DCGAN's 0.02 the image would hardly be seen.
        nn.init.xavier_uniform_(self.images.head.weight)
        self.score = MLPDiscriminator([latent_dim + hidden], hidden, 1, "leaky_relu")

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """Codes ``(N, latent_dim)`` and images ``(N, C, H, W)`` to raw scores ``(N,)``."""
        seen = F.leaky_relu(self.images(x), 0.2)
        scores: Tensor = self.score(torch.cat([z, seen], dim=1))
        return scores

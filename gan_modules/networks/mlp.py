"""Fully connected networks, for points in the plane and for small images.

Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661, plays with such nets
on MNIST; the toy problems of Gulrajani et al., arXiv:1704.00028, take three hidden layers of 512
ReLU units for both players, the defaults here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from gan_modules.networks.blocks import spectral
from gan_modules.networks.checks import require_choice, require_positive, require_shape

Activation = Literal["relu", "leaky_relu", "tanh"]
_ACTIVATIONS: tuple[Activation, ...] = ("relu", "leaky_relu", "tanh")
MLPNormalization = Literal["none", "spectral"]
_NORMALIZATIONS: tuple[MLPNormalization, ...] = ("none", "spectral")


class MLPGenerator(nn.Module):
    """Latents to images, which end in a tanh, or to points, which are unbounded.

    Args:
        latent_dim: length of a latent.
        out_shape: shape of one sample: ``[C, H, W]`` for images, ``[2]`` for points.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        activation: of the hidden layers: ``"relu"``, ``"leaky_relu"`` (slope 0.2) or ``"tanh"``.

    Raises:
        ValueError: for a shape of neither kind, another activation, or a count that is not
            positive.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        out_shape: Sequence[int] = (1, 32, 32),
        hidden: int = 512,
        layers: int = 3,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, latent_dim=latent_dim)
        shape = _sample_shape(name, "out_shape", out_shape)
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(
            *_hidden_layers(name, latent_dim, hidden, layers, activation),
            _output_layer(hidden, math.prod(shape)),
            nn.Unflatten(1, shape),
            nn.Tanh() if len(shape) == 3 else nn.Identity(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to samples ``(N, *out_shape)``, images in [-1, 1]."""
        samples: Tensor = self.layers(z)
        return samples


class MLPDiscriminator(nn.Module):
    """Images or points to raw scores; no batch statistics, so any gradient penalty may be used.

    Args:
        in_shape: shape of one sample: ``[C, H, W]`` for images, ``[2]`` for points.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        activation: of the hidden layers: ``"relu"``, ``"leaky_relu"`` (slope 0.2) or ``"tanh"``.
        normalization: ``"spectral"`` divides every layer's weight by its spectral norm
            (arXiv:1802.05957), so that scores change by no more than the samples do.

    Raises:
        ValueError: for a shape of neither kind, another activation or normalisation, or a count
            that is not positive.
    """

    def __init__(
        self,
        in_shape: Sequence[int] = (1, 32, 32),
        hidden: int = 512,
        layers: int = 3,
        activation: Activation = "relu",
        normalization: MLPNormalization = "none",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "normalization", normalization, _NORMALIZATIONS)
        self.sample_shape = _sample_shape(name, "in_shape", in_shape)
        inputs = math.prod(self.sample_shape)
        self.layers = nn.Sequential(
            nn.Flatten(), *_hidden_layers(name, inputs, hidden, layers, activation)
        )
        self.head = _output_layer(hidden, 1)
        if normalization == "spectral":
            for layer in (layer for layer in self.modules() if isinstance(layer, nn.Linear)):
                spectral(layer)

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer: ``(N, hidden)``."""
        require_shape(type(self).__name__, x, self.sample_shape)
        units: Tensor = self.layers(x)
        return units

    def forward(self, x: Tensor) -> Tensor:
        """Samples ``(N, *in_shape)`` to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


def _sample_shape(owner: str, name: str, shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) not in (1, 3):
        raise ValueError(
            f"{owner}: {name} must be [C, H, W] or [D], got {list(shape)}; "
            "use [1, 32, 32] for grey images, [2] for points"
        )
    require_positive(owner, **{f"{name}[{axis}]": length for axis, length in enumerate(shape)})
    return tuple(shape)


def _hidden_layers(
    owner: str, inputs: int, hidden: int, layers: int, activation: Activation
) -> list[nn.Module]:
    require_positive(owner, hidden=hidden, layers=layers)
    require_choice(owner, "activation", activation, _ACTIVATIONS)
    stack: list[nn.Module] = []
    for index in range(layers):
        layer = nn.Linear(hidden if index else inputs, hidden)
        if activation == "tanh":
            nn.init.xavier_uniform_(layer.weight, nn.init.calculate_gain("tanh"))
        else:
            # He initialisation, as the authors of arXiv:1704.00028 use on the toy problems.
            nn.init.kaiming_uniform_(layer.weight, a=0.2 if activation == "leaky_relu" else 0.0)
        nn.init.zeros_(layer.bias)
        stack += [layer, _activation(activation)]
    return stack


def _output_layer(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _activation(name: Activation) -> nn.Module:
    if name == "relu":
        return nn.ReLU(inplace=True)
    if name == "leaky_relu":
        return nn.LeakyReLU(0.2, inplace=True)
    return nn.Tanh()

"""The networks of the published experiments on points in the plane: rings and grids of Gaussians.

Lin et al., "PacGAN", 2017, arXiv:1712.04086, and Metz et al., "Unrolled Generative Adversarial
Networks", 2016, arXiv:1611.02163, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator

_INIT_STD = 0.02
_GAIN = 1.4


class ToyGenerator(nn.Module):
    """Latents to points, PacGAN's: hidden layers without bias, BatchNorm, ReLU.

    Weights are N(0, 0.02), gains 1, biases 0. With the defaults 484,802 parameters.

    Args:
        latent_dim: length of a latent; the paper's is N(0, 1) in the plane.
        out_features: length of a point.
        hidden: units of a hidden layer.
        layers: number of hidden layers.

    Raises:
        ValueError: for a count that is not positive.
    """

    def __init__(
        self, latent_dim: int = 2, out_features: int = 2, hidden: int = 400, layers: int = 4
    ) -> None:
        super().__init__()
        require_positive(
            type(self).__name__,
            latent_dim=latent_dim,
            out_features=out_features,
            hidden=hidden,
            layers=layers,
        )
        self.latent_dim = latent_dim
        stack: list[nn.Module] = []
        for layer in range(layers):
            inputs = hidden if layer else latent_dim
            stack += [nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
        self.layers = nn.Sequential(*stack, nn.Linear(hidden, out_features))
        _initialize(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to points ``(N, out_features)``."""
        points: Tensor = self.layers(z)
        return points


class Maxout(nn.Module):
    """The largest of several linear maps, unit by unit (Goodfellow et al., arXiv:1302.4389).

    Args:
        inputs: length of what comes in.
        outputs: units.
        pieces: maps that each unit takes the largest of.
    """

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        self.maps = nn.Linear(inputs, outputs * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs)`` to ``(N, outputs)``."""
        return self.maps(x).unflatten(1, (-1, self.pieces)).amax(2)


class MaxoutDiscriminator(nn.Module):
    """Points, or packs of points, to raw scores, PacGAN's: maxout layers and a linear one.

    Weights are N(0, 0.02), biases 0.

    Args:
        in_features: length of a pack: 2 for points in the plane, 4 for packs of two.
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        pieces: linear maps behind each unit.

    Raises:
        ValueError: for a count that is not positive.
    """

    def __init__(
        self, in_features: int = 2, hidden: int = 200, layers: int = 3, pieces: int = 5
    ) -> None:
        super().__init__()
        require_positive(
            type(self).__name__,
            in_features=in_features,
            hidden=hidden,
            layers=layers,
            pieces=pieces,
        )
        self.sample_shape = (in_features,)
        self.layers = nn.Sequential(
            *(Maxout(hidden if i else in_features, hidden, pieces) for i in range(layers))
        )
        self.head = nn.Linear(hidden, 1)
        _initialize(self)

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer: ``(N, hidden)``."""
        require_shape(type(self).__name__, x, self.sample_shape)
        units: Tensor = self.layers(x)
        return units

    def forward(self, x: Tensor) -> Tensor:
        """Points ``(N, in_features)`` to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


class OrthogonalGenerator(MLPGenerator):
    """The generator of the unrolled GAN's notebook: tanh units, orthogonal weights of gain 1.4.

    Args:
        latent_dim: length of a latent.
        out_shape: see :class:`MLPGenerator`.
        hidden: units of a hidden layer.
        layers: number of hidden layers.

    Raises:
        ValueError: see :class:`MLPGenerator`.
    """

    def __init__(
        self,
        latent_dim: int = 256,
        out_shape: Sequence[int] = (2,),
        hidden: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__(latent_dim, out_shape, hidden, layers, activation="tanh")
        _make_orthogonal(self)


class OrthogonalDiscriminator(MLPDiscriminator):
    """The discriminator of that notebook: tanh units, orthogonal weights of gain 1.4.

    Args:
        in_shape: see :class:`MLPDiscriminator`.
        hidden: units of a hidden layer.
        layers: number of hidden layers.

    Raises:
        ValueError: see :class:`MLPDiscriminator`.
    """

    def __init__(self, in_shape: Sequence[int] = (2,), hidden: int = 128, layers: int = 2) -> None:
        super().__init__(in_shape, hidden, layers, activation="tanh")
        _make_orthogonal(self)


def _initialize(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0.0, _INIT_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _make_orthogonal(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, _GAIN)

"""A generator with smooth activations, for models that differentiate it twice.

A ReLU is piecewise linear: through it the gradient at a latent does not change with the latent,
and a second derivative says nothing. The stages are DCGAN's, the activations those of Bond-Taylor,
Willcocks, 2020, arXiv:2007.02798: Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep
Network Learning by Exponential Linear Units", 2015, arXiv:1511.07289.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from gan_modules.networks.blocks import NORMALIZATIONS, Normalization, normalization_layer
from gan_modules.networks.checks import require_choice, require_positive

_SIZES = (32, 64, 128)
#: Keeps the second moment of a standard normal signal through an ELU.
_GAIN = 1.245


class ELUGenerator(nn.Module):
    """Latents to images by transposed convolutions and ELUs.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent.
        width: maps at half the image's size; each stage inwards doubles it.
        normalization: after every layer but the last. ``"batch"`` is that of arXiv:2007.02798; it
            makes the code of an image depend on its batch while training.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 32,
        width: int = 16,
        normalization: Normalization = "none",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        maps = width * size // 8
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, maps * 4 * 4),
            nn.Unflatten(1, (maps, 4, 4)),
            normalization_layer(normalization, maps),
            nn.ELU(),
        ]
        while maps > width:
            layers += [
                nn.ConvTranspose2d(maps, maps // 2, 4, stride=2, padding=1),
                normalization_layer(normalization, maps // 2),
                nn.ELU(),
            ]
            maps //= 2
        layers += [nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                _initialize(layer, latent_dim)
            elif isinstance(layer, nn.ConvTranspose2d):
                # A stride of 2 leaves 2 x 2 taps of the kernel for each pixel.
                _initialize(layer, 4 * layer.in_channels)

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` in [-1, 1]."""
        images: Tensor = self.layers(z)
        return images


def _initialize(layer: nn.Linear | nn.ConvTranspose2d, inputs: int) -> None:
    nn.init.normal_(layer.weight, 0.0, _GAIN / math.sqrt(inputs))
    # Not zero: at the origin every activation would sit on the kink of the ELU's derivative.
    nn.init.uniform_(layer.get_parameter("bias"), -0.1, 0.1)

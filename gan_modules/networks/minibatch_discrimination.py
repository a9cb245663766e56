"""A discriminator that sees how close the images of a batch are, and so a generator that repeats.

Salimans et al., "Improved Techniques for Training GANs", 2016, arXiv:1606.03498, section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import NORMALIZATIONS, Normalization
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.dcgan import DCGANDiscriminator


class MinibatchDiscrimination(nn.Module):
    """Closeness of each sample to the others of its batch, in several learned ways.

    With a tensor ``T`` of ``(inputs, kernels, dims)`` and ``M_i = f_i T``, the output for sample i
    is ``o_ib = sum over j != i of exp(-|M_ib - M_jb|_1)``: N - 1 for equal samples, 0 for samples
    far apart. The batch is the local one: on several ranks each compares its own samples. Memory
    grows with ``N^2 kernels dims``.

    Args:
        inputs: length A of the features of one sample.
        kernels: B, the closenesses computed, and so the length of the output.
        dims: C, coordinates that are compared in each.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(self, inputs: int, kernels: int = 100, dims: int = 5) -> None:
        super().__init__()
        require_positive(type(self).__name__, inputs=inputs, kernels=kernels, dims=dims)
        # Columns of norm 1 at the start, as the weight normalisation of the authors' code has them.
        self.weight = nn.Parameter(torch.randn(inputs, kernels * dims) / math.sqrt(inputs))
        self.kernels = kernels

    def forward(self, features: Tensor) -> Tensor:
        """Features ``(N, inputs)`` to closenesses ``(N, kernels)``, each in [0, N - 1]."""
        compared = (features @ self.weight).unflatten(1, (self.kernels, -1))
        distances = (compared[:, None] - compared[None]).abs().sum(-1)
        # Each sample is as close as can be to itself: 1 in each kernel.
        return torch.exp(-distances).sum(1) - 1


class MinibatchDCGANDiscriminator(DCGANDiscriminator):
    """DCGAN's discriminator whose last layer also gets the closenesses.

    Scores depend on the local batch. Real and generated images must be scored apart, as the engine
    does: a batch of both shows nothing of the generator.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        normalization: after every layer but the first and the last.
        kernels: see :class:`MinibatchDiscrimination`.
        dims: see :class:`MinibatchDiscrimination`.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        normalization: Normalization = "batch",
        kernels: int = 100,
        dims: int = 5,
    ) -> None:
        require_choice(type(self).__name__, "normalization", normalization, NORMALIZATIONS)
        super().__init__(size, channels, width, normalization)
        inputs = self.head.in_features
        self.closeness = MinibatchDiscrimination(inputs, kernels, dims)
        self.head = nn.Linear(inputs + kernels, 1, bias=False)
        nn.init.normal_(self.head.weight, 0.0, 0.02)

    def features(self, x: Tensor) -> Tensor:
        """The last maps, flattened, and the closenesses: ``(N, width * size * 2 + kernels)``."""
        maps = super().features(x)
        return torch.cat([maps, self.closeness(maps)], dim=1)

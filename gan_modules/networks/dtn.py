"""DTN's discriminator: not real or fake, but which of three kinds.

Taigman, Polyak, Wolf, "Unsupervised Cross-Domain Image Generation", 2016, arXiv:1611.02200,
section 3. What changes from ``dcgan.py``: three numbers instead of one.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import Normalization
from gan_modules.networks.dcgan import DCGANDiscriminator


class DTNDiscriminator(DCGANDiscriminator):
    """Images to raw scores of three kinds: led from a, led from b to itself, real of b.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images of the target domain.
        width: maps after the first layer; each stage doubles it.
        normalization: as in :class:`~gan_modules.networks.dcgan.DCGANDiscriminator`.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int = 64,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__(size, channels, width, normalization)
        self.head = nn.Linear(self.head.in_features, 3, bias=False)
        nn.init.normal_(self.head.weight, 0.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N, 3)``."""
        scores: Tensor = self.head(self.features(x))
        return scores

"""A discriminator that also says which class it sees.

Odena, Olah, Shlens, "Conditional Image Synthesis with Auxiliary Classifier GANs", 2016,
arXiv:1610.09585. What changes from ``dcgan.py``: a second linear layer on the last maps.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import Normalization, spectral
from gan_modules.networks.checks import require_positive
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.spectral import SpectralNormalization, operator_spectral


class ACDCGANDiscriminator(nn.Module):
    """Images to raw scores and class logits. It is not told the label: it has to find it.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        num_classes: K.
        normalization: as in :class:`~gan_modules.networks.dcgan.DCGANDiscriminator`; the spectral
            ones normalise the classifier too.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        num_classes: int = 10,
        normalization: Normalization | SpectralNormalization = "batch",
    ) -> None:
        super().__init__()
        require_positive(type(self).__name__, num_classes=num_classes)
        self.num_classes = num_classes
        self.trunk = DCGANDiscriminator(size, channels, width, normalization)
        self.classifier = nn.Linear(self.trunk.head.in_features, num_classes)
        nn.init.normal_(self.classifier.weight, 0.0, 0.02)
        nn.init.zeros_(self.classifier.bias)
        if normalization == "spectral":
            spectral(self.classifier)
        elif normalization == "operator_spectral":
            operator_spectral(self.classifier)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images ``(N, channels, size, size)`` to scores ``(N,)`` and logits ``(N, K)``."""
        features = self.trunk.features(x)
        return self.trunk.head(features).squeeze(1), self.classifier(features)

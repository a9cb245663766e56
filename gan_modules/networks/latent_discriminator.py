"""A classifier of codes: which domain was encoded? Its opponents are the encoders.

Lample, Zeghidour, Usunier, Bordes, Denoyer, Ranzato, "Fader Networks: Manipulating Images by
Sliding Attributes", 2017, arXiv:1706.00409, section 3.2 and the authors' code, without its batch
normalisation.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_positive
from gan_modules.networks.translation_blocks import require_images


class LatentDiscriminator(nn.Module):
    """Codes to raw scores of each domain.

    4x4 convolutions that halve the size, the mean over what is left, and two linear layers with
    dropout before each. The masks come from torch's global generator: each rank of a job drops
    units of its own.

    Args:
        channels: of the codes.
        num_domains: how many there are to tell apart.
        width: maps of each convolution, and units of the hidden layer.
        layers: convolutions; a code needs ``2 ** layers`` pixels in height and width.
        dropout: share of dropped units, 0.3 in the authors' code; 0 is none.

    Raises:
        ValueError: for a count or a share out of range, and in the forward for other codes.
    """

    def __init__(
        self,
        channels: int,
        num_domains: int = 2,
        width: int = 128,
        layers: int = 2,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(
            name, channels=channels, num_domains=num_domains, width=width, layers=layers
        )
        if not 0 <= dropout < 1:
            raise ValueError(
                f"{name}: dropout must lie in [0, 1), got {dropout}; the authors' is 0.3"
            )
        self.channels, self.num_domains, self.smallest = channels, num_domains, 2**layers
        maps = [channels, *[width] * layers]
        stack: list[nn.Module] = []
        for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
            stack += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*stack)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(width, num_domains),
        )
        initialize_normal(self)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``(N, channels, h, w)`` to raw scores ``(N, num_domains)``."""
        name = type(self).__name__
        require_images(name, codes, self.channels)
        if min(codes.shape[2:]) < self.smallest:
            raise ValueError(
                f"{name}: codes must have at least {self.smallest} px, got "
                f"{codes.shape[2]}x{codes.shape[3]}; set layers lower"
            )
        scores: Tensor = self.head(self.layers(codes).mean((2, 3)))
        return scores

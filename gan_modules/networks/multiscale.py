"""Several discriminators on one image at several sizes: fine texture and coarse shape apart.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
(pix2pixHD), 2017, arXiv:1711.11585, section 3.2; in the form of the authors' code of UNIT, Liu,
Breuel, Kautz, 2017, arXiv:1703.00848. Each of the discriminators sees an image half as large as the
one before.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_positive
from gan_modules.networks.patchgan import PatchDiscriminator, PatchNormalization
from gan_modules.networks.translation_blocks import require_images


class MultiScaleDiscriminator(nn.Module):
    """UNIT's: images to one map of raw scores for each scale, the finest first.

    A scale has ``layers`` 4x4 convolutions with stride 2 and reflected borders, each with twice the
    maps of the one before, and a 1x1 convolution. There is no normalisation.

    Args:
        channels: of what comes in.
        width: maps after the first layer.
        layers: of each scale; 4 in the authors' code, 3 suit 64 px.
        scales: 3 in the authors' code, 2 suit 64 px.

    Raises:
        ValueError: for a count that is not positive, and in the forward for images of other
            channels or too small for the coarsest scale.
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 4, scales: int = 3) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, width=width, layers=layers, scales=scales)
        self.channels, self.smallest = channels, 2**layers
        self.scales = nn.ModuleList(_scale(channels, width, layers) for _ in range(scales))
        self.shrink = _shrink()
        initialize_normal(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images ``(N, channels, H, W)`` in [-1, 1] to raw scores ``(N, 1, h, w)`` by scale."""
        require_images(type(self).__name__, x, self.channels)
        _require_size(type(self).__name__, x, len(self.scales), self.smallest)
        scores = []
        for index, scale in enumerate(self.scales):
            x = self.shrink(x) if index else x
            scores.append(scale(x))
        return scores


class MultiScalePatchDiscriminator(nn.Module):
    """pix2pixHD's: a :class:`PatchDiscriminator` for each scale, the finest first.

    Args:
        channels: of what comes in; with a condition those of both together.
        width: see :class:`PatchDiscriminator`.
        layers: of each scale. Borders are padded by one pixel as in PatchGAN, where the authors'
            code pads by two.
        scales: 3 in the paper, 2 by default in the authors' code.
        normalization: see :class:`PatchDiscriminator`.

    Raises:
        ValueError: see :class:`PatchDiscriminator`, and in the forward for images too small for
            the coarsest scale.
    """

    def __init__(
        self,
        channels: int,
        width: int = 64,
        layers: int = 3,
        scales: int = 2,
        normalization: PatchNormalization = "instance",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, width=width, layers=layers, scales=scales)
        self.channels, self.layers = channels, layers
        self.scales = nn.ModuleList(
            PatchDiscriminator(channels, width, layers, normalization) for _ in range(scales)
        )
        self.shrink = _shrink()

    def features(self, x: Tensor) -> list[list[Tensor]]:
        """For each scale the maps after each layer; the last of each are the scores.

        Feature matching compares all but these, ``layers + 1`` of each scale.
        """
        require_images(type(self).__name__, x, self.channels)
        _require_size(type(self).__name__, x, len(self.scales), 3 * 2**self.layers)
        found = []
        for index, scale in enumerate(self.scales):
            assert isinstance(scale, PatchDiscriminator)
            x = self.shrink(x) if index else x
            found.append(scale.features(x))
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images ``(N, channels, H, W)`` in [-1, 1] to raw scores ``(N, 1, h, w)`` by scale."""
        return [features[-1] for features in self.features(x)]


def _shrink() -> nn.Module:
    # Without the padding in the mean: the border would darken from scale to scale.
    return nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)


def _scale(channels: int, width: int, layers: int) -> nn.Module:
    stack: list[nn.Module] = []
    maps = channels
    for index in range(layers):
        wider = width * 2**index
        stack += [
            nn.Conv2d(maps, wider, 4, stride=2, padding=1, padding_mode="reflect"),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        maps = wider
    return nn.Sequential(*stack, nn.Conv2d(maps, 1, 1))


def _require_size(owner: str, x: Tensor, scales: int, smallest: int) -> None:
    """The coarsest scale must be left ``smallest`` pixels or more; halves are rounded up."""
    side = min(x.shape[2:])
    coarsest = -(-side // 2 ** (scales - 1))
    if coarsest < smallest:
        raise ValueError(
            f"{owner}: images must be at least {smallest} px at the coarsest of {scales} scales, "
            f"got {x.shape[2]}x{x.shape[3]}, of which {coarsest} are left; set scales or layers "
            "lower, or take larger images"
        )

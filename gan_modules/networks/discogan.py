"""DiscoGAN's networks: images squeezed to 4x4 and unfolded again, and a D that shows features.

Kim et al., "Learning to Discover Cross-Domain Relations with Generative Adversarial Networks",
2017, arXiv:1703.05192, and the authors' code, which are for 64 px. At 128 and 256 px a
stage or two of the widest kind is added, at 32 px the widest is left out.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.translation_blocks import (
    TRANSLATION_NORMALIZATIONS,
    TranslationNormalization,
    translation_norm,
)

_SIZES = (32, 64, 128, 256)


class DiscoGANGenerator(nn.Module):
    """Images to images of the same size; 5,513,856 parameters at 64 px and 3 channels.

    Unlike the U-Net it has no way around the 4x4 maps. The authors' sigmoid is a tanh here.

    Args:
        in_channels: of the images that come in.
        out_channels: of the images that go out.
        size: height and width of the images in pixels: 32, 64, 128 or 256.
        width: maps at half the size; each halving doubles them, up to 8 times.
        normalization: after every layer but the first and the last; the authors' is ``"batch"``.
        bottleneck: maps of one pixel between the two halves, 100 in the authors' code; None leaves
            the 4x4 maps as they are.

    Raises:
        ValueError: for another choice, a count that is not positive, and for a bottleneck under
            instance normalisation, which would leave zeros of it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int = 64,
        width: int = 64,
        normalization: TranslationNormalization = "batch",
        bottleneck: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check(name, size, normalization)
        require_positive(name, in_channels=in_channels, out_channels=out_channels, width=width)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.image_shape = (in_channels, size, size)
        maps = _maps(size, width)
        layers = [nn.Sequential(*stage) for stage in _encoder(in_channels, maps, normalization)]
        if bottleneck is not None:
            require_positive(name, bottleneck=bottleneck)
            if normalization == "instance":
                raise ValueError(
                    f"{name}: bottleneck must be null under instance normalisation, got "
                    f"{bottleneck}; maps of one pixel would become zeros, take batch or none"
                )
            squeeze = nn.Conv2d(maps[-1], bottleneck, 4, bias=normalization == "none")
            unfold = nn.ConvTranspose2d(bottleneck, maps[-1], 4, bias=normalization == "none")
            layers += [
                nn.Sequential(
                    squeeze, translation_norm(normalization, bottleneck), nn.LeakyReLU(0.2)
                ),
                nn.Sequential(unfold, translation_norm(normalization, maps[-1]), nn.ReLU()),
            ]
        for inputs, outputs in zip(maps[:0:-1], maps[-2::-1], strict=True):
            bias = normalization == "none"
            double = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
            layers.append(
                nn.Sequential(double, translation_norm(normalization, outputs), nn.ReLU())
            )
        last = nn.ConvTranspose2d(width, out_channels, 4, stride=2, padding=1, bias=False)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        initialize_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, in_channels, size, size)`` to ``(N, out_channels, size, size)``, [-1, 1]."""
        require_shape(type(self).__name__, x, self.image_shape)
        images: Tensor = self.layers(x)
        return images


class DiscoGANDiscriminator(nn.Module):
    """Images to raw scores, one of each image; 2,765,568 parameters at 64 px and 3 channels.

    Args:
        channels: of the images.
        size: height and width of the images in pixels: 32, 64, 128 or 256.
        width: maps after the first layer; each further one doubles them, up to 8 times.
        normalization: after every layer but the first and the last; the authors' is ``"batch"``.

    Raises:
        ValueError: for another choice, or a count that is not positive.
    """

    def __init__(
        self,
        channels: int,
        size: int = 64,
        width: int = 64,
        normalization: TranslationNormalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check(name, size, normalization)
        require_positive(name, channels=channels, width=width)
        self.image_shape = (channels, size, size)
        maps = _maps(size, width)
        stages = [nn.Sequential(*stage) for stage in _encoder(channels, maps, normalization)]
        self.stages = nn.ModuleList([*stages, nn.Conv2d(maps[-1], 1, 4, bias=False)])
        initialize_normal(self)

    def features(self, x: Tensor) -> list[Tensor]:
        """Maps after each layer; the last are the scores.

        The paper's feature matching compares all but the first and the last: three levels at 64 px.
        """
        require_shape(type(self).__name__, x, self.image_shape)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N, 1, 1, 1)``."""
        return self.features(x)[-1]


def _maps(size: int, width: int) -> list[int]:
    """Of each stage, the last of which has 4x4 pixels."""
    return [width * min(2**stage, 8) for stage in range(size.bit_length() - 3)]


def _encoder(
    channels: int, maps: list[int], normalization: TranslationNormalization
) -> list[list[nn.Module]]:
    stages: list[list[nn.Module]] = [
        [nn.Conv2d(channels, maps[0], 4, stride=2, padding=1, bias=False), nn.LeakyReLU(0.2)]
    ]
    for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
        bias = normalization == "none"
        halve = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
        stages.append([halve, translation_norm(normalization, outputs), nn.LeakyReLU(0.2)])
    return stages


def _check(owner: str, size: int, normalization: str) -> None:
    require_choice(owner, "size", size, _SIZES)
    require_choice(owner, "normalization", normalization, TRANSLATION_NORMALIZATIONS)

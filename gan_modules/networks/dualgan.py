"""DualGAN's networks: a U-Net of small kernels, and a discriminator of the whole image.

Yi, Zhang, Tan, Gong, "DualGAN: Unsupervised Dual Learning for Image-to-Image Translation", 2017,
arXiv:1704.02510, and the authors' code. What changes from ``unet.py``: kernels of 5 outside and 3
inside, and instance normalisation with a gain and a bias. That code calls it batch normalisation
but averages over space alone; and it normalises the innermost pixel too, which leaves the bias of
that normalisation, the same for every image. Here that one is left out.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.translation_blocks import (
    TRANSLATION_NORMALIZATIONS,
    TranslationNormalization,
    translation_norm,
)
from gan_modules.networks.unet import UNet

#: Maps of the layers, in widths; the authors' five are for 256 px.
_MULTIPLES = (1, 2, 4, 8, 8)
_SIZES = (32, 64, 128, 256)

Kind = Literal["global", "patch"]


class DualGANGenerator(UNet):
    """Images to images of the same size.

    Args:
        in_channels: of the images that come in.
        out_channels: of the images that go out.
        downs: halvings of the size, at most log2 of it: 8 at 256 px.
        width: maps at half the size; each halving doubles them, up to 8 times.
        normalization: see :class:`UNet`; the authors' is ``"instance"``.
        dropout_blocks: see :class:`UNet`; the authors' is 3.

    Raises:
        ValueError: see :class:`UNet`.
    """

    kernels = (5, 3)
    affine = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        downs: int,
        width: int = 64,
        normalization: TranslationNormalization = "instance",
        dropout_blocks: int = 3,
    ) -> None:
        super().__init__(in_channels, out_channels, downs, width, normalization, dropout_blocks)


class DualGANDiscriminator(nn.Module):
    """Images to raw scores: one of the whole image, or a coarse map.

    A 5x5 convolution and four of 3x3, all with stride 2. Below 128 px as many of them are left out
    as it takes to end at 4x4 pixels.

    Args:
        channels: of the images.
        size: height and width of the images in pixels: 32, 64, 128 or 256.
        width: maps after the first layer; each further one doubles them, up to 8 times.
        kind: ``"global"``, a linear layer at the end, as by default in the authors' code;
            ``"patch"``, one more convolution.
        normalization: after every layer but the first and the last; the authors' is
            ``"instance"``, with gain and bias. ``"batch"`` does not go with a gradient penalty.

    Raises:
        ValueError: for another choice, or a count that is not positive.
    """

    def __init__(
        self,
        channels: int,
        size: int = 256,
        width: int = 64,
        kind: Kind = "global",
        normalization: TranslationNormalization = "instance",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_choice(name, "kind", kind, ("global", "patch"))
        require_choice(name, "normalization", normalization, TRANSLATION_NORMALIZATIONS)
        require_positive(name, channels=channels, width=width)
        self.image_shape = (channels, size, size)
        maps = [width * multiple for multiple in _MULTIPLES[: size.bit_length() - 3]]
        layers: list[nn.Module] = [
            nn.Conv2d(channels, maps[0], 5, stride=2, padding=2),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        bias = normalization != "batch"
        for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=bias),
                translation_norm(normalization, outputs, affine=True),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        if kind == "patch":
            layers.append(nn.Conv2d(maps[-1], 1, 3, stride=2, padding=1))
        else:
            side = size >> len(maps)
            layers += [
                nn.Flatten(),
                nn.Linear(maps[-1] * side * side, 1),
                nn.Unflatten(1, (1, 1, 1)),
            ]
        self.layers = nn.Sequential(*layers)
        initialize_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N, 1, h, w)``.

        ``h`` and ``w`` are 1 for the kind ``"global"``.
        """
        require_shape(type(self).__name__, x, self.image_shape)
        scores: Tensor = self.layers(x)
        return scores

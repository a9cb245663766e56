"""A discriminator that scores every patch of an image: a map of scores instead of one.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2016,
arXiv:1611.07004, section 3.2.2 and the authors' code. ``layers=3`` is the 70x70 PatchGAN of
pix2pix and CycleGAN, ``layers=0`` the PixelGAN.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal, spectral
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.translation_blocks import (
    TranslationNormalization,
    conv_bias,
    require_images,
    translation_norm,
)

PatchNormalization = Literal["instance", "batch", "none", "spectral"]
PATCH_NORMALIZATIONS: tuple[PatchNormalization, ...] = ("instance", "batch", "none", "spectral")

#: Maps are doubled up to this multiple of the width.
_MOST = 8


class PatchDiscriminator(nn.Module):
    """Images to maps of raw scores, one for each patch of :func:`receptive_field` pixels.

    4x4 convolutions: ``layers`` halve the size, two keep it but for one pixel each. 2,764,737
    parameters for 3 channels at the defaults. On a condition and an image it works as on one image
    with the channels of both.

    Args:
        channels: of what comes in; with a condition those of both together.
        width: maps after the first layer; each further one doubles them, up to 8 times.
        layers: how many halve the size, the source's n_layers; 0 has 1x1 convolutions only.
        normalization: after every layer but the first and the last. ``"instance"`` (CycleGAN) and
            ``"batch"`` (pix2pix) as in the authors' code; ``"spectral"`` divides every weight by
            its spectral norm instead.

    Raises:
        ValueError: for another normalisation, a count out of range, and in the forward for images
            of other channels or too small for ``layers``.
    """

    def __init__(
        self,
        channels: int,
        width: int = 64,
        layers: int = 3,
        normalization: PatchNormalization = "instance",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, width=width)
        require_choice(name, "normalization", normalization, PATCH_NORMALIZATIONS)
        _require_layers(name, layers)
        self.channels, self.layers = channels, layers
        # Spectral normalisation is of the weights: between the layers there is nothing then.
        between: TranslationNormalization = "none"
        if normalization != "spectral":
            between = normalization
        stages = _pixel_stages if layers == 0 else _patch_stages
        self.stages = nn.ModuleList(stages(channels, width, layers, between))
        initialize_normal(self)
        if normalization == "spectral":
            for layer in list(self.modules()):
                if isinstance(layer, nn.Conv2d):
                    spectral(layer)

    def features(self, x: Tensor) -> list[Tensor]:
        """Maps after each layer, ``layers + 2`` of them (3 at 0); the last are the scores."""
        name = type(self).__name__
        require_images(name, x, self.channels)
        if self.layers and min(x.shape[2:]) < 3 * 2**self.layers:
            fitting = max(n for n in range(self.layers) if n == 0 or min(x.shape[2:]) >= 3 * 2**n)
            raise ValueError(
                f"{name}: images must have at least {3 * 2**self.layers} px at layers "
                f"{self.layers}, got {x.shape[2]}x{x.shape[3]}; set layers: {fitting}, or take "
                "larger images"
            )
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, H, W)`` in [-1, 1] to raw scores ``(N, 1, h, w)``."""
        return self.features(x)[-1]


def receptive_field(layers: int) -> int:
    """Height and width in pixels of the patch that one score of ``layers`` sees: 70 for 3.

    Args:
        layers: as of :class:`PatchDiscriminator`.

    Raises:
        ValueError: for a negative number.
    """
    _require_layers("receptive_field", layers)
    if layers == 0:
        return 1
    field = 1 + 3 + 3  # the two layers that keep the size
    for _ in range(layers):
        field = 2 * (field - 1) + 4
    return field


def _require_layers(owner: str, layers: int) -> None:
    if not isinstance(layers, int) or layers < 0:
        raise ValueError(
            f"{owner}: layers must be 0 or a positive integer, got {layers}; 0 is the pixel "
            "discriminator, 3 the 70x70 one"
        )


def _patch_stages(
    channels: int, width: int, layers: int, between: TranslationNormalization
) -> list[nn.Module]:
    stages: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
    ]
    maps = width
    for index in range(1, layers + 1):
        wider = width * min(2**index, _MOST)
        stride = 2 if index < layers else 1
        bias = conv_bias(between)
        stages.append(
            nn.Sequential(
                nn.Conv2d(maps, wider, 4, stride=stride, padding=1, bias=bias),
                translation_norm(between, wider),
                nn.LeakyReLU(0.2),
            )
        )
        maps = wider
    return [*stages, nn.Conv2d(maps, 1, 4, padding=1)]


def _pixel_stages(
    channels: int, width: int, layers: int, between: TranslationNormalization
) -> list[nn.Module]:
    bias = conv_bias(between)
    return [
        nn.Sequential(nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2)),
        nn.Sequential(
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            translation_norm(between, 2 * width),
            nn.LeakyReLU(0.2),
        ),
        nn.Conv2d(2 * width, 1, 1, bias=bias),
    ]

"""Styles that scale weights, images that are sums over sizes, and a residual discriminator.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
StyleGAN", 2019, arXiv:1912.04958, sections 2 and 4, configuration F. Nothing grows: the sum over
sizes lets training begin with the coarse ones by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.equalized import EqualizedConv2d, EqualizedLinear
from gan_modules.networks.filters import SMOOTH, downsample, fir, upsample
from gan_modules.networks.growing import SMALLEST, level_of
from gan_modules.networks.minibatch_stddev import MinibatchStddev
from gan_modules.networks.modulated import ModulatedConv2d, StyleLayer
from gan_modules.networks.progressive import feature_maps
from gan_modules.networks.style import MappingNetwork, StyleGenerator

_SLOPE = 0.2


class StyleGAN2Synthesis(nn.Module):
    """Styles to images: from a learned 4x4 constant, doubling; each size adds to the image.

    Args:
        channels: of the images.
        w_dim: length of a style.
        maps: of the layers at 4 px, 8 px and so on up to the size of the images.
    """

    def __init__(self, channels: int, w_dim: int, maps: Sequence[int]) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.randn(maps[0], SMALLEST, SMALLEST))
        sizes = [SMALLEST << level for level in range(len(maps))]
        layers = [StyleLayer(maps[0], maps[0], w_dim, SMALLEST, doubles=False)]
        for inputs, outputs, height in zip(maps[:-1], maps[1:], sizes[1:], strict=True):
            layers.append(StyleLayer(inputs, outputs, w_dim, height, doubles=True))
            layers.append(StyleLayer(outputs, outputs, w_dim, height, doubles=False))
        self.layers = nn.ModuleList(layers)
        self.to_image = nn.ModuleList(
            ModulatedConv2d(width, channels, 1, w_dim, demodulate=False) for width in maps
        )
        self.num_layers = self.active_layers = len(layers) + 1
        self.noise_sizes = (SMALLEST, *(height for height in sizes[1:] for _ in range(2)))
        self.style_shape = (self.num_layers, w_dim)

    def forward(self, ws: Tensor, maps: Sequence[Tensor] | None = None) -> Tensor:
        """Styles ``(N, num_layers, w_dim)`` to images ``(N, channels, size, size)``, unbounded.

        Args:
            ws: the last style of a size is that of its image layer and of the next convolution.
            maps: noise ``(N, 1, H, W)`` of each convolution; None: constant maps.
        """
        require_shape(type(self).__name__, ws, self.style_shape)
        styles = ws.unbind(1)
        noise = [None] * len(self.layers) if maps is None else maps
        x = self.const.expand(len(ws), -1, -1, -1)
        image: Tensor | None = None
        for index, layer in enumerate(self.layers):
            x = layer(x, styles[index], noise[index])
            if index % 2 == 0:
                part = self.to_image[index // 2](x, styles[index + 1])
                image = part if image is None else upsample(image) + part
        assert image is not None
        return image


class StyleGAN2Generator(StyleGenerator):
    """Latents to images, linear at the end: values may leave [-1, 1] a little.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        latent_dim: length of a latent z.
        w_dim: length of a style w.
        fmap_base: at ``s`` px there are ``2 * fmap_base / s`` maps, 16384 in configuration F,
        fmap_max: but at most so many.
        mapping_layers: of the mapping network, the paper's 8.

    Raises:
        ValueError: for another size, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 512,
        w_dim: int = 512,
        fmap_base: int = 16384,
        fmap_max: int = 512,
        mapping_layers: int = 8,
    ) -> None:
        maps = _maps_by_size(type(self).__name__, size, channels, fmap_base, fmap_max)
        mapping = MappingNetwork(latent_dim, w_dim, mapping_layers)
        super().__init__(mapping, StyleGAN2Synthesis(channels, w_dim, maps))


class StyleGAN2Discriminator(nn.Module):
    """Images to raw scores: residual blocks that halve, then the spread within small groups.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        fmap_base: see :class:`StyleGAN2Generator`.
        fmap_max: see :class:`StyleGAN2Generator`.
        minibatch_group: see :class:`MinibatchStddev`.

    Raises:
        ValueError: for another size, or a count that is not positive; later, for images of another
            shape or a batch that ``minibatch_group`` does not divide.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        fmap_base: int = 16384,
        fmap_max: int = 512,
        minibatch_group: int = 4,
    ) -> None:
        super().__init__()
        maps = _maps_by_size(type(self).__name__, size, channels, fmap_base, fmap_max)[::-1]
        self.image_shape = (channels, size, size)
        self.layers = nn.Sequential(
            EqualizedConv2d(channels, maps[0], 1),
            nn.LeakyReLU(_SLOPE),
            *(HalvingBlock(*around) for around in zip(maps[:-1], maps[1:], strict=True)),
            MinibatchStddev(minibatch_group),
            EqualizedConv2d(maps[-1] + 1, maps[-1], 3),
            nn.LeakyReLU(_SLOPE),
            nn.Flatten(),
            EqualizedLinear(maps[-1] * SMALLEST * SMALLEST, maps[-1]),
            nn.LeakyReLU(_SLOPE),
        )
        self.head = EqualizedLinear(maps[-1], 1, gain=1.0)

    def features(self, x: Tensor) -> Tensor:
        """Units of the last hidden layer, ``(N, maps at 4 px)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        units: Tensor = self.layers(x)
        return units

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


class HalvingBlock(nn.Module):
    """Two 3x3 convolutions and a 1x1 around them; the sum over sqrt(2) keeps the variance.

    Args:
        inputs: maps that come in.
        outputs: maps that go out, at half the size.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualizedConv2d(inputs, inputs, 3)
        self.second = EqualizedConv2d(inputs, outputs, 3)
        self.shortcut = EqualizedConv2d(inputs, outputs, 1, bias=False, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``."""
        around: Tensor = self.shortcut(downsample(x))
        x = F.leaky_relu(self.first(x), _SLOPE)
        x = F.conv2d(fir(x, SMOOTH, padding=2), *self.second.scaled(), stride=2)
        return (around + F.leaky_relu(x, _SLOPE)) * math.sqrt(0.5)


def _maps_by_size(owner: str, size: int, channels: int, fmap_base: int, fmap_max: int) -> list[int]:
    """Maps at 4 px, 8 px and so on up to ``size``; refuses what is out of range."""
    top = level_of(size, owner)
    require_positive(owner, channels=channels, fmap_base=fmap_base, fmap_max=fmap_max)
    return [feature_maps(level, fmap_base, fmap_max) for level in range(top + 1)]

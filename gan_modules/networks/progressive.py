"""Growing networks: from 4x4 pixels up, one resolution after the other.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017,
arXiv:1710.10196, table 2 and appendix A.1. Every layer has an equalised learning rate; G normalises
the features of each pixel, D sees the standard deviation of its batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.equalized import EqualizedConv2d, EqualizedLinear
from gan_modules.networks.growing import SMALLEST, Growing, blended, enlarged, reduced
from gan_modules.networks.minibatch_stddev import MinibatchStddev
from gan_modules.networks.pixel_norm import PixelNorm
from gan_modules.networks.resizing import doubled, halved

_SLOPE = 0.2


def feature_maps(level: int, fmap_base: int, fmap_max: int) -> int:
    """Maps at a resolution: ``min(2 * fmap_base / pixels, fmap_max)``, at least 1."""
    return max(1, min(fmap_base >> (level + 1), fmap_max))


class ProgressiveGenerator(Growing):
    """Latents to images, at any level between 4 px and the full size.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        latent_dim: length of a latent; its direction counts, not its length.
        fmap_base: at ``s`` px there are ``2 * fmap_base / s`` maps,
        fmap_max: but at most so many. The paper's CIFAR-10 net has 4096 and 128.

    Raises:
        ValueError: for another size, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 512,
        fmap_base: int = 8192,
        fmap_max: int = 512,
    ) -> None:
        super().__init__(size)
        require_positive(
            type(self).__name__,
            channels=channels,
            latent_dim=latent_dim,
            fmap_base=fmap_base,
            fmap_max=fmap_max,
        )
        self.latent_dim = latent_dim
        maps = [feature_maps(level, fmap_base, fmap_max) for level in range(self.top + 1)]
        # The gain of the authors' code, which is not the paper's sqrt(2).
        cells = SMALLEST * SMALLEST
        self.start = EqualizedLinear(
            latent_dim, maps[0] * cells, bias=False, gain=math.sqrt(2.0) / 4.0
        )
        self.start_bias = nn.Parameter(torch.zeros(maps[0], 1, 1))
        first = nn.Sequential(nn.LeakyReLU(_SLOPE), PixelNorm(), *_normalized(maps[0], maps[0]))
        self.blocks = nn.ModuleList([first])
        for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
            layers = (*_normalized(inputs, outputs), *_normalized(outputs, outputs))
            self.blocks.append(nn.Sequential(*layers))
        self.to_images = nn.ModuleList(
            EqualizedConv2d(width, channels, 1, gain=1.0) for width in maps
        )
        self.normalize = PixelNorm()

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)``.

        The output is linear: in training it may leave [-1, 1].
        """
        cells = self.start(self.normalize(z)).unflatten(1, (-1, SMALLEST, SMALLEST))
        x = self.blocks[0](cells + self.start_bias)
        below = x
        for block in self.blocks[1 : self.stage + 1]:
            below, x = x, block(doubled(x))
        images: Tensor = self.to_images[self.stage](x)
        if share := self.share_below:
            images = blended(images, doubled(self.to_images[self.stage - 1](below)), share)
        return enlarged(images, self.size)


class ProgressiveDiscriminator(Growing):
    """Images to raw scores, at any level between 4 px and the full size.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        fmap_base: as in the generator.
        fmap_max: as in the generator.
        minibatch_group: see :class:`MinibatchStddev`.

    Raises:
        ValueError: for another size, or a count that is not positive; later, for images of another
            shape or a batch that ``minibatch_group`` does not divide.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        minibatch_group: int = 4,
    ) -> None:
        super().__init__(size)
        require_positive(
            type(self).__name__, channels=channels, fmap_base=fmap_base, fmap_max=fmap_max
        )
        self.image_shape = (channels, size, size)
        maps = [feature_maps(level, fmap_base, fmap_max) for level in range(self.top + 1)]
        self.from_images = nn.ModuleList(
            nn.Sequential(EqualizedConv2d(channels, width, 1), nn.LeakyReLU(_SLOPE))
            for width in maps
        )
        last = nn.Sequential(
            MinibatchStddev(minibatch_group),
            *_rectified(maps[0] + 1, maps[0]),
            nn.Flatten(),
            EqualizedLinear(maps[0] * SMALLEST * SMALLEST, maps[0]),
            nn.LeakyReLU(_SLOPE),
        )
        self.blocks = nn.ModuleList([last])
        for outputs, inputs in zip(maps[:-1], maps[1:], strict=True):
            layers = (*_rectified(inputs, inputs), *_rectified(inputs, outputs))
            self.blocks.append(nn.Sequential(*layers))
        self.head = EqualizedLinear(maps[0], 1, gain=1.0)

    def features(self, x: Tensor) -> Tensor:
        """The last features ``(N, maps at 4 px)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        stage, share = self.stage, self.share_below
        images = reduced(x, SMALLEST << stage)
        maps = self.from_images[stage](images)
        if stage:
            maps = halved(self.blocks[stage](maps))
            if share:
                maps = blended(maps, self.from_images[stage - 1](halved(images)), share)
        for level in range(stage - 1, 0, -1):
            maps = halved(self.blocks[level](maps))
        features: Tensor = self.blocks[0](maps)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        return scores.squeeze(1)


def _normalized(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3x3 convolution of G."""
    return EqualizedConv2d(inputs, outputs, 3), nn.LeakyReLU(_SLOPE), PixelNorm()


def _rectified(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3x3 convolution of D."""
    return EqualizedConv2d(inputs, outputs, 3), nn.LeakyReLU(_SLOPE)

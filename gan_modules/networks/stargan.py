"""StarGAN's networks: one generator that is told the target domain, and a D that names domains too.

Choi et al., "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
Translation", 2018, arXiv:1711.09020, appendix 7.2 and the authors' code. What changes from
``resnet_translator.py``: the domain as planes beside the image, zeros around it, 4x4 kernels, and
instance normalisation with gain and bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.translation_blocks import (
    TRANSLATION_NORMALIZATIONS,
    Padding,
    TranslationBlock,
    TranslationNormalization,
    require_images,
    require_multiple,
    translation_norm,
)


class StarGANGenerator(nn.Module):
    """Images and a domain to images; 8,430,528 parameters at 3 channels and 5 attributes.

    Args:
        channels: of the images, which are the same on both sides.
        attributes: length of a domain's label.
        width: maps at full size; each halving doubles them.
        blocks: residual blocks, the paper's 6.
        downs: halvings of the size.
        normalization: after every convolution but the last; the paper's is ``"instance"``.
        padding: at the borders of all but the strided convolutions; the authors' is ``"zeros"``.

    Raises:
        ValueError: for another choice, a count that is not positive, and for reflected borders
            under instance normalisation: there a constant plane adds a constant to each map, which
            the normalisation takes out exactly, and the network would not know the domain.
    """

    def __init__(
        self,
        channels: int,
        attributes: int,
        width: int = 64,
        blocks: int = 6,
        downs: int = 2,
        normalization: TranslationNormalization = "instance",
        padding: Padding = "zeros",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, attributes=attributes, width=width)
        require_positive(name, blocks=blocks, downs=downs)
        require_choice(name, "normalization", normalization, TRANSLATION_NORMALIZATIONS)
        require_choice(name, "padding", padding, ("zeros", "reflect"))
        if padding == "reflect" and normalization == "instance":
            raise ValueError(
                f"{name}: padding must be zeros under instance normalisation, got reflect; the "
                "normalisation would take constant planes of the domain out again"
            )
        self.in_channels = self.out_channels = channels
        self.attributes, self.downs = attributes, downs
        bias = normalization == "none"

        def ready(maps: int) -> tuple[nn.Module, nn.Module]:
            return translation_norm(normalization, maps, affine=True), nn.ReLU(inplace=True)

        maps = width
        layers: list[nn.Module] = [
            nn.Conv2d(channels + attributes, maps, 7, padding=3, padding_mode=padding, bias=bias),
            *ready(maps),
        ]
        for _ in range(downs):
            halve = nn.Conv2d(maps, 2 * maps, 4, stride=2, padding=1, bias=bias)
            layers += [halve, *ready(2 * maps)]
            maps *= 2
        for _ in range(blocks):
            layers.append(
                TranslationBlock(maps, normalization, padding=padding, affine=True, bias=bias)
            )
        for _ in range(downs):
            double = nn.ConvTranspose2d(maps, maps // 2, 4, stride=2, padding=1, bias=bias)
            layers += [double, *ready(maps // 2)]
            maps //= 2
        last = nn.Conv2d(maps, channels, 7, padding=3, padding_mode=padding, bias=False)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        initialize_normal(self)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Images as images of another domain.

        Args:
            x: ``(N, channels, H, W)`` in [-1, 1], H and W multiples of ``2 ** downs``.
            label: ``(N, attributes)``, floating: 0 or 1 for each attribute, or one-hot.

        Returns:
            ``(N, channels, H, W)`` in [-1, 1].
        """
        name = type(self).__name__
        require_images(name, x, self.in_channels)
        require_multiple(name, x, self.downs, smallest=2)
        if label.shape != (len(x), self.attributes):
            raise ValueError(
                f"{name}: label must have shape {(len(x), self.attributes)}, got "
                f"{tuple(label.shape)}; one number for each attribute of each image"
            )
        planes = label[:, :, None, None].to(x.dtype).expand(-1, -1, *x.shape[2:])
        images: Tensor = self.layers(torch.cat([x, planes], 1))
        return images


class StarGANDiscriminator(nn.Module):
    """Images to raw scores of patches, and to logits of their domain's label.

    44,762,048 parameters at 128 px, 3 channels and 5 attributes. There is no normalisation, which
    the gradient penalty would not allow.

    Args:
        channels: of the images.
        attributes: length of a domain's label.
        size: height and width of the images in pixels.
        width: maps after the first layer; each further one doubles them.
        layers: how many halve the size: 6 in the paper at 128 px, 5 at 64 px.

    Raises:
        ValueError: for a count that is not positive, or a size that the layers do not divide.
    """

    def __init__(
        self, channels: int, attributes: int, size: int = 128, width: int = 64, layers: int = 6
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, attributes=attributes, size=size)
        require_positive(name, width=width, layers=layers)
        if size % 2**layers:
            raise ValueError(
                f"{name}: size must be a multiple of 2^layers = {2**layers}, got {size}; set "
                "layers lower, to 5 at 64 px"
            )
        self.image_shape, self.attributes = (channels, size, size), attributes
        stack: list[nn.Module] = []
        maps = channels
        for layer in range(layers):
            wider = width * 2**layer
            stack += [nn.Conv2d(maps, wider, 4, stride=2, padding=1), nn.LeakyReLU(0.01)]
            maps = wider
        self.layers = nn.Sequential(*stack)
        self.head = nn.Conv2d(maps, 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(maps, attributes, size // 2**layers, bias=False)
        initialize_normal(self)

    def scores_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both in one forward.

        Args:
            x: images ``(N, channels, size, size)`` in [-1, 1].

        Returns:
            Raw scores ``(N, 1, h, w)``, and logits ``(N, attributes)``.
        """
        require_shape(type(self).__name__, x, self.image_shape)
        maps = self.layers(x)
        return self.head(maps), self.classes(maps).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to raw scores ``(N, 1, h, w)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        scores: Tensor = self.head(self.layers(x))
        return scores

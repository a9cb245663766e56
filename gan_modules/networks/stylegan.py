"""Styles that set mean and spread of every map, noise in every layer, from a learned constant.

Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks",
2018, arXiv:1812.04948, section 2, figure 1 and table 1, row F: with mixing, without the traditional
input. What changes from Progressive GAN (``progressive.py``): the latent enters through styles
alone, instance instead of pixel normalisation, and maps are blurred where their size changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.equalized import EqualizedConv2d, EqualizedLinear
from gan_modules.networks.filters import blur
from gan_modules.networks.growing import SMALLEST, Growing, blended, enlarged
from gan_modules.networks.progressive import ProgressiveDiscriminator, feature_maps
from gan_modules.networks.resizing import doubled
from gan_modules.networks.style import MappingNetwork, StyleGenerator

_SLOPE = 0.2
_EPSILON = 1e-8


class AdaIN(nn.Module):
    """Adaptive instance normalisation: a style sets mean and standard deviation of each map.

    Equation 1 of the paper, in the form of the authors' code: ``(1 + y_s) (x - mean) / std + y_b``
    with ``(y_s, y_b) = A(w)``, so that the gain starts around 1.

    Args:
        channels: of the maps.
        w_dim: length of a style.
    """

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, 2 * channels, gain=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Maps ``(N, channels, H, W)`` under styles ``(N, w_dim)``."""
        exact = x if x.dtype == torch.float64 else x.float()
        centred = exact - exact.mean((2, 3), keepdim=True)
        normal = centred * (centred.square().mean((2, 3), keepdim=True) + _EPSILON).rsqrt()
        gain, bias = self.affine(w)[:, :, None, None].chunk(2, dim=1)
        return ((gain + 1.0) * normal + bias).to(x.dtype)


class StyledLayer(nn.Module):
    """3x3 convolution, noise, bias, leaky ReLU, :class:`AdaIN`.

    Args:
        inputs: maps that come in; None: there is no convolution, as for the constant input.
        outputs: maps that go out.
        w_dim: length of a style.
        size: height of what goes out.
        doubles: whether that is twice the height of what comes in; then blurred.
    """

    noise_const: Tensor

    def __init__(
        self, inputs: int | None, outputs: int, w_dim: int, size: int, doubles: bool = False
    ) -> None:
        super().__init__()
        self.convolution = None if inputs is None else EqualizedConv2d(inputs, outputs, 3, False)
        self.doubles = doubles
        self.noise_strength = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.adain = AdaIN(outputs, w_dim)
        self.register_buffer("noise_const", torch.randn(size, size))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """``noise`` is ``(N, 1, size, size)``, one map for all channels; None: the constant map."""
        noise = self.noise_const if noise is None else noise
        if self.doubles:
            x = doubled(x)
        if self.convolution is not None:
            x = self.convolution(x)
        if self.doubles:
            x = blur(x)
        x = x + (noise * self.noise_strength + self.bias).to(x.dtype)
        styled: Tensor = self.adain(F.leaky_relu(x, _SLOPE), w)
        return styled


class StyleGANSynthesis(Growing):
    """Styles to images, at any level between 4 px and the full size; see :class:`Growing`.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        w_dim: length of a style.
        fmap_base: see :class:`StyleGANGenerator`.
        fmap_max: see :class:`StyleGANGenerator`.
    """

    def __init__(self, size: int, channels: int, w_dim: int, fmap_base: int, fmap_max: int) -> None:
        super().__init__(size)
        require_positive(
            type(self).__name__, channels=channels, fmap_base=fmap_base, fmap_max=fmap_max
        )
        maps = [feature_maps(level, fmap_base, fmap_max) for level in range(self.top + 1)]
        self.const = nn.Parameter(torch.ones(maps[0], SMALLEST, SMALLEST))
        layers = [
            StyledLayer(None, maps[0], w_dim, SMALLEST),
            StyledLayer(maps[0], maps[0], w_dim, SMALLEST),
        ]
        for level, (inputs, outputs) in enumerate(zip(maps[:-1], maps[1:], strict=True), start=1):
            height = SMALLEST << level
            layers.append(StyledLayer(inputs, outputs, w_dim, height, doubles=True))
            layers.append(StyledLayer(outputs, outputs, w_dim, height))
        self.layers = nn.ModuleList(layers)
        self.to_images = nn.ModuleList(
            EqualizedConv2d(width, channels, 1, gain=1.0) for width in maps
        )
        self.num_layers = len(layers)
        self.style_shape = (self.num_layers, w_dim)

    @property
    def active_layers(self) -> int:
        """Layers in use at this level: two for each resolution."""
        return 2 * (self.stage + 1)

    @property
    def noise_sizes(self) -> tuple[int, ...]:
        """Height of the noise of each layer in use."""
        return tuple(SMALLEST << index // 2 for index in range(self.active_layers))

    def forward(self, ws: Tensor, maps: Sequence[Tensor] | None = None) -> Tensor:
        """Styles ``(N, num_layers, w_dim)`` to images ``(N, channels, size, size)``, unbounded.

        Args:
            ws: those of layers that are not in use are not read.
            maps: noise ``(N, 1, H, W)`` of each layer in use; None: constant maps.
        """
        require_shape(type(self).__name__, ws, self.style_shape)
        styles = ws.unbind(1)
        noise = [None] * self.active_layers if maps is None else maps
        x = below = self.const.expand(len(ws), -1, -1, -1)
        for index in range(0, self.active_layers, 2):
            below = x
            for layer in (index, index + 1):
                x = self.layers[layer](x, styles[layer], noise[layer])
        images: Tensor = self.to_images[self.stage](x)
        if share := self.share_below:
            images = blended(images, doubled(self.to_images[self.stage - 1](below)), share)
        return enlarged(images, self.size)


class StyleGANGenerator(StyleGenerator):
    """Latents to images, linear at the end: values may leave [-1, 1] a little.

    Args:
        size: height and width of the images in pixels, a power of two.
        channels: of the images.
        latent_dim: length of a latent z.
        w_dim: length of a style w.
        fmap_base: at ``s`` px there are ``2 * fmap_base / s`` maps,
        fmap_max: but at most so many.
        mapping_layers: of the mapping network, the paper's 8.

    Raises:
        ValueError: for another size, or a count that is not positive.
    """

    synthesis: StyleGANSynthesis

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 512,
        w_dim: int = 512,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        mapping_layers: int = 8,
    ) -> None:
        mapping = MappingNetwork(latent_dim, w_dim, mapping_layers)
        super().__init__(mapping, StyleGANSynthesis(size, channels, w_dim, fmap_base, fmap_max))


class StyleGANDiscriminator(ProgressiveDiscriminator):
    """That of Progressive GAN, with maps blurred before they are halved; arguments: see there."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        minibatch_group: int = 4,
    ) -> None:
        super().__init__(size, channels, fmap_base, fmap_max, minibatch_group)
        for block in self.blocks[1:]:
            assert isinstance(block, nn.Sequential)
            # Between the two convolutions, after the first leaky ReLU.
            block.insert(2, Blur())


class Blur(nn.Module):
    """Taps 1, 2, 1 along height and width; the size stays."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)``."""
        return blur(x)

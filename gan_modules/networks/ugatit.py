"""U-GAT-IT's networks: maps weighted by how much they tell the domains apart.

Kim, Kim, Kang, Lee, "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive
Layer-Instance Normalization for Image-to-Image Translation", 2019, arXiv:1907.10830, and the
authors' code. Its attention is in ``class_activation.py``.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.adalin import LIN, AdaLIN
from gan_modules.networks.blocks import initialize_normal, spectral
from gan_modules.networks.checks import require_positive
from gan_modules.networks.class_activation import Attended, ClassActivation
from gan_modules.networks.resizing import Doubling
from gan_modules.networks.translation_blocks import (
    PlainInstanceNorm,
    TranslationBlock,
    require_images,
    require_multiple,
)


class UGATITGenerator(nn.Module):
    """Images to images of the same size; 10,589,888 parameters at 3 channels, light.

    Args:
        in_channels: of the images that come in.
        out_channels: of the images that go out.
        width: maps at full size; both halvings double them.
        blocks: residual blocks on each side of the attention, the paper's 4.
        full_size: height and width in pixels of the images of the full network, whose gains and
            biases are made of all pixels of the maps: 278,959,808 parameters at 256 px. None is the
            light one: they are made of the means of the maps, at any size.
        share_cam: see :class:`ClassActivation`.

    Raises:
        ValueError: for a count that is not positive, a ``full_size`` that is no multiple of 4, and
            in the forward for images of other channels or size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        blocks: int = 4,
        full_size: int | None = None,
        share_cam: bool = False,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, in_channels=in_channels, out_channels=out_channels)
        require_positive(name, width=width, blocks=blocks)
        if full_size is not None and (full_size < 8 or full_size % 4):
            raise ValueError(
                f"{name}: full_size must be a multiple of 4 from 8 on, got {full_size}; null is "
                "the light network, for any size"
            )
        self.in_channels, self.out_channels, self.full_size = in_channels, out_channels, full_size
        maps = 4 * width
        layers: list[nn.Module] = [_convolution(in_channels, width, 7), *_in_relu()]
        for wide in (width, 2 * width):
            halve = nn.Conv2d(
                wide, 2 * wide, 3, stride=2, padding=1, padding_mode="reflect", bias=False
            )
            layers += [halve, *_in_relu()]
        layers += [TranslationBlock(maps, bias=False) for _ in range(blocks)]
        self.encoder = nn.Sequential(*layers)
        self.attention = ClassActivation(maps, nn.ReLU(), shared=share_cam, normalized=False)
        pixels = 1 if full_size is None else (full_size // 4) ** 2
        self.style = nn.Sequential(
            nn.Linear(maps * pixels, maps, bias=False),
            nn.ReLU(),
            nn.Linear(maps, maps, bias=False),
            nn.ReLU(),
        )
        self.gain = nn.Linear(maps, maps, bias=False)
        self.bias = nn.Linear(maps, maps, bias=False)
        self.blocks = nn.ModuleList(_AdaLINBlock(maps) for _ in range(blocks))
        layers = []
        for wide in (maps, maps // 2):
            layers += [
                Doubling(),
                _convolution(wide, wide // 2, 3),
                LIN(wide // 2),
                nn.ReLU(inplace=True),
            ]
        self.decoder = nn.Sequential(*layers, _convolution(width, out_channels, 7), nn.Tanh())
        initialize_normal(self)

    def attended(self, x: Tensor) -> Attended:
        """Images ``(N, in_channels, H, W)`` in [-1, 1] to images, classifier scores, heat map.

        The classifier tells the domain that is to be translated from the one that is there already.
        """
        name = type(self).__name__
        require_images(name, x, self.in_channels)
        require_multiple(name, x, downs=2, smallest=2)
        if self.full_size is not None and x.shape[2:] != (self.full_size, self.full_size):
            raise ValueError(
                f"{name}: images must have full_size {self.full_size}, got "
                f"{x.shape[2]}x{x.shape[3]}; set it to the data's, or to null for the light network"
            )
        maps, cam_scores, heatmap = self.attention(self.encoder(x))
        style = self.style(maps.mean((2, 3)) if self.full_size is None else maps.flatten(1))
        gain, bias = self.gain(style), self.bias(style)
        for block in self.blocks:
            maps = block(maps, gain, bias)
        return Attended(self.decoder(maps), cam_scores, heatmap)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, in_channels, H, W)`` in [-1, 1] to ``(N, out_channels, H, W)`` in [-1, 1].

        H and W are multiples of 4, at least 8.
        """
        return self.attended(x).output


class UGATITDiscriminator(nn.Module):
    """Images to maps of raw scores, with the classifier of the attention as a second opinion.

    Args:
        channels: of the images.
        width: maps after the first layer; each further one doubles them.
        layers: of which all but the last three halve the size. 5 is the paper's local
            discriminator, of patches of 70 px, 7 the global one, of 286 px; at 64 px 4 and 6.
        share_cam: see :class:`ClassActivation`.

    Raises:
        ValueError: for a count out of range, and in the forward for images of other channels or
            too small for ``layers``.
    """

    def __init__(
        self, channels: int, width: int = 64, layers: int = 5, share_cam: bool = False
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels, width=width)
        if not isinstance(layers, int) or layers < 3:
            raise ValueError(
                f"{name}: layers must be at least 3, got {layers}; the paper's are 5 and 7"
            )
        self.channels, self.layers = channels, layers
        stack: list[nn.Module] = []
        maps = channels
        for index in range(layers - 1):
            wider = width * 2**index
            stride = 2 if index < layers - 2 else 1
            stack += [_reflected(maps, wider, stride, bias=True), nn.LeakyReLU(0.2)]
            maps = wider
        self.encoder = nn.Sequential(*stack)
        self.attention = ClassActivation(maps, nn.LeakyReLU(0.2), shared=share_cam, normalized=True)
        self.head = _reflected(maps, 1, 1, bias=False)

    def attended(self, x: Tensor) -> Attended:
        """Images ``(N, channels, H, W)`` in [-1, 1] to raw scores, classifier scores, heat map."""
        name = type(self).__name__
        require_images(name, x, self.channels)
        smallest = 3 * 2 ** (self.layers - 2)
        if min(x.shape[2:]) < smallest:
            raise ValueError(
                f"{name}: images must have at least {smallest} px at layers {self.layers}, got "
                f"{x.shape[2]}x{x.shape[3]}; set layers lower, to 4 and 6 at 64 px"
            )
        maps, cam_scores, heatmap = self.attention(self.encoder(x))
        return Attended(self.head(maps), cam_scores, heatmap)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, H, W)`` in [-1, 1] to raw scores ``(N, 1, h, w)``."""
        return self.attended(x).output


class _AdaLINBlock(nn.Module):
    """A residual block whose gains and biases are told at each call."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (_convolution(channels, channels, 3) for _ in range(2))
        self.first_norm, self.second_norm = AdaLIN(channels), AdaLIN(channels)

    def forward(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        maps = F.relu(self.first_norm(self.first(x), gain, bias))
        changed: Tensor = x + self.second_norm(self.second(maps), gain, bias)
        return changed


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Module:
    padding = kernel // 2
    return nn.Conv2d(inputs, outputs, kernel, padding=padding, padding_mode="reflect", bias=False)


def _in_relu() -> tuple[nn.Module, nn.Module]:
    return PlainInstanceNorm(), nn.ReLU(inplace=True)


def _reflected(inputs: int, outputs: int, stride: int, *, bias: bool) -> nn.Module:
    layer = nn.Conv2d(
        inputs, outputs, 4, stride=stride, padding=1, padding_mode="reflect", bias=bias
    )
    initialize_normal(layer)
    return spectral(layer)

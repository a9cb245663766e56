"""Residual blocks of the image networks: pre-activation, 3x3 convolutions, a 1x1 shortcut.

Those of Miyato et al., 2018, arXiv:1802.05957 (authors' code); the blocks of Gulrajani et al.,
2017, arXiv:1704.00028, are the same but for the normalisation.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import Normalization, initialize_xavier, normalization_layer
from gan_modules.networks.resizing import doubled

_BLOCK_GAIN = math.sqrt(2)


class UpBlock(nn.Module):
    """Norm, ReLU, double, 3x3, norm, ReLU, 3x3; a 1x1 convolution on the way around.

    Args:
        inputs: maps that come in.
        outputs: maps that go out, at twice the size.
        normalization: before both ReLUs.
    """

    def __init__(self, inputs: int, outputs: int, normalization: Normalization) -> None:
        super().__init__()
        self.activate = _norm_and_relu(inputs, normalization)
        self.first = _conv3(inputs, outputs)
        self.second = nn.Sequential(
            normalization_layer(normalization, outputs),
            nn.ReLU(inplace=True),
            _conv3(outputs, outputs),
        )
        self.shortcut = initialize_xavier(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, 2H, 2W)``."""
        residual: Tensor = self.second(self.first(doubled(self.activate(x))))
        # A 1x1 convolution commutes with doubling and costs a quarter before it.
        return residual + doubled(self.shortcut(x))


class DownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, halve; hidden maps as many as come in.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        halve: average over 2x2 pixels at the end; else the size stays.
        normalization: before both ReLUs; ``"batch"`` is not meant.
    """

    def __init__(
        self, inputs: int, outputs: int, *, halve: bool, normalization: Normalization
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _norm_and_relu(inputs, normalization),
            _conv3(inputs, inputs),
            normalization_layer(normalization, inputs),
            nn.ReLU(inplace=True),
            _conv3(inputs, outputs),
        )
        self.pool: nn.Module = nn.AvgPool2d(2) if halve else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if halve or inputs != outputs:
            self.shortcut = initialize_xavier(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``, or of the same size."""
        # A 1x1 convolution commutes with the average and costs a quarter after it.
        around: Tensor = self.shortcut(self.pool(x))
        return around + self.pool(self.residual(x))


class FirstBlock(nn.Module):
    """3x3, ReLU, 3x3, halve: like :class:`DownBlock`, without a ReLU on the image itself.

    Args:
        channels: of the images.
        outputs: maps that go out, at half the size.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _conv3(channels, outputs), nn.ReLU(inplace=True), _conv3(outputs, outputs)
        )
        self.shortcut = initialize_xavier(nn.Conv2d(channels, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, H, W)`` to maps ``(N, outputs, H/2, W/2)``."""
        around: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return around + F.avg_pool2d(self.residual(x), 2)


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return initialize_xavier(nn.Conv2d(inputs, outputs, 3, padding=1), _BLOCK_GAIN)


def _norm_and_relu(channels: int, normalization: Normalization) -> nn.Module:
    """Without a norm the ReLU may not work in place: the shortcut still needs its input."""
    fresh = normalization != "none"
    return nn.Sequential(normalization_layer(normalization, channels), nn.ReLU(inplace=fresh))

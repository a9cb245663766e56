"""Layers whose convolution a style modulates, and which add noise: the synthesis of StyleGAN2.

Karras et al., 2019, arXiv:1912.04958, section 2.2. A style no longer normalises the maps, which
left droplets in them, but the expected size of what a convolution puts out.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.precision import fp32_island
from gan_modules.networks.equalized import Equalized, EqualizedLinear
from gan_modules.networks.filters import SMOOTH, fir

_EPSILON = 1e-8
_GAIN = math.sqrt(2.0)


class ModulatedConv2d(Equalized):
    """A convolution whose weight a style scales, and whose output has unit variance by design.

    Section 2.2, equations 1 to 3: ``w'_oik = s_i w_oik`` and
    ``w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + 1e-8)``. Scaling the maps before and after a
    convolution with the shared weight is the same map, without a weight for each image.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        kernel: odd.
        w_dim: length of a style.
        demodulate: divide by the expected size, the second equation.
        doubles: the result has twice the size, filtered with taps 1, 3, 3, 1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        w_dim: int,
        demodulate: bool = True,
        doubles: bool = False,
    ) -> None:
        super().__init__((outputs, inputs, kernel, kernel), gain=1.0)
        self.affine = EqualizedLinear(w_dim, inputs, gain=1.0, bias_init=1.0)
        self.demodulate, self.doubles, self.padding = demodulate, doubles, kernel // 2

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """Maps ``(N, inputs, H, W)`` under styles ``(N, w_dim)``, plus noise and bias."""
        with fp32_island(x.device.type):
            weight, bias = self.scaled()
            style = self.affine(w)
            expected = (style.square() @ weight.square().sum((2, 3)).T + _EPSILON).sqrt()
        assert bias is not None
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.doubles:
            # A convolution of the maps with zeros between their pixels, at a quarter of the cost.
            spread = F.conv_transpose2d(x, weight.transpose(0, 1).flip(2, 3), stride=2)
            x = 4.0 * fir(spread, SMOOTH, padding=1)
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        if self.demodulate:
            x = x / expected.to(x.dtype)[:, :, None, None]
        if noise is not None:
            x = x + noise.to(x.dtype)
        return x + bias.to(x.dtype)[:, None, None]


class StyleLayer(nn.Module):
    """Modulated 3x3 convolution, noise of one learned strength, bias, leaky ReLU.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        w_dim: length of a style.
        size: height of what goes out.
        doubles: whether that is twice the height of what comes in.
    """

    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, size: int, doubles: bool) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inputs, outputs, 3, w_dim, doubles=doubles)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(size, size))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """``noise`` is ``(N, 1, size, size)``; None: the constant map."""
        noise = self.noise_const if noise is None else noise
        x = self.convolution(x, w, noise * self.noise_strength)
        return F.leaky_relu(x, 0.2) * _GAIN

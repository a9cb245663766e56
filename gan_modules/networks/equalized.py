"""Equalised learning rate: weights are stored at unit variance and scaled where they are used.

Karras et al., "Progressive Growing of GANs", 2017, arXiv:1710.10196, section 4.1. Adam moves every
weight by about its rate, whatever the weight's size; with all weights of one size all layers learn
at one speed.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Equalized(nn.Module):
    """A layer whose weight ``(out, in, ...)`` is N(0, 1) and used at ``gain / sqrt(fan_in)``.

    Args:
        shape: of the weight, outputs first; the rest is its fan-in.
        bias: whether there is one; it starts at ``bias_init``.
        gain: sqrt(2) before a rectifier, 1 elsewhere.
        lr_multiplier: scales how fast the layer learns and not how it starts: the stored weight is
            divided by it, and multiplied again where it is used.
        bias_init: value of all biases at the start.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        bias: bool = True,
        gain: float = math.sqrt(2.0),
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / lr_multiplier)
        self.bias = nn.Parameter(torch.full(shape[:1], bias_init / lr_multiplier)) if bias else None
        self.scale = gain / math.sqrt(math.prod(shape[1:])) * lr_multiplier
        self.lr_multiplier = lr_multiplier

    def scaled(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as they are used."""
        bias = self.bias if self.bias is None else self.bias * self.lr_multiplier
        return self.weight * self.scale, bias


class EqualizedLinear(Equalized):
    """``(N, inputs)`` to ``(N, outputs)``; see :class:`Equalized` for the rest."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        gain: float = math.sqrt(2.0),
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__((outputs, inputs), bias, gain, lr_multiplier, bias_init)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the scaled map."""
        return F.linear(x, *self.scaled())


class EqualizedConv2d(Equalized):
    """``(N, inputs, H, W)`` to ``(N, outputs, H, W)``, odd kernels, zero padding."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        bias: bool = True,
        gain: float = math.sqrt(2.0),
    ) -> None:
        super().__init__((outputs, inputs, kernel, kernel), bias, gain)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the scaled weight."""
        return F.conv2d(x, *self.scaled(), padding=self.padding)

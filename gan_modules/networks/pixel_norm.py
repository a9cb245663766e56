"""Pixel norm: the feature vector of each pixel gets unit length, up to a factor.

Karras et al., "Progressive Growing of GANs", 2017, arXiv:1710.10196, section 4.2. It keeps the
signal of a generator from growing without bound while it competes with its discriminator, and has
nothing to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """``x / sqrt(mean_c x_c^2 + epsilon)``, of latents ``(N, C)`` and of maps ``(N, C, H, W)``.

    Args:
        epsilon: keeps zero vectors zero.
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over dimension 1; shape and dtype stay."""
        # In half precision the squares overflow and epsilon is 0.
        exact = x if x.dtype == torch.float64 else x.float()
        scale = (exact.square().mean(1, keepdim=True) + self.epsilon).rsqrt()
        return (exact * scale).to(x.dtype)

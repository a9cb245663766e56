"""Self-attention on maps: every pixel may look at every other one.

Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks", 2018,
arXiv:1805.08318, as in the authors' code, which departs from the paper's text: keys and values are
pooled over 2x2 pixels, and values have half as many maps as the input.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive


class SelfAttention(nn.Module):
    """``x + gamma * o``: o is an average of values over all pixels, weighted by queries and keys.

    ``gamma`` is 0 at the start, so a network begins as the one without attention. Plain products
    and a softmax, because fused attention cannot be differentiated twice.

    Args:
        channels: of the maps; queries and keys have an eighth of them, at least one.

    Raises:
        ValueError: if ``channels`` is below 2, which leaves no half for the values.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        require_positive(type(self).__name__, channels=channels)
        if channels < 2:
            raise ValueError(f"SelfAttention: channels must be at least 2, got {channels}; widen")
        inner, half = max(1, channels // 8), channels // 2
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, channels, H, W)`` to the same shape; H and W at least 2."""
        queries = self.query(x).flatten(2)
        keys = F.max_pool2d(self.key(x), 2).flatten(2)
        values = F.max_pool2d(self.value(x), 2).flatten(2)
        # (N, pixels, pooled pixels): each pixel's weights add up to 1.
        weights = (queries.transpose(1, 2) @ keys).softmax(dim=2)
        seen = (values @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        attended: Tensor = x + self.gamma * self.out(seen)
        return attended

"""Instance normalisation whose gain and bias are a domain's own: how a network is told a domain.

A domain as constant planes beside the image does not survive a reflected border and an instance
normalisation: each map is shifted by a constant, which the normalisation takes out exactly.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.conditional_norm import ConditionalNorm


class CondInstanceNorm(nn.Module):
    """``norm(x) * gain[domain] + bias[domain]``; gains start at 1, biases at 0.

    Dumoulin, Shlens, Kudlur, "A Learned Representation For Artistic Style", 2016, arXiv:1610.07629.

    Args:
        channels: of the maps.
        domains: how many, or the length of a vector that describes one.

    Raises:
        ValueError: for counts that are not positive.
    """

    def __init__(self, channels: int, domains: int) -> None:
        super().__init__()
        self.domains = domains
        self.norm = ConditionalNorm(channels, domains, "instance")

    def forward(self, x: Tensor, domain: Tensor) -> Tensor:
        """Maps as they would be in a domain.

        Args:
            x: ``(N, channels, H, W)``.
            domain: numbers ``(N,)`` int64, or vectors ``(N, domains)``, which mix gains and biases.

        Returns:
            Maps of the same shape.
        """
        if not domain.is_floating_point():
            domain = F.one_hot(domain, self.domains)
        normed: Tensor = self.norm(x, domain.to(x.dtype))
        return normed

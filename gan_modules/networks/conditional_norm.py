"""Normalisation whose gain and bias are told by a vector: of a class, of a latent, or both.

De Vries et al., "Modulating early visual processing by language", 2017, arXiv:1707.00683; for
generators Miyato, Koyama, 2018, arXiv:1802.05637, and BigGAN, arXiv:1809.11096, appendix B.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import NORMALIZATIONS, Normalization
from gan_modules.networks.checks import require_choice, require_positive


class ConditionalNorm(nn.Module):
    """``norm(x) * (1 + gain(c)) + bias(c)``, both linear without a bias of their own.

    They start at zero: the plain normalisation, whatever the condition. A network that starts them
    otherwise says so.

    Args:
        channels: of the maps.
        condition_dim: length of the vector c.
        normalization: see :func:`~gan_modules.networks.blocks.normalization_layer`; its own gain
            and bias are left out. ``"none"`` scales and shifts the maps as they are.

    Raises:
        ValueError: for another normalisation, or a count that is not positive.
    """

    def __init__(
        self, channels: int, condition_dim: int, normalization: Normalization = "batch"
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(name, channels=channels, condition_dim=condition_dim)
        self.norm = _without_gain(normalization, channels)
        self.gain = nn.Linear(condition_dim, channels, bias=False)
        self.bias = nn.Linear(condition_dim, channels, bias=False)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Maps ``(N, channels, H, W)`` and vectors ``(N, condition_dim)`` to maps."""
        gain, bias = 1 + self.gain(condition), self.bias(condition)
        # One pass over the maps where a product and a sum would take two.
        return torch.addcmul(bias[:, :, None, None], self.norm(x), gain[:, :, None, None])


def _without_gain(name: Normalization, channels: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(channels, affine=False)
    if name == "layer":
        return nn.GroupNorm(1, channels, affine=False)
    if name == "instance":
        return nn.InstanceNorm2d(channels)
    return nn.Identity()

"""A normalisation between instance and layer normalisation; each map learns where it stands.

Kim, Kim, Kang, Lee, "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive
Layer-Instance Normalization for Image-to-Image Translation", 2019, arXiv:1907.10830, section 2.1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive

_EPSILON = 1e-5


class AdaLIN(nn.Module):
    """``gain * (rho * IN(x) + (1 - rho) * LN(x)) + bias``, gain and bias told at each call.

    Means and variances are over the pixels of each map (IN) and over all maps of a sample (LN);
    variances are biased, where the authors' code has unbiased ones. :func:`clip_rho` keeps ``rho``
    in [0, 1], after each step.

    Args:
        channels: of the maps.
        rho: where each map starts, 0.9 in the authors' code.

    Raises:
        ValueError: for a count that is not positive, or a rho outside [0, 1].
    """

    def __init__(self, channels: int, rho: float = 0.9) -> None:
        super().__init__()
        require_positive(type(self).__name__, channels=channels)
        if not 0 <= rho <= 1:
            raise ValueError(
                f"{type(self).__name__}: rho must lie in [0, 1], got {rho}; 1 is instance, 0 is "
                "layer normalisation"
            )
        self.rho = nn.Parameter(torch.full((channels, 1, 1), float(rho)))

    def forward(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Maps ``(N, channels, H, W)``; gain and bias ``(N or 1, channels)``: maps."""
        alone = F.instance_norm(x, eps=_EPSILON)
        together = F.group_norm(x, 1, eps=_EPSILON)
        # Not lerp: under autocast the two norms may come in two precisions.
        mixed = self.rho * alone + (1 - self.rho) * together
        return gain[:, :, None, None] * mixed + bias[:, :, None, None]


class LIN(AdaLIN):
    """AdaLIN with a gain and a bias of its own, which start at 1 and 0.

    Args:
        channels: of the maps.
        rho: where each map starts, 0 in the authors' code.
    """

    def __init__(self, channels: int, rho: float = 0.0) -> None:
        super().__init__(channels, rho)
        self.gain = nn.Parameter(torch.ones(1, channels))
        self.bias = nn.Parameter(torch.zeros(1, channels))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Maps ``(N, channels, H, W)`` to the same shape."""
        return super().forward(x, self.gain, self.bias)


@torch.no_grad()
def clip_rho(network: nn.Module) -> None:
    """Bring every ``rho`` of a network back into [0, 1], in place; call it after each step."""
    for layer in network.modules():
        if isinstance(layer, AdaLIN):
            layer.rho.clamp_(0.0, 1.0)

"""Advantages over one's own best guess: what a drawn sentence earned more than the likeliest one.

Rennie et al., "Self-critical Sequence Training for Image Captioning", 2016, arXiv:1612.00563.
"""

from __future__ import annotations

from torch import Tensor

from gan_modules.engine.reduction import mean_over_ranks

#: Below such a spread all sentences earned the same, and what differs is rounding.
_LEAST_SPREAD = 1e-6


def self_critical(drawn: Tensor, likeliest: Tensor, most: float = 3.0) -> Tensor:
    """Advantages in units of their spread over the joined batch of all ranks, not centred.

    All ranks must call it together.

    Args:
        drawn: what each drawn sentence earned, ``(N,)``.
        likeliest: what the likeliest sentence of the same row earned, ``(N,)``.
        most: larger ones are cut.

    Returns:
        ``(N,)`` in [-most, most], detached.
    """
    advantages = (drawn - likeliest).detach()
    mean = mean_over_ranks(advantages.mean())
    spread = mean_over_ranks((advantages - mean).square().mean()).sqrt()
    scaled = advantages / spread.clamp_min(_LEAST_SPREAD)
    return scaled.where(spread > _LEAST_SPREAD, advantages).clamp(-most, most)

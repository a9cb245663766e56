"""Who acts in a round: a gate that keeps a discriminator and a generator equally strong.

Larsen et al., arXiv:1512.09300, as in the authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.reduction import mean_over_ranks


class EquilibriumGate:
    """D passes where it is far ahead, G where D is far behind; if both would pass, both act.

    D's cost of real images is ``E sp(-s_real)``, of generated ones ``E sp(s_fake)``, in nats, with
    ``sp`` the softplus: log 2 each for a D that cannot tell.

    Args:
        margin: half the width of the band of costs in which both act; None: both always act.
        centre: of that band.

    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(self, margin: float | None = 0.35, centre: float = 0.68) -> None:
        for name, value in (("margin", margin), ("centre", centre)):
            if value is not None and not value > 0:
                raise ValueError(
                    f"EquilibriumGate: {name} must be positive, got {value}; take 0.35 about 0.68, "
                    "or margin: null for no gate"
                )
        self.margin, self.centre = margin, centre

    def acting(self, real_scores: Tensor, fake_scores: Tensor) -> dict[str, bool]:
        """Whether ``generator`` and ``discriminator`` act; ranks ask together and get one answer.

        Args:
            real_scores: of this rank's real images.
            fake_scores: of its generated images.
        """
        if self.margin is None:
            return {"generator": True, "discriminator": True}
        real, fake = real_scores.detach().double(), fake_scores.detach().double()
        costs = torch.stack([F.softplus(-real).mean(), F.softplus(fake).mean()])
        # The host has to know: a round waits for the device here.
        real_cost, fake_cost = mean_over_ranks(costs).tolist()
        generator = max(real_cost, fake_cost) <= self.centre + self.margin
        discriminator = min(real_cost, fake_cost) >= self.centre - self.margin
        if not (generator or discriminator):
            generator = discriminator = True
        return {"generator": generator, "discriminator": discriminator}

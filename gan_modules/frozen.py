"""What a translation must keep: features of a network that nobody trains.

Such a network belongs to no player. Gradients flow through it, to the image it is shown.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.objectives import raised

ContentDistance = Literal["squared", "cosine"]


class Frozen(nn.Module):
    """A network whose weights and running statistics stay as they are, in eval mode for good.

    It is part of a module's checkpoint like any other network.

    Args:
        network: anything to anything.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Frozen:
        """Eval mode, whatever is asked for."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """What the network makes of ``x``."""
        found: Tensor = self.network(x)
        return found


def content_distance(wanted: Tensor, found: Tensor, distance: ContentDistance) -> Tensor:
    """How far features ``(N, F)`` or maps of them ``(N, F, h, w)`` are apart, sample by sample.

    Args:
        wanted: of the images that were led.
        found: of their translations, of the same shape.
        distance: ``"squared"``: the mean squared difference; ``"cosine"``: one minus the cosine
            over F, averaged over places.

    Returns:
        The mean over samples.
    """
    wanted, found = raised(wanted), raised(found)
    if distance == "squared":
        return F.mse_loss(found, wanted)
    return (1.0 - F.cosine_similarity(wanted, found, dim=1)).mean()

"""Direct transform: no cycle and no pairs, only a translator too shallow to do anything odd.

Galanti, Wolf, Benaim, "The Role of Minimal Complexity Functions in Unsupervised Learning of
Semantic Mappings", 2017, arXiv:1709.00074. What changes from CycleGAN: one direction, nothing is
led back, and the depth of the translator is what holds input and output together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.frozen import Frozen
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.translation.base import TranslationModule


class DirectTransform(TranslationModule):
    """``L_G = (D_b(G(a)) - 1)^2``, and nothing else, for a G of few layers.

    Of all maps that make b of a, those of least depth are the ones that mean something: that is
    the paper's conjecture. To look at it, train a ``ResnetTranslator(downs=1)`` with 0, 1, 2, 4 and
    9 ``blocks``, and see how long the output still depends on the input.

    A deep translator may follow a shallow one that was trained like this (the paper's two steps):
    ``L_G`` then has ``f |G(a) - S(a)|_1`` beside it.

    Args:
        generator: images of domain a to images of domain b.
        discriminator: images of domain b to scores.
        shallow: the trained translator S that G follows, such as
            ``gan_modules.load(path).sampler()["ab"]``; it stays as it is. None: G is on its own.
        follow_weight: f above.
        objective: what the two play for; None is least squares.
        pool_size: see :class:`TranslationModule`.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        shallow: nn.Module | None = None,
        follow_weight: float = 10.0,
        objective: Objective | None = None,
        pool_size: int = 50,
        discriminator_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"ab": generator},
            {"b": discriminator},
            objective or LeastSquares(scale=1.0),
            pool_size=pool_size,
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_positive(self, follow_weight=follow_weight)
        self.follow_weight = follow_weight
        self.shallow: Frozen | None = None
        if shallow is not None:
            checks.check_networks(self, generator=generator, shallow=shallow)
            self.shallow = Frozen(shallow)

    def schedule(self) -> tuple[Stage, ...]:
        """The translator first."""
        return (Stage((Turn("generator"), Turn("discriminator"))),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the distance to the shallow translator's output."""
        losses = super().generator_losses(batch)
        if self.shallow is not None:
            with torch.no_grad():
                wanted = self.shallow(batch["a"])
            losses["follow"] = self.follow_weight * F.l1_loss(batch["fake_b"], wanted)
        return losses

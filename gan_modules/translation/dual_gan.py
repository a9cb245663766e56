"""DualGAN: CycleGAN's two ways, learned as a Wasserstein game.

Yi, Zhang, Tan, Gong, "DualGAN: Unsupervised Dual Learning for Image-to-Image Translation", 2017,
arXiv:1704.02510. What changes from CycleGAN: Wasserstein scores under a bound on D, RMSprop, D
first and perhaps more often, dropout as G's noise; no identity, no pool of old fakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, RMSprop

from gan_modules.engine import checks
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Objective, Wasserstein
from gan_modules.regularizers import GradientPenalty, Regularizer
from gan_modules.translation.base import TranslationModule


class DualGAN(TranslationModule):
    """Algorithm 1 of arXiv:1704.02510, by default with the gradient penalty of the authors' code.

    ``L_G = -D_b(G_ab a) + c |G_ba G_ab a - a|_1`` and the same with the domains swapped; D
    minimises ``D(fake) - D(x)``. The code knows three games:

    - with a gradient penalty of 10, the default here and there;
    - the paper's: ``regularizers: [WeightClipping]`` with a bound of 0.01 to 0.1, and 2 to 4
      ``discriminator_steps``;
    - the classic one: ``objective: NonSaturating``, ``regularizers: []``, ``generator_steps: 2``.

    The reconstruction is weighted so high that it hides the game in a sum: look at the terms.

    Args:
        generator_ab: images of domain a to images of domain b.
        generator_ba: the other way.
        discriminator_a: images of domain a to scores, of whole images in the paper.
        discriminator_b: images of domain b to scores.
        cycle_weight: the paper's lambda, c above; 100 to 1000.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_steps: G steps per D step, each on a batch of its own; one of the two numbers
            is 1.
        objective: what the two sides play for; None is Wasserstein.
        regularizers: None is a gradient penalty of 10.
        generator_lr: RMSprop's rate for the translators.
        discriminator_lr: RMSprop's rate for the discriminators.
        **kwargs: see :class:`TranslationModule`; ``betas`` have no meaning here.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator_ab: nn.Module,
        generator_ba: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        cycle_weight: float = 500.0,
        discriminator_steps: int = 1,
        generator_steps: int = 1,
        objective: Objective | None = None,
        regularizers: list[Regularizer] | None = None,
        generator_lr: float = 5e-5,
        discriminator_lr: float = 5e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"ab": generator_ab, "ba": generator_ba},
            {"a": discriminator_a, "b": discriminator_b},
            objective or Wasserstein(),
            [GradientPenalty()] if regularizers is None else regularizers,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            **kwargs,
        )
        checks.check_positive(
            self,
            cycle_weight=cycle_weight,
            discriminator_steps=discriminator_steps,
            generator_steps=generator_steps,
        )
        if discriminator_steps > 1 < generator_steps:
            raise ValueError(
                f"{type(self).__name__}: discriminator_steps or generator_steps must be 1, got "
                f"{discriminator_steps} and {generator_steps}; only one side steps more often"
            )
        self.cycle_weight = cycle_weight
        self.discriminator_steps, self.generator_steps = discriminator_steps, generator_steps

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """RMSprop, without momentum."""
        return RMSprop(parameters, lr=lr, alpha=0.9, weight_decay=self.weight_decay)

    def players(self) -> tuple[Player, ...]:
        """The discriminators' decay is stretched by their steps per G step."""
        steps = self.discriminator_steps / self.generator_steps
        of_d = self.player("discriminator", self.discriminator, steps_per_round=steps)
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """The discriminators first; the side that steps less often in the last of its rounds."""
        rounds_of_d, rounds_of_g = self.generator_steps, self.discriminator_steps
        turns = (
            Turn("discriminator", every=rounds_of_d, offsets=(rounds_of_d - 1,)),
            Turn("generator", every=rounds_of_g, offsets=(rounds_of_g - 1,)),
        )
        return (Stage(turns),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial terms, and the way there and back."""
        losses = super().generator_losses(batch)
        batch = self.with_ways_back(batch)
        for source, _ in self.directions:
            error = F.l1_loss(batch[f"back_{source}"], batch[source])
            losses[f"cycle_{source}"] = self.cycle_weight * error
        return losses

"""DiscoGAN: relations between domains, found by reconstructions that count little at first.

Kim, Cha, Kim, Lee, Kim, "Learning to Discover Cross-Domain Relations with Generative Adversarial
Networks", 2017, arXiv:1703.05192. What changes from CycleGAN: cross entropy, squared errors, mean
features matched, two G steps to a D step, and translators that squeeze an image to a few pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.player import Player
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import NonSaturating, Objective
from gan_modules.translation.base import TranslationModule


class DiscoGAN(TranslationModule):
    """Section 2.3 of arXiv:1703.05192 with the feature matching of the authors' code.

    ``L_G = (1 - r) (0.1 CE(D_b(G_ab a), 1) + 0.9 FM_b) + r (G_ba G_ab a - a)^2`` and the same with
    the domains swapped; each D minimises half of ``CE(D(x), 1) + CE(D(fake), 0)``. r is 0.01 for
    ``early_rounds`` batches, then 0.5. D steps on the first batch of three, the translators on the
    two others. The paper's text is ``adversarial_weight: 1, feature_weight: 0, early_rounds: 0``.

    FM sums, over the layers of D but the first and the last, the mean squared difference of the
    mean features of real and translated images: of the batch of all ranks together.

    Two are ablations in the paper, and show what the way back is good for: without
    ``discriminator_a`` and ``generator_ba`` a GAN, without ``discriminator_a`` a GAN with
    reconstruction in one direction. Both lose modes.

    Args:
        generator_ab: images of domain a to images of domain b.
        generator_ba: the other way; or null, see above.
        discriminator_a: images of domain a to scores; or null, see above.
        discriminator_b: images of domain b to scores; has ``features``, maps after each layer, the
            last of which are the scores.
        adversarial_weight: 0.1 above.
        feature_weight: 0.9 above; 0 is off, and asks no features.
        early_cycle_weight: r at first.
        cycle_weight: r later.
        early_rounds: number of batches at the first r, D's and G's.
        objective: what the two sides play for; None is the cross entropy.
        discriminator_weight: slows D down beside G.
        weight_decay: of Adam.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, a discriminator_a without generator_ba, and on
            discriminators without features.
    """

    def __init__(
        self,
        generator_ab: nn.Module,
        generator_ba: nn.Module | None,
        discriminator_a: nn.Module | None,
        discriminator_b: nn.Module,
        adversarial_weight: float = 0.1,
        feature_weight: float = 0.9,
        early_cycle_weight: float = 0.01,
        cycle_weight: float = 0.5,
        early_rounds: int = 10_000,
        objective: Objective | None = None,
        discriminator_weight: float = 0.5,
        weight_decay: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if discriminator_a is not None and generator_ba is None:
            raise ValueError(
                f"{name}: discriminator_a must be null without generator_ba, got one; nothing is "
                "led to domain a, give generator_ba"
            )
        translators = {"ab": generator_ab} | ({"ba": generator_ba} if generator_ba else {})
        judges = ({"a": discriminator_a} if discriminator_a else {}) | {"b": discriminator_b}
        super().__init__(
            translators,
            judges,
            objective or NonSaturating(),
            discriminator_weight=discriminator_weight,
            weight_decay=weight_decay,
            **kwargs,
        )
        checks.check_positive(self, adversarial_weight=adversarial_weight)
        checks.check_not_negative(self, feature_weight=feature_weight, early_rounds=early_rounds)
        for share in (early_cycle_weight, cycle_weight):
            if not 0 <= share < 1:
                raise ValueError(
                    f"{name}: cycle_weight and early_cycle_weight must lie in [0, 1), got {share}; "
                    "the rest is what the discriminators count, 0.5 and 0.01 are usual"
                )
        for judge in judges.values():
            if feature_weight and not callable(getattr(judge, "features", None)):
                raise ValueError(
                    f"{name}: discriminators must have features, {type(judge).__name__} has none; "
                    "take DiscoGANDiscriminator or PatchDiscriminator, or feature_weight: 0"
                )
        self.adversarial_weight, self.feature_weight = adversarial_weight, feature_weight
        self.early_cycle_weight, self.cycle_weight = early_cycle_weight, cycle_weight
        self.early_rounds = early_rounds

    def players(self) -> tuple[Player, ...]:
        """The discriminators step half as often as the translators."""
        of_d = self.player("discriminator", self.discriminator, steps_per_round=0.5)
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """Three batches: one for the discriminators, two for the translators."""
        turns = Turn("discriminator", every=3), Turn("generator", every=3, offsets=(1, 2))
        return (Stage(turns),)

    @property
    def share(self) -> float:
        """The reconstruction's share of G's loss in this round, the paper's r."""
        return self.early_cycle_weight if self.rounds < self.early_rounds else self.cycle_weight

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial terms, the matched features, and the way there and back."""
        losses: dict[str, Tensor] = {}
        for name, value in super().generator_losses(batch).items():
            losses[name] = (1 - self.share) * self.adversarial_weight * value
        for domain in self.discriminator if self.feature_weight else ():
            matched = self.features_apart(domain, batch[domain], batch[f"fake_{domain}"])
            losses[f"feature_{domain}"] = (1 - self.share) * self.feature_weight * matched
        if len(self.directions) == 2 and self.share:
            batch = self.with_ways_back(batch)
            for key in [key for key in batch if key.startswith("back_")]:
                error = F.mse_loss(batch[key], batch[key[-1]])
                losses[f"cycle_{key[-1]}"] = self.share * error
        return losses

    def features_apart(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """How far the mean features of both are apart, summed over the layers in the middle."""
        judge: Any = self.discriminator[domain]
        with torch.no_grad():
            wanted = judge.features(real)[1:-1]
        found = judge.features(fake)[1:-1]
        means = [mean_over_ranks(m.mean(0)) for maps in (wanted, found) for m in maps]
        pairs = zip(means[: len(found)], means[len(found) :], strict=True)
        return torch.stack([F.mse_loss(one, other) for one, other in pairs]).sum()

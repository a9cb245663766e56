"""CycleGAN: two domains without pairs, held together by the way there and back.

Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", 2017, arXiv:1703.10593. What changes from the direct transform: a translator each way,
whose composition must give the input back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.guessing import guess_loss
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.translation.base import TranslationModule


class CycleGAN(TranslationModule):
    """Equation 3 of arXiv:1703.10593 with the identity loss of section 5.2, least squares.

    ``L_G = (D_b(G_ab a) - 1)^2 + c |G_ba G_ab a - a|_1 + i c |G_ab b - b|_1`` and the same with the
    domains swapped; each D minimises ``((D(x) - 1)^2 + D(fake)^2) / 2``, where the fake is one of
    the last ``pool_size``. The translators step first, and the
    discriminators see the fakes of before that step. The paper trains 200 epochs of single images,
    with rates that fall to zero over the second half (``lr_decay``).

    Translators of this kind smuggle the input through in invisible patterns. Against it stand the
    two defences of arXiv:1908.01517: a ``corruption`` of the translation before it is led back, and
    guessers, which see input and reconstruction in random order and must tell which is which, while
    the translators want the wrong answer.

    Args:
        generator_ab: images of domain a to images of domain b.
        generator_ba: the other way.
        discriminator_a: images of domain a to scores.
        discriminator_b: images of domain b to scores.
        cycle_weight: the paper's lambda, c above.
        identity_weight: of the identity loss as a share of ``cycle_weight``, i above; 0 is off, and
            the only choice where the domains differ in channels.
        guesser_a: twice the channels of domain a to scores, high where the reconstruction comes
            first; None, for both domains: nobody guesses.
        guesser_b: the same for domain b.
        guess_weight: of the guessers' wrong answers; the paper's public code takes 2.
        guesser_lr: learning rate of the guessers.
        objective: what the two sides play for; None is the paper's.
        pool_size: see :class:`TranslationModule`.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and where an identity loss has no meaning.
    """

    def __init__(
        self,
        generator_ab: nn.Module,
        generator_ba: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        cycle_weight: float = 10.0,
        identity_weight: float = 0.5,
        guesser_a: nn.Module | None = None,
        guesser_b: nn.Module | None = None,
        guess_weight: float = 2.0,
        guesser_lr: float = 2e-4,
        objective: Objective | None = None,
        pool_size: int = 50,
        discriminator_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"ab": generator_ab, "ba": generator_ba},
            {"a": discriminator_a, "b": discriminator_b},
            objective or LeastSquares(scale=1.0),
            pool_size=pool_size,
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_not_negative(self, cycle_weight=cycle_weight, identity_weight=identity_weight)
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        checks.check_positive(self, guess_weight=guess_weight, guesser_lr=guesser_lr)
        if (guesser_a is None) != (guesser_b is None) or (guesser_a and not cycle_weight):
            raise ValueError(
                f"{type(self).__name__}: guessers must be two, of ways back that are there, got "
                f"{guesser_a is not None} and {guesser_b is not None} at cycle_weight "
                f"{cycle_weight}; give guesser_a and guesser_b, or none"
            )
        self.guess_weight, self.guesser_lr = guess_weight, guesser_lr
        guessers = {"a": guesser_a, "b": guesser_b} if guesser_a and guesser_b else {}
        self.guesser = nn.ModuleDict(guessers)

    def players(self) -> tuple[Player, ...]:
        """The guessers beside the two sides, where there are any."""
        guessing = (self.player("guesser", self.guesser),) if self.guesser else ()
        return (*super().players(), *guessing)

    def schedule(self) -> tuple[Stage, ...]:
        """The translators first."""
        last = (Turn("guesser"),) if self.guesser else ()
        return (Stage((Turn("generator"), Turn("discriminator"), *last)),)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Fakes, and what comes back of them."""
        batch = super().prepare(batch)
        return self.with_ways_back(batch) if self.cycle_weight else batch

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial terms, the way there and back, and the identity."""
        losses = super().generator_losses(batch)
        for source, target in self.directions:
            if self.cycle_weight:
                error = F.l1_loss(batch[f"back_{source}"], batch[source])
                losses[f"cycle_{source}"] = self.cycle_weight * error
            if self.cycle_weight and self.identity_weight:
                same = self.translated(batch[target], source, target)
                weight = self.cycle_weight * self.identity_weight
                losses[f"identity_{target}"] = weight * F.l1_loss(same, batch[target])
        for domain in self.guesser:
            wrong = self.guessed(batch, domain, right=False)
            losses[f"guess_{domain}"] = self.guess_weight * wrong
        return losses

    def guesser_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The right answers."""
        return {f"guess_{d}": self.guessed(batch, d, right=True) for d in self.guesser}

    def guessed(self, batch: Mapping[str, Tensor], domain: str, right: bool) -> Tensor:
        """A guesser's loss, or that of the translators against it."""
        back = batch[f"back_{domain}"]
        back = back.detach() if right else back
        return guess_loss(self.guesser[domain], batch[domain], back, self.noise, right)

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As the base, and that an identity can be asked for."""
        super().check_batch(batch)
        batch_checks.check_identity(self, batch, self.identity_weight)

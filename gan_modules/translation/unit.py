"""UNIT: two domains with one space of codes between them, by networks that share layers.

Liu, Breuel, Kautz, "Unsupervised Image-to-Image Translation Networks", 2017, arXiv:1703.00848. What
changes from CycleGAN (``cycle_gan.py``): a translator is the encoder of one domain and the decoder
of the other, both are variational autoencoders, and the layers next to the code are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from gan_modules.engine import checks
from gan_modules.engine.player import Player
from gan_modules.networks.codec import DomainCodec
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.translation.base import TranslationModule


class UNIT(TranslationModule):
    """Equation 7 of arXiv:1703.00848, with the terms and the weights of the authors' code.

    With codes ``E(x) + n`` of standard normal noise n, for each domain d and the other one o,
    ``L_G = sum_d (D_d(x_od) - 1)^2 + r |x_dd - x_d|_1 + c |x_dod - x_d|_1 + k mean E_d(x_d)^2
    + k' mean E_o(x_do)^2``, where ``x_do`` is an image of d that was led to o. The squares are
    twice the divergence of N(E(x), I) from N(0, I), for each number of a code. D minimises ``(D(x)
    - 1)^2 + D(fake)^2``, summed over its scales, and steps first. Each side draws noise and makes
    translations of its own; ``translate`` draws none. The code trains single images for a million
    steps, and shares no layers; the paper does.

    Args:
        generator: encoders and decoders of the domains "a" and "b", and what they share.
        discriminator_a: images of domain a to scores, or to a list of them.
        discriminator_b: the same for domain b.
        self_weight: of the way from a domain to itself, r above.
        cycle_weight: of the way there and back, c above.
        kl_weight: of the codes of images, k above.
        cycle_kl_weight: of the codes of translations, k' above.
        halving_steps: G steps after which all rates are halved, again and again; None: never.
        objective: what the two sides play for; None is least squares.
        generator_lr: see :class:`TranslationModule`, as the two below.
        discriminator_lr: of the discriminators.
        weight_decay: of both sides.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and on two plans for the rates.
    """

    directions = (("a", "b"), ("b", "a"))

    def __init__(
        self,
        generator: DomainCodec,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        self_weight: float = 10.0,
        cycle_weight: float = 10.0,
        kl_weight: float = 0.01,
        cycle_kl_weight: float = 0.01,
        halving_steps: int | None = 100_000,
        objective: Objective | None = None,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        weight_decay: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"codec": generator},
            {"a": discriminator_a, "b": discriminator_b},
            objective or LeastSquares(scale=1.0),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            weight_decay=weight_decay,
            **kwargs,
        )
        weights = {"self_weight": self_weight, "cycle_weight": cycle_weight, "kl_weight": kl_weight}
        checks.check_not_negative(self, cycle_kl_weight=cycle_kl_weight, **weights)
        checks.check_positive(self, halving_steps=halving_steps)
        if halving_steps and (self.lr_decay or self.epoch_decay):
            raise ValueError(
                f"{type(self).__name__}: halving_steps must be null beside another decay, got "
                f"{halving_steps}; rates follow one plan"
            )
        self.self_weight, self.cycle_weight = self_weight, cycle_weight
        self.kl_weight, self.cycle_kl_weight = kl_weight, cycle_kl_weight
        self.halving_steps = halving_steps

    @property
    def codec(self) -> DomainCodec:
        """Encoders and decoders in training."""
        return self.generator["codec"]  # type: ignore[index]

    def route(self, networks: nn.Module, images: Tensor, source: str, target: str) -> Tensor:
        """Through the code, without noise."""
        return networks["codec"](images, source, target)  # type: ignore[index]

    def player(self, name: str, *networks: nn.Module, steps_per_round: float = 1) -> Player:
        """As every player, with a rate that is halved."""
        player = super().player(name, *networks, steps_per_round=steps_per_round)
        if self.halving_steps:
            player.scheduler = StepLR(player.optimizer, self.halving_steps, 0.5)
        return player

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Nothing is shared: each side draws noise of its own."""
        return batch

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the discriminators say, both ways back to the image, and the codes."""
        losses: dict[str, Tensor] = {}
        for source, target in self.directions:
            real, mean = batch[source], self.codec.encode(batch[source], source)
            code = self.noisy(mean)
            fake = self.codec.decode(code, target)
            again = self.codec.encode(self.sent(fake), target)
            terms = {
                "self": self.self_weight * F.l1_loss(self.codec.decode(code, source), real),
                "kl": self.kl_weight * divergence(mean),
                "cycle": self.cycle_weight
                * F.l1_loss(self.codec.decode(self.noisy(again), source), real),
                "cycle_kl": self.cycle_kl_weight * divergence(again),
            }
            losses |= {f"{name}_{source}": value for name, value in terms.items()}
            losses[f"adversarial_{target}"] = self.fooling(self.score(target, fake))
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the base, of translations that nobody else sees."""
        with torch.no_grad():
            batch = self.with_fakes(batch)
        return super().discriminator_losses(batch)

    def translated(self, images: Tensor, source: str, target: str) -> Tensor:
        """With noise on the code."""
        return self.codec.decode(self.noisy(self.codec.encode(images, source)), target)

    def noisy(self, mean: Tensor) -> Tensor:
        """Codes drawn around their means, with variance 1."""
        return mean + self.noise.normal(*mean.shape, device=mean.device, dtype=mean.dtype)


def divergence(mean: Tensor) -> Tensor:
    """The mean square of ``(N, ...)`` codes: ``2 KL(N(mean, I) || N(0, I))`` for each number."""
    return mean.square().mean()

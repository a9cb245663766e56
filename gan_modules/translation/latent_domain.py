"""LatentDomainGAN: codes that do not tell their domain, because a third player looks at them.

Lample et al., "Fader Networks: Manipulating Images by Sliding Attributes", 2017, arXiv:1706.00409;
Royer et al., "XGAN", 2017, arXiv:1711.05139; Anoosheh et al., "ComboGAN", 2017, arXiv:1712.06909.
What changes from UNIT (``unit.py``): nothing pulls codes to a prior; their discriminator does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.domain_confusion import Fool, fooled, require_fool, told_apart
from gan_modules.engine import checks
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.codec import DomainCodec
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.translation.base import TranslationModule


class LatentDomainGAN(TranslationModule):
    """The latent game of arXiv:1706.00409 in a translator of two domains.

    Z minimises the cross entropy of the domain that a code comes from. The generator, encoders and
    decoders of both domains, minimises for each domain d and the other one o ``(D_d(x_od) - 1)^2 +
    r |x_dd - x_d|_1 + c |x_dod - x_d|_1 + s |E_o(x_do) - E_d(x_d)|_1``, where ``x_do`` is an image
    of d that was led to o and the last code is a constant, and what fools Z: see
    :func:`gan_modules.domain_confusion.fooled`. Z steps first, then D, then the generator; with
    ``reverse`` Z and the generator together. ``callbacks/metrics/latent_probe.py`` asks a fresh
    classifier whether the codes are free of the domain.

    Args:
        generator: encoders and decoders of the domains "a" and "b", and what they share.
        discriminator_a: images of domain a to scores.
        discriminator_b: images of domain b to scores.
        latent_discriminator: Z, codes to raw scores ``(N, 2)`` of the domains.
        fool: how the encoders play against it; flip is Fader's, reverse XGAN's.
        fool_weight: of that, when it has risen; Fader's, beside squared errors of weight 1.
        fool_ramp_steps: generator steps in which it rises in a line from 0; 1 is at once.
        self_weight: of the way from a domain to itself, r above.
        cycle_weight: of the way there and back, c above; 0 is off.
        semantic_weight: of the code of the translation, s above; 0 is off.
        objective: what the images are played for; None is least squares.
        pool_size: of fakes, see :class:`TranslationModule`.
        discriminator_weight: slows the discriminators of images down.
        latent_discriminator_lr: learning rate of Z.
        clip_norm: gradient norm limit of each player; None is off.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range.
    """

    directions = (("a", "b"), ("b", "a"))

    def __init__(
        self,
        generator: DomainCodec,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        latent_discriminator: nn.Module,
        fool: Fool = "flip",
        fool_weight: float = 1e-4,
        fool_ramp_steps: int = 500_000,
        self_weight: float = 10.0,
        cycle_weight: float = 10.0,
        semantic_weight: float = 1.0,
        objective: Objective | None = None,
        pool_size: int = 50,
        discriminator_weight: float = 0.5,
        latent_discriminator_lr: float = 2e-4,
        clip_norm: float | None = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"codec": generator},
            {"a": discriminator_a, "b": discriminator_b},
            objective or LeastSquares(scale=1.0),
            pool_size=pool_size,
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_networks(self, latent_discriminator=latent_discriminator)
        require_fool(self, fool, latent_discriminator)
        checks.check_not_negative(self, cycle_weight=cycle_weight, semantic_weight=semantic_weight)
        checks.check_positive(self, fool_weight=fool_weight, fool_ramp_steps=fool_ramp_steps)
        rates = {"latent_discriminator_lr": latent_discriminator_lr, "clip_norm": clip_norm}
        checks.check_positive(self, self_weight=self_weight, **rates)
        self.latent_discriminator, self.fool = latent_discriminator, fool
        self.latent_discriminator_lr, self.self_weight = latent_discriminator_lr, self_weight
        self.fool_weight, self.fool_ramp_steps = fool_weight, fool_ramp_steps
        self.cycle_weight, self.semantic_weight = cycle_weight, semantic_weight
        self.generator_clip_norm = self.discriminator_clip_norm = clip_norm
        self.latent_discriminator_clip_norm = clip_norm

    @property
    def codec(self) -> DomainCodec:
        """Encoders and decoders in training."""
        return self.generator["codec"]  # type: ignore[index]

    def route(self, networks: nn.Module, images: Tensor, source: str, target: str) -> Tensor:
        """Through the code."""
        return networks["codec"](images, source, target)  # type: ignore[index]

    def players(self) -> tuple[Player, ...]:
        """The latent discriminator beside the two sides."""
        return (self.player("latent_discriminator", self.latent_discriminator), *super().players())

    def schedule(self) -> tuple[Stage, ...]:
        """Z, D, G; with reversed gradients D, then Z and G at once."""
        if self.fool == "reverse":
            return (Stage((Turn("discriminator"), Turn(("latent_discriminator", "generator")))),)
        order = ("latent_discriminator", "discriminator", "generator")
        return (Stage(tuple(Turn(name) for name in order)),)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``code_a``, ``fake_b``, and ``again_a``, the code of that; and so on."""
        found = {**batch}
        for source, target in self.directions:
            code = found[f"code_{source}"] = self.codec.encode(batch[source], source)
            fake = found[f"fake_{target}"] = self.codec.decode(code, target)
            found[f"again_{source}"] = self.codec.encode(self.sent(fake), target)
        return found

    def latent_discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of the domains."""
        told, accuracy = told_apart(self.latent_discriminator, batch["code_a"], batch["code_b"])
        self.note("latent_discriminator/accuracy", accuracy)
        return {"domain": told}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What D says, the ways back to the image and to the code, and what fools Z."""
        losses = super().generator_losses(batch)
        for domain in self.domains:
            real, code, again = (batch[k + domain] for k in ("", "code_", "again_"))
            error = F.l1_loss(self.codec.decode(code, domain), real)
            losses[f"self_{domain}"] = self.self_weight * error
            if self.cycle_weight:
                error = F.l1_loss(self.codec.decode(again, domain), real)
                losses[f"cycle_{domain}"] = self.cycle_weight * error
            if self.semantic_weight:
                error = F.l1_loss(again, code.detach())
                losses[f"semantic_{domain}"] = self.semantic_weight * error
        weight = self.fool_weight * min(1.0, (self.steps["generator"] + 1) / self.fool_ramp_steps)
        game = self.latent_discriminator, batch["code_a"], batch["code_b"]
        return {**losses, "fool": fooled(*game, self.fool, weight)}

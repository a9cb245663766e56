"""StarGAN: one translator among any number of domains, which is told where to lead an image.

Choi, Choi, Kim, Ha, Kim, Choo, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain
Image-to-Image Translation", 2017, arXiv:1711.09020. What changes from CycleGAN: one network for all
directions, and a discriminator that also names the domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.attributes import Labels, attribute_loss, check_attributes, check_names
from gan_modules.engine import batch_checks, checks
from gan_modules.engine.permutation import permuted_rows
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty
from gan_modules.translation.base import TranslationModule


class StarGAN(TranslationModule):
    """Section 3 of arXiv:1711.09020, with the Wasserstein game of section 4.

    ``L_D = D(G(x, c')) - D(x) + penalty + k CE(C(x), c)``; ``L_G = -D(G(x, c')) + k CE(C(G(x, c')),
    c') + r |G(G(x, c'), c) - x|_1``; c' are the batch's labels, permuted over all ranks. Takes
    :class:`datamodules.batches.DomainImages`: those masked by ``attribute_mask`` do not count.

    Args:
        generator: images ``(N, C, H, W)`` and labels ``(N, K)`` to images.
        discriminator: images to scores; its ``scores_and_logits`` gives logits ``(N, K)`` as well.
        domains: names of the K attributes, in the order of the data.
        labels: of one domain each, ``"exclusive"``, or of any attributes, ``"independent"``: see
            :func:`gan_modules.attributes.attribute_loss`.
        class_weight: the paper's lambda_cls, k above.
        cycle_weight: its lambda_rec, r above.
        penalty_weight: its lambda_gp.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: learning rate of G.
        discriminator_lr: learning rate of D.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        domains: Sequence[str],
        labels: Labels = "exclusive",
        class_weight: float = 1.0,
        cycle_weight: float = 10.0,
        penalty_weight: float = 10.0,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"all": generator},
            {"all": discriminator},
            Wasserstein(),
            [GradientPenalty(penalty_weight)],
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            **kwargs,
        )
        checks.check_positive(self, class_weight=class_weight, cycle_weight=cycle_weight)
        checks.check_positive(self, discriminator_steps=discriminator_steps)
        self.domains, self.labels = check_names(self, domains, labels), labels
        self.class_weight, self.cycle_weight = class_weight, cycle_weight
        self.discriminator_steps = discriminator_steps

    def players(self) -> tuple[Player, ...]:
        """The discriminator's decay is stretched by its steps per G step."""
        steps = self.discriminator_steps
        of_d = self.player("discriminator", self.discriminator, steps_per_round=steps)
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """D on every batch, G on the last of ``discriminator_steps``."""
        every = self.discriminator_steps
        return (Stage((Turn("discriminator"), Turn("generator", every, (every - 1,)))),)

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """Every domain to every other."""
        return tuple(permutations(self.domains, 2))

    def route(self, networks: nn.Module, images: Tensor, source: str, target: str) -> Tensor:
        """Asks for the target's attribute alone; ``with_attributes`` asks for any."""
        wanted = torch.eye(len(self.domains)).to(images)[self.domains.index(target)]
        return self.led(networks, images, wanted.expand(len(images), -1))

    def led(self, networks: Any, images: Tensor, attributes: Tensor) -> Tensor:
        """Images with any attributes ``(N, K)``, by ``networks``: those of the generator."""
        return networks["all"](images, attributes)

    @torch.no_grad()
    def with_attributes(self, images: Tensor, attributes: Tensor) -> Tensor:
        """Images with any ``attributes`` ``(N, K)``, in eval mode, by the averaged translator."""
        with evaluating(self.sampler()) as networks:
            images = images.to(self.device, self.float_dtype)
            return self.led(networks, images, attributes.to(images))

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds what is known of the labels, and the labels to lead to; each side makes fakes."""
        own = batch["attributes"].to(batch["image"])
        mask = batch.get("attribute_mask", torch.ones_like(own)).to(own)
        wanted, its_mask = permuted_rows(torch.cat([own * mask, mask], 1), self.noise).chunk(2, 1)
        return {**batch, "own": own * mask, "mask": mask, "wanted": wanted, "its_mask": its_mask}

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, the penalties, and the names of real images."""
        real = batch["image"]
        judge: Any = self.discriminator["all"]
        with torch.no_grad():
            fake = self.pools["all"](self.led(self.generator, real, batch["wanted"]), self.noise)
        scores, logits = judge.scores_and_logits(real)
        losses = self.told_apart("all", scores, self.score("all", fake))
        named = attribute_loss(logits, batch["own"], batch["mask"], self.labels)
        return {**losses, **self.penalties("all", real, fake), "class": self.class_weight * named}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, the wanted names, and the way there and back."""
        real = batch["image"]
        judge: Any = self.discriminator["all"]
        fake = self.led(self.generator, real, batch["wanted"])
        scores, logits = judge.scores_and_logits(fake)
        named = attribute_loss(logits, batch["wanted"], batch["its_mask"], self.labels)
        back = F.l1_loss(self.led(self.generator, self.sent(fake), batch["own"]), real)
        losses = {"adversarial": self.fooling(scores), "class": self.class_weight * named}
        return {**losses, "cycle": self.cycle_weight * back}

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Images, and as many attributes as there are names."""
        batch_checks.check_domain(self, batch, "image")
        check_attributes(self, batch, len(self.domains))
        image, way = batch["image"][:1], self.directions[0]
        batch_checks.check_translation(self, image, image, self.translate(image, *way), *way)
        self.image_shapes = dict.fromkeys(self.domains, tuple(image.shape[1:]))

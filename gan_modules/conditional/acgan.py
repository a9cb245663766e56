"""ACGAN: D is not told the class, it has to name it; G is paid for images that it can name.

Odena, Olah, Shlens, "Conditional Image Synthesis with Auxiliary Classifier GANs", 2016,
arXiv:1610.09585. What changes from CGAN (``cgan.py``): D sees images alone and has a second output,
a classifier; both players raise the likelihood of the right class. A class may shrink to its most
certain images: watch the diversity of each class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.class_terms import accuracy, class_term, require_classes_of_both
from gan_modules.engine.checks import check_not_negative
from gan_modules.objectives import NonSaturating, Objective


class ACGAN(AdversarialModule):
    """Equations 2 and 3 of arXiv:1610.09585: ``L_S`` tells real from fake, ``L_C`` names the class.

    ``L_C = CE(C(x), y) + CE(C(G(z, y)), y)`` is minimised by D and by G alike; for G the first term
    is a constant and is left out.

    Args:
        generator: latents ``(N, latent_dim)`` and labels ``(N,)`` to images ``(N, C, H, W)`` in
            [-1, 1].
        discriminator: images to raw scores ``(N,)`` and class logits ``(N, K)``, such as
            :class:`~gan_modules.networks.auxiliary.ACDCGANDiscriminator`.
        objective: ``L_S``; None is the cross entropy, non-saturating for G.
        discriminator_class_weight: of ``L_C`` in D's loss; the paper's is 1.
        generator_class_weight: of ``L_C`` in G's loss; the paper's is 1.
        classify_fakes: D also learns to name fakes, as in the paper. Without it the classifier is
            one of real images alone, and fakes cannot pull it towards themselves.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: unless both networks have the same number of classes, or if a weight is
            negative.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective | None = None,
        discriminator_class_weight: float = 1.0,
        generator_class_weight: float = 1.0,
        classify_fakes: bool = True,
        **kwargs: Any,
    ) -> None:
        require_classes_of_both("ACGAN", generator, discriminator)
        super().__init__(generator, discriminator, objective or NonSaturating(), **kwargs)
        check_not_negative(
            self,
            discriminator_class_weight=discriminator_class_weight,
            generator_class_weight=generator_class_weight,
        )
        self.discriminator_class_weight = discriminator_class_weight
        self.generator_class_weight = generator_class_weight
        self.classify_fakes = classify_fakes

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw scores ``(N,)`` and class logits ``(N, K)`` of images as D is shown them."""
        scores, logits = self.networks.discriminator(self.shown(images))
        return scores, logits

    def score(self, images: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Raw scores ``(N,)``; D does without the label."""
        scores: Tensor = self.networks.discriminator(images)[0]
        return scores

    def smooth_score(self, condition: tuple[Tensor, ...] = ()) -> Callable[[Tensor], Tensor]:
        """Images to scores as penalties need it."""
        return lambda images: self.discriminator(self.shown(images))[0]

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``L_S``, the weighted cross entropies of real and generated images, and penalties."""
        real, condition = batch["image"], self.condition(batch)
        with torch.no_grad():
            fake = self.generate(len(real), condition)
        real_scores, real_logits = self.judge(real)
        fake_scores, fake_logits = self.judge(fake)
        losses = {"adversarial": self.told_apart(real_scores, fake_scores, len(real))}
        weight, (label,) = self.discriminator_class_weight, condition
        self.note("discriminator/real_accuracy", accuracy(real_logits, label))
        self.note("discriminator/fake_accuracy", accuracy(fake_logits, label))
        losses |= class_term("class_real", real_logits, label, weight)
        if self.classify_fakes:
            losses |= class_term("class_fake", fake_logits, label, weight)
        return {**losses, **self.penalties(self.smooth_score(), real, fake)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the weighted cross entropy of its images' classes."""
        condition = self.condition(batch)
        fake_scores, fake_logits = self.judge(self.generate(len(batch["image"]), condition))
        real_scores = self.judge(batch["image"])[0] if self.objective.compares else None
        losses = {"adversarial": self.objective.generator_loss(fake_scores, real_scores)}
        losses |= class_term("class", fake_logits, condition[0], self.generator_class_weight)
        return {**losses, **self.weight_penalties("generator", self.generator)}

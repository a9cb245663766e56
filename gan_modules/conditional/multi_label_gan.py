"""MultiLabelGAN: a classifier as the generator of label sets, so that its labels go together.

Tsai, Lee, "Adversarial Learning of Label Dependency: A Novel Framework for Multi-class
Classification", 2018, arXiv:1811.04689. What changes from CGAN (``cgan.py``): the image is the
condition and the label set is what is made; there is no latent, and no image to be sampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import torch
from torch import Tensor, nn

from gan_modules import label_sets
from gan_modules.engine import batch_checks, checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.matching import require_share
from gan_modules.networks.checks import require_choice


class MultiLabelGAN(GeneratorGame):
    """``L_F = BCE(F(x), y) + w adv``; D tells true label sets from guessed ones, given the image.

    Takes batches of :class:`datamodules.batches.LabelSets`. D sees the classifier's own features,
    as constants. True labels are 0 and 1 and guesses are not, which D would notice before anything
    about labels: see ``relax``. The idea is the paper's, the numbers are our own choice.

    Args:
        generator: the classifier F: images ``(N, C, H, W)`` to logits ``(N, K)``, written as
            ``head(features(x))``.
        discriminator: features and label sets ``(N, K)`` to raw scores ``(N,)``.
        adversarial_weight: w; 0.01 to 1 are worth a try.
        mismatch_weight: share, among D's wrong pairs, of true label sets of another image: the
            neighbour in the batch.
        relax: ``"gumbel"``: guesses are drawn, exactly 0 or 1; ``"noise"``: true labels are moved
            towards the middle; both play for the cross entropy. ``"none"``: as they are, for
            Wasserstein's distance with a gradient penalty between the two label sets.
        temperature: of ``"gumbel"``.
        pretraining_images: images on which F learns from the labels alone, first; 0 for none.
        generator_lr: Adam's rate for F.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`GeneratorGame`: decay, micro-batches, the averaged classifier.

    Raises:
        ValueError: if a number is out of range, or the networks do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        adversarial_weight: float = 0.1,
        mismatch_weight: float = 0.0,
        relax: label_sets.Relaxation = "gumbel",
        temperature: float = 1.0,
        pretraining_images: int = 0,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        **kwargs: Any,
    ) -> None:
        checks.check_networks(self, generator=generator, discriminator=discriminator)
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        require_choice("MultiLabelGAN", "relax", relax, get_args(label_sets.Relaxation))
        require_share("MultiLabelGAN", mismatch_weight)
        rates = {"generator_lr": generator_lr, "discriminator_lr": discriminator_lr}
        checks.check_positive(self, temperature=temperature, **rates)
        checks.check_not_negative(
            self, adversarial_weight=adversarial_weight, pretraining_images=pretraining_images
        )
        self.discriminator = discriminator
        self.adversarial_weight, self.mismatch_weight = adversarial_weight, mismatch_weight
        self.relax, self.temperature = relax, temperature
        self.pretraining_images = pretraining_images
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        self.objective, self.penalty = label_sets.game_of(relax)

    def players(self) -> tuple[Player, ...]:
        """The discriminator, and the classifier under the name of the generator."""
        of_d = self.player("discriminator", self.discriminator)
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """The classifier alone, if it is pretrained; then both, once each."""
        game = Stage((Turn("discriminator"), Turn("generator")))
        if not self.pretraining_images:
            return (game,)
        alone = (Turn("generator", phase="pretraining", counts=True),)
        return Stage(alone, images=self.pretraining_images, name="pretraining"), game

    def generator_pretraining_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The cross entropy of each label on its own."""
        return {"labels": label_sets.loss(self.generator(batch["image"]), batch["labels"])}

    def guessed(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``(N, F)``, logits ``(N, K)`` and the label sets that D is shown of them."""
        classifier: Any = self.generator
        features = classifier.features(images)
        logits = classifier.head(features)
        guess = label_sets.relaxed(logits, self.relax, self.temperature, self.noise)
        return features, logits, guess

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """That cross entropy, and the weighted adversarial term."""
        features, logits, guess = self.guessed(batch["image"])
        scores = self.discriminator(features.detach(), guess)
        adversarial = self.adversarial_weight * self.objective.generator_loss(scores)
        return {"labels": label_sets.loss(logits, batch["labels"]), "adversarial": adversarial}

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """True against guessed label sets, and against those of other images."""
        share = self.mismatch_weight
        with torch.no_grad():
            features, _, guess = self.guessed(batch["image"])
        true = label_sets.softened(batch["labels"], self.relax, self.noise)
        scores = self.discriminator(features, true), self.discriminator(features, guess)
        for kind, values in zip(("real", "fake"), scores, strict=True):
            self.note(f"discriminator/{kind}_score", values.mean())
        losses = {"adversarial": (1 - share) * self.objective.discriminator_loss(*scores)}
        if share:
            swapped = self.discriminator(features, true[label_sets.neighbours(len(true))])
            losses["mismatched"] = share * self.objective.discriminator_loss(scores[0], swapped)
        if self.penalty is not None:
            losses[self.penalty.name] = self.penalty.penalty(
                lambda labels: self.discriminator(features, labels), true, guess, self.noise
            )
        return losses

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` of each label, in eval mode, by the averaged classifier if any.

        Args:
            images: ``(N, C, H, W)`` in [-1, 1], on any device.
        """
        with evaluating(self.sampler()) as network:
            return torch.sigmoid(network(images.to(self.device, self.float_dtype)))

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """The image contract, and label sets of 0 and 1 as long as the classifier's."""
        batch_checks.check_domain(self, batch, "image")
        label_sets.check(batch, self.predict(batch["image"][:1]).shape[1])

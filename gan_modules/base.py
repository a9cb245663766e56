"""The base of the noise-to-image variants: who plays whom. A paper overrides what differs.

Read this file and the paper's own; ``engine/`` holds what runs underneath: the generator's side,
latents, average and sampling, is ``engine/latent_game.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.augmentations import Augmentation
from gan_modules.engine import checks
from gan_modules.engine.compile import CompileChoice, NetworkHandles
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.latent_game import LatentGame
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Objective
from gan_modules.regularizers import Regularizer


class AdversarialModule(LatentGame):
    """A generator against a discriminator, with any objective and regularizers.

    Takes batches of :class:`datamodules.batches.Images`. ``trainer.max_steps`` counts generator
    steps. A generator with ``num_classes`` above 0 is told the label of each real image of the
    batch for the fake beside it, and the discriminator is told it of both.

    Args:
        generator: latents ``(N, latent_dim)``, and labels ``(N,)`` if it has ``num_classes``, to
            images ``(N, C, H, W)`` in [-1, 1]; has the attribute ``latent_dim``.
        discriminator: images ``(N, C, H, W)``, and labels, to raw scores ``(N,)``.
        objective: what the two play for.
        regularizers: penalties and constraints of the two networks.
        augmentation: what real and fake images go through before the discriminator sees them.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: learning rate of G.
        discriminator_lr: learning rate of D.
        betas: Adam's beta1 and beta2, both players.
        generator_clip_norm: gradient norm limit of G; None is off.
        discriminator_clip_norm: gradient norm limit of D; None is off.
        compile: ``torch.compile`` for G, or for G and D (never where it is differentiated twice).
        **kwargs: see :class:`LatentGame`: decay, micro-batches, the averaged generator, latents.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        regularizers: list[Regularizer] | None = None,
        augmentation: Augmentation | None = None,
        discriminator_steps: int = 1,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        generator_clip_norm: float | None = None,
        discriminator_clip_norm: float | None = None,
        compile: CompileChoice = "off",
        **kwargs: Any,
    ) -> None:
        checks.check_networks(self, generator=generator, discriminator=discriminator)
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        self.regularizers = list(regularizers or [])
        checks.check_parts(self, discriminator, objective, self.regularizers, augmentation)
        checks.check_positive(
            self,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
        )
        self.discriminator, self.objective = discriminator, objective
        self.augmentation = augmentation
        self.discriminator_steps = discriminator_steps
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm
        self.discriminator_lr = discriminator_lr
        self.discriminator_clip_norm = discriminator_clip_norm
        self.networks = NetworkHandles(compile, generator, discriminator)

    # -- who plays, when, for what: what a paper overrides -----------------------------------------

    def players(self) -> tuple[Player, ...]:
        """The discriminator and the generator, each with its rate, decay and clipping."""
        steps = self.discriminator_steps
        of_d = self.player("discriminator", self.discriminator, steps_per_round=steps)
        checks.warn_of_momentum(self, self.regularizers, of_d.optimizer)
        return of_d, self.player("generator", self.generator)

    def schedule(self) -> tuple[Stage, ...]:
        """D in every round, G in the last of ``discriminator_steps`` rounds."""
        every = self.discriminator_steps
        turns = (Turn("discriminator"), Turn("generator", every=every, offsets=(every - 1,)))
        return (Stage(turns),)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of D's loss, weighted; their sum is minimised, each is logged."""
        real, condition = self.real(batch), self.condition(batch)
        with torch.no_grad():
            fake = self.generate(len(real), condition)
        real_scores = self.score(self.shown(real), condition)
        fake_scores = self.score(self.shown(fake), condition)
        adversarial = self.told_apart(real_scores, fake_scores, len(real))
        penalties = self.penalties(self.smooth_score(condition), real, fake)
        return {"adversarial": adversarial, **penalties}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of G's loss, weighted; their sum is minimised, each is logged."""
        condition = self.condition(batch)
        fake = self.generate(len(next(iter(batch.values()))), condition)
        fake_scores, real_scores = self.score(self.shown(fake), condition), None
        if self.objective.compares:
            real_scores = self.score(self.shown(self.real(batch)), condition)
        adversarial = self.objective.generator_loss(fake_scores, real_scores)
        return {"adversarial": adversarial, **self.weight_penalties("generator", self.generator)}

    # -- what the losses are made of ---------------------------------------------------------------

    def told_apart(self, real_scores: Tensor, fake_scores: Tensor, images: int) -> Tensor:
        """D's objective; notes both means, and lets the augmentation see how sure D is.

        Args:
            real_scores: of real images.
            fake_scores: of generated ones.
            images: how many real images ``real_scores`` judge.
        """
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        if self.augmentation is not None:
            self.augmentation.observe(real_scores, images)
        objective = self.objective.drawn(real_scores, self.noise)
        return objective.discriminator_loss(real_scores, fake_scores)

    def real(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the discriminator is shown as real: the images, unless a family has others."""
        return batch["image"]

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """``n`` fake images of this training step, from fresh latents."""
        return self.networks.generator(self.training_latents(n), *condition)

    def shown(self, images: Tensor) -> Tensor:
        """What the discriminator is shown of images ``(N, C, H, W)``: augmented, if anything is."""
        return images if self.augmentation is None else self.augmentation(images, self.noise)

    def score(self, images: Tensor, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Raw scores ``(N,)`` of images ``(N, C, H, W)``."""
        return self.networks.discriminator(images, *condition)

    def smooth_score(self, condition: tuple[Tensor, ...] = ()) -> Callable[[Tensor], Tensor]:
        """Images to scores as penalties need it: twice differentiable, augmentation inside."""
        return lambda images: self.discriminator(self.shown(images), *condition)

    def penalties(
        self, score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """The penalties due in this D step; a lazy one counts ``interval`` times when it is due."""
        terms = {}
        for regularizer in self._due("discriminator"):
            value = regularizer.penalty(score, real, fake, self.noise)
            if value is not None:
                terms[regularizer.name] = value * regularizer.interval
        return {**terms, **self.weight_penalties("discriminator", self.discriminator)}

    def weight_penalties(self, player: str, network: nn.Module) -> dict[str, Tensor]:
        """The penalties on a player's weights that are due in this step of it."""
        terms = {}
        for regularizer in self._due(player):
            value = regularizer.weight_penalty(network)
            if value is not None:
                terms[regularizer.name] = value * regularizer.interval
        return terms

    def _due(self, player: str) -> list[Regularizer]:
        step = self.steps[player]
        return [r for r in self.regularizers if r.player == player and step % r.interval == 0]

    def player_stepped(self, name: str) -> None:
        """Constraints such as weight clipping hold after each step; augmentation may adapt."""
        networks = {"discriminator": self.discriminator, "generator": self.generator}
        for regularizer in self.regularizers:
            if regularizer.player == name:
                regularizer.after_step(networks[name])
        if name == "discriminator" and self.augmentation is not None:
            self.augmentation.adapt()
            for key, value in self.augmentation.statistics().items():
                self.note(f"augmentation/{key}", value)

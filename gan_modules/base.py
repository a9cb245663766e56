"""The base of the noise-to-image variants: who plays whom. A paper overrides what differs.

Read this file and the paper's own; ``engine/`` holds what runs underneath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.engine import checks
from gan_modules.engine.compile import CompileChoice, NetworkHandles
from gan_modules.engine.ema import average_decay, averaged_copy, update_average
from gan_modules.engine.game import Game
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player, linear_decay
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Objective
from gan_modules.regularizers import Regularizer


class AdversarialModule(Game):
    """A generator against a discriminator, with any objective and regularizers.

    Takes batches of :class:`datamodules.batches.Images`. ``trainer.max_steps`` counts generator
    steps.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1]; has the
            attribute ``latent_dim``.
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``.
        objective: what the two play for.
        regularizers: penalties and constraints of the discriminator.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: learning rate of G.
        discriminator_lr: learning rate of D.
        betas: Adam's beta1 and beta2, both players.
        lr_decay: G steps between which both rates fall linearly to zero; None: constant rates.
        generator_clip_norm: gradient norm limit of G; None is off.
        discriminator_clip_norm: gradient norm limit of D; None is off.
        micro_batches: parts of a batch whose gradients are averaged, to save memory.
        ema_half_life_images: averages G; after so many images an old weight counts half. None: no
            average is kept.
        ema_rampup: the half-life is at most this share of the images seen; None is off.
        latent: N(0, 1) or U(-1, 1), each coordinate.
        compile: ``torch.compile`` for G, or for G and D (never where it is differentiated twice).

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        regularizers: list[Regularizer] | None = None,
        discriminator_steps: int = 1,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        lr_decay: tuple[int, int] | None = None,
        generator_clip_norm: float | None = None,
        discriminator_clip_norm: float | None = None,
        micro_batches: int = 1,
        ema_half_life_images: float | None = None,
        ema_rampup: float | None = 0.05,
        latent: Literal["normal", "uniform"] = "normal",
        compile: CompileChoice = "off",
    ) -> None:
        super().__init__()
        keep_plain_hyperparameters(self)
        self.regularizers = list(regularizers or [])
        checks.check_networks(self, generator, discriminator)
        checks.check_regularizers(self, discriminator, objective, self.regularizers)
        checks.check_positive(
            self,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            micro_batches=micro_batches,
            ema_half_life_images=ema_half_life_images,
            ema_rampup=ema_rampup,
        )
        checks.check_decay(self, lr_decay)
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self.latent_dim, self.latent = checks.latent_dim(self, generator), latent
        self.discriminator_steps, self.betas, self.lr_decay = discriminator_steps, betas, lr_decay
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm
        self.discriminator_lr = discriminator_lr
        self.discriminator_clip_norm = discriminator_clip_norm
        self.micro_batches = micro_batches
        self.ema_half_life_images, self.ema_rampup = ema_half_life_images, ema_rampup
        self.generator_ema = averaged_copy(generator) if ema_half_life_images else None
        self.networks = NetworkHandles(compile, generator, discriminator)

    # -- who plays, when, for what: what a paper overrides -----------------------------------------

    def players(self) -> tuple[Player, ...]:
        """The discriminator and the generator, each with its rate, decay and clipping."""
        return (
            self.player("discriminator", self.discriminator, self.discriminator_steps),
            self.player("generator", self.generator),
        )

    def schedule(self) -> tuple[Stage, ...]:
        """D in every round, G in the last of ``discriminator_steps`` rounds."""
        every = self.discriminator_steps
        turns = (Turn("discriminator"), Turn("generator", every=every, offsets=(every - 1,)))
        return (Stage(turns),)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of D's loss, weighted; their sum is minimised, each is logged."""
        real = batch["image"]
        with torch.no_grad():
            fake = self.generate(len(real))
        real_scores, fake_scores = self.score(real), self.score(fake)
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        adversarial = self.objective.discriminator_loss(real_scores, fake_scores)
        return {"adversarial": adversarial, **self.penalties(self.discriminator, real, fake)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of G's loss, weighted; their sum is minimised, each is logged."""
        fake_scores = self.score(self.generate(len(batch["image"])))
        return {"adversarial": self.objective.generator_loss(fake_scores)}

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """The optimizer of one player."""
        return Adam(parameters, lr=lr, betas=self.betas)

    # -- what the losses are made of ---------------------------------------------------------------

    def generate(self, n: int) -> Tensor:
        """``n`` fake images of this training step, from fresh latents."""
        return self.networks.generator(self.training_latents(n))

    def score(self, images: Tensor) -> Tensor:
        """Raw scores ``(N,)`` of images ``(N, C, H, W)``."""
        return self.networks.discriminator(images)

    def penalties(
        self, score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """The penalties due in this D step; a lazy one counts ``interval`` times when it is due."""
        terms = {}
        for regularizer in self.regularizers:
            if self.steps["discriminator"] % regularizer.interval == 0:
                value = regularizer.penalty(score, real, fake, self.noise)
                if value is not None:
                    terms[regularizer.name] = value * regularizer.interval
        return terms

    def training_latents(self, n: int) -> Tensor:
        """Latents ``(n, latent_dim)`` that do not depend on the number of ranks."""
        draw = self.noise.normal if self.latent == "normal" else self.noise.uniform
        z = draw(n, self.latent_dim, device=self.device, dtype=self.float_dtype)
        return z if self.latent == "normal" else 2.0 * z - 1.0

    def player(self, name: str, network: nn.Module, steps_per_round: int = 1) -> Player:
        """A player with this module's optimizer, ``<name>_lr``, decay and ``<name>_clip_norm``.

        Args:
            name: the key of its losses and statistics.
            network: what it moves; frozen parameters are left out.
            steps_per_round: its steps per G step, by which the decay is stretched.
        """
        trainable = [p for p in network.parameters() if p.requires_grad]
        optimizer = self.optimizer(trainable, getattr(self, f"{name}_lr"))
        decay = self.lr_decay and linear_decay(optimizer, self.lr_decay, steps_per_round)
        clip_norm = getattr(self, f"{name}_clip_norm")
        return Player(name, trainable, optimizer, decay, clip_norm, self.micro_batches)

    def player_stepped(self, name: str) -> None:
        """Constraints on D, such as weight clipping, hold after each of its steps."""
        if name == "discriminator":
            for regularizer in self.regularizers:
                regularizer.after_step(self.discriminator)

    def primary_stepped(self, images: int) -> None:
        """Average G over the images seen since its last step."""
        if self.generator_ema is not None:
            half_life = float(self.ema_half_life_images or 0)
            beta = average_decay(images, half_life, self.images_seen, self.ema_rampup)
            update_average(self.generator_ema, self.generator, beta)

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Range and shape of the first real batch, against G's output."""
        own = torch.Generator().manual_seed(0)
        checks.check_images(self, batch, self.sample(2, generator=own))

    # -- sampling: what callbacks and commands use -------------------------------------------------

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` images ``(n, C, H, W)`` in [-1, 1], from the averaged generator if there is one.

        Args:
            n: how many.
            generator: a CPU generator; given the same one, every rank draws the same images.
        """
        return self.decode(self.draw_latents(n, generator=generator))

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Latents ``(n, latent_dim)`` on this module's device, drawn on the CPU."""
        if self.latent == "normal":
            z = torch.randn(n, self.latent_dim, generator=generator)
        else:
            z = 2.0 * torch.rand(n, self.latent_dim, generator=generator) - 1.0
        return z.to(self.device, self.float_dtype)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` of latents ``(N, latent_dim)``, in eval mode."""
        with evaluating(self.sampler()) as network:
            return network(z)

    @contextmanager
    def unaveraged(self) -> Iterator[None]:
        """Inside, samples come from the generator itself."""
        average, self.generator_ema = self.generator_ema, None
        try:
            yield
        finally:
            self.generator_ema = average

    def sampler(self) -> nn.Module:
        """The network that samples are drawn from: the averaged generator, or the generator."""
        return self.generator if self.generator_ema is None else self.generator_ema

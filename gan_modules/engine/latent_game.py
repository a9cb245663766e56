"""A game around one generator: its latents, its average, and how samples are drawn from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.engine import checks
from gan_modules.engine.ema import average_decay, averaged_copy, update_average
from gan_modules.engine.game import Game
from gan_modules.engine.player import Player, linear_decay
from gan_modules.engine.sampling import evaluating
from gan_modules.latents import truncated_normal


class LatentGame(Game):
    """What every module has that draws from a generator: GANs, autoencoders, flows.

    A generator with the attribute ``num_classes`` above 0 is class-conditional: it is called with
    latents and labels, and batches must have ``label``.

    Args:
        generator: latents ``(N, latent_dim)``, and labels ``(N,)`` if it has ``num_classes``, to
            images ``(N, C, H, W)`` in [-1, 1]; has the attribute ``latent_dim``.
        betas: Adam's beta1 and beta2, all players.
        lr_decay: G steps between which all rates fall linearly to zero; None: constant rates.
        micro_batches: parts of a batch whose gradients are averaged, to save memory.
        ema_half_life_images: averages G; after so many images an old weight counts half. None: no
            average is kept.
        ema_rampup: the half-life is at most this share of the images seen; None is off.
        latent: N(0, 1) or U(-1, 1), each coordinate.

    Raises:
        ValueError: if a number is out of range, or the generator is no network of latents.
    """

    def __init__(
        self,
        generator: nn.Module,
        betas: tuple[float, float],
        lr_decay: tuple[int, int] | None = None,
        micro_batches: int = 1,
        ema_half_life_images: float | None = None,
        ema_rampup: float | None = 0.05,
        latent: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__()
        checks.check_networks(self, generator=generator)
        checks.check_positive(
            self,
            micro_batches=micro_batches,
            ema_half_life_images=ema_half_life_images,
            ema_rampup=ema_rampup,
        )
        checks.check_decay(self, lr_decay)
        self.generator = generator
        self.latent_dim, self.latent = checks.latent_dim(self, generator), latent
        self.betas, self.lr_decay, self.micro_batches = betas, lr_decay, micro_batches
        self.ema_half_life_images, self.ema_rampup = ema_half_life_images, ema_rampup
        self.generator_ema = averaged_copy(generator) if ema_half_life_images else None

    # -- players -----------------------------------------------------------------------------------

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """The optimizer of one player."""
        return Adam(parameters, lr=lr, betas=self.betas)

    def player(self, name: str, *networks: nn.Module, steps_per_round: int = 1) -> Player:
        """A player with this module's optimizer, ``<name>_lr``, decay and ``<name>_clip_norm``.

        Args:
            name: the key of its losses and statistics.
            *networks: what it moves; frozen parameters are left out.
            steps_per_round: its steps per G step, by which the decay is stretched.
        """
        trainable = [p for network in networks for p in network.parameters() if p.requires_grad]
        optimizer = self.optimizer(trainable, getattr(self, f"{name}_lr"))
        decay = self.lr_decay and linear_decay(optimizer, self.lr_decay, steps_per_round)
        clip_norm = getattr(self, f"{name}_clip_norm", None)
        return Player(name, trainable, optimizer, decay, clip_norm, self.micro_batches)

    def primary_stepped(self, images: int) -> None:
        """Average G over the images seen since its last step."""
        if self.generator_ema is not None:
            half_life = float(self.ema_half_life_images or 0)
            beta = average_decay(images, half_life, self.images_seen, self.ema_rampup)
            update_average(self.generator_ema, self.generator, beta)

    # -- what the losses are made of ---------------------------------------------------------------

    def training_latents(self, n: int) -> Tensor:
        """Latents ``(n, latent_dim)`` that do not depend on the number of ranks."""
        draw = self.noise.normal if self.latent == "normal" else self.noise.uniform
        z = draw(n, self.latent_dim, device=self.device, dtype=self.float_dtype)
        return z if self.latent == "normal" else 2.0 * z - 1.0

    @property
    def num_classes(self) -> int:
        """How many classes can be asked for; 0: the generator takes latents alone."""
        return int(getattr(self.generator, "num_classes", 0) or 0)

    def condition(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What the networks are told beside latents and images: the labels, or nothing."""
        return (batch["label"],) if self.num_classes else ()

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Range and shape of the first real batch against G's output, and its labels."""
        checks.check_labels(self, batch, self.num_classes)
        own = torch.Generator().manual_seed(0)
        checks.check_images(self, batch, self.sample(2, generator=own))

    # -- sampling: what callbacks and commands use -------------------------------------------------

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``n`` images ``(n, C, H, W)`` in [-1, 1], from the averaged generator if there is one.

        Args:
            n: how many.
            labels: ``(n,)`` classes to draw, where there are classes; None: each in turn.
            generator: a CPU generator; given the same one, every rank draws the same images.
        """
        return self.decode(self.draw_latents(n, generator=generator), labels)

    def draw_latents(
        self,
        n: int,
        *,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Latents ``(n, latent_dim)`` on this module's device, drawn on the CPU.

        Args:
            n: how many.
            generator: a CPU generator.
            truncation: normal latents are redrawn where they are further from 0 than this; see
                :func:`gan_modules.latents.truncated_normal`. None: as they come.

        Raises:
            ValueError: for a truncation below 0, or of uniform latents.
        """
        if truncation is not None:
            if self.latent != "normal":
                raise ValueError(
                    f"{type(self).__name__}: truncation must be None for uniform latents, got "
                    f"{truncation}; they are bounded already, train with latent: normal"
                )
            z = truncated_normal(n, self.latent_dim, truncation, generator)
        elif self.latent == "normal":
            z = torch.randn(n, self.latent_dim, generator=generator)
        else:
            z = 2.0 * torch.rand(n, self.latent_dim, generator=generator) - 1.0
        return z.to(self.device, self.float_dtype)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` of latents ``(N, latent_dim)``, in eval mode.

        Args:
            z: from :meth:`draw_latents`, or anywhere near.
            labels: ``(N,)`` where there are classes; None: each in turn.
        """
        with evaluating(self.sampler()) as network:
            if not self.num_classes:
                return network(z)
            if labels is None:
                labels = torch.arange(len(z)) % self.num_classes
            return network(z, labels.to(z.device))

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

"""A game around a generator of latents: what it is fed, and how samples are drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.sampling import evaluating
from gan_modules.latents import truncated_normal


class LatentGame(GeneratorGame):
    """What every module has that draws from a generator: GANs, autoencoders, flows.

    A generator with the attribute ``num_classes`` above 0 is class-conditional: it is called with
    latents and labels, and batches must have ``label``. A game whose generator is told something
    else overrides :meth:`condition` and :meth:`condition_in_turn`.

    Args:
        generator: latents ``(N, latent_dim)``, and labels ``(N,)`` if it has ``num_classes``, to
            images ``(N, C, H, W)`` in [-1, 1]; has the attribute ``latent_dim``.
        betas: see :class:`GeneratorGame`, also for the four below.
        lr_decay: of all rates.
        micro_batches: of a batch.
        ema_half_life_images: of the averaged generator.
        ema_rampup: of its half-life.
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
        super().__init__(
            generator, betas, lr_decay, micro_batches, ema_half_life_images, ema_rampup
        )
        self.latent_dim, self.latent = checks.latent_dim(self, generator), latent

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

    def condition_in_turn(self, indices: Tensor) -> tuple[Tensor, ...]:
        """What the generator is told for samples that nobody asked for: each class in turn.

        Args:
            indices: ``(N,)`` numbers of the samples, so that a sample is the same whoever draws it.

        Returns:
            As :meth:`condition`: one tensor of N rows, or nothing.
        """
        return (indices % self.num_classes,) if self.num_classes else ()

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Range and shape of the first real batch against G's output, and its labels."""
        batch_checks.check_labels(self, batch, self.num_classes)
        own = torch.Generator().manual_seed(0)
        batch_checks.check_images(self, batch, self.sample(2, generator=own))

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
            labels: what the generator is told beside them: ``(N,)`` where there are classes, N rows
                of what :meth:`condition` gives elsewhere; None: each in turn.
        """
        told = self.condition_in_turn(torch.arange(len(z))) if labels is None else (labels,)
        with evaluating(self.sampler()) as network:
            return network(z, *(rows.to(z.device) for rows in told))

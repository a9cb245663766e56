"""Progressive GAN: both networks grow, from 4x4 pixels to the full size, one doubling at a time.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017,
arXiv:1710.10196. What changes from WGAN-GP (``wgan_gp.py``): networks that grow by a plan, the real
images fading with them; a drift penalty; one D step per G step; an averaged generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gan_modules.base import AdversarialModule
from gan_modules.engine.schedule import Stage
from gan_modules.growth import Growth, forget_moments, require_growing
from gan_modules.networks.growing import Growing, faded
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import Drift, GradientPenalty


class ProgressiveGAN(AdversarialModule):
    """Section 2 and appendix A.1 of arXiv:1710.10196, with its defaults.

    One thing differs: the batch size is the data module's at all resolutions, where the paper
    lowers it as images grow. The networks are built at full size and used up to a level that is a
    function of the real images seen; samples always have the full size.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, S, S)``, at a level; see
            :class:`gan_modules.networks.growing.Growing`.
        discriminator: images ``(N, C, S, S)`` to raw scores ``(N,)``, at a level.
        start_size: height and width of the first images, in pixels.
        stable_images: real images, over all ranks, for which each size is trained.
        fade_images: real images during which the next size fades in.
        penalty_weight: the paper's lambda.
        penalty_target: the slope of D that costs nothing, the paper's gamma; 750 for CIFAR-10.
        drift_weight: the paper's epsilon_drift.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
        ema_half_life_images: of the averaged generator; the paper's decay of 0.999 per step of 16
            images.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if a network does not grow, their sizes differ, or a number is out of range.
    """

    generator: Growing
    discriminator: Growing

    def __init__(
        self,
        generator: Growing,
        discriminator: Growing,
        start_size: int = 4,
        stable_images: int = 800_000,
        fade_images: int = 800_000,
        penalty_weight: float = 10.0,
        penalty_target: float = 1.0,
        drift_weight: float = 1e-3,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        ema_half_life_images: float | None = 11_000.0,
        **kwargs: Any,
    ) -> None:
        compiled = kwargs.get("compile", "off")
        size = require_growing(
            "ProgressiveGAN", compiled, generator=generator, discriminator=discriminator
        )
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [GradientPenalty(penalty_weight, penalty_target), Drift(drift_weight)],
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            ema_half_life_images=ema_half_life_images,
            **kwargs,
        )
        self.growth = Growth(size, start_size, stable_images, fade_images)
        self.growth.set_level(self)

    def schedule(self) -> tuple[Stage, ...]:
        """The game at 4 px, then for each larger size a stage of fading in and one at that size."""
        return self.growth.stages(super().schedule()[0].turns)

    def on_train_batch_start(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """All networks take the level of this position in the schedule."""
        level = self.growth.set_level(self)
        self.note("growth/level", torch.full((), level, device=self.device))

    def stage_began(self, stage: Stage) -> None:
        """A resolution begins to fade in, or has faded in: Adam begins anew."""
        forget_moments(self)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """D sees real images no finer than fakes can be at this level."""
        real = faded(batch["image"], self.generator.level)
        return super().discriminator_losses({**batch, "image": real})

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, S, S)`` in [-1, 1]: G's output is linear, and is clipped here."""
        return super().decode(z, labels).clamp(-1.0, 1.0)

"""StyleGAN: the latent becomes a style that every layer reads, and noise makes what is random.

Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks",
2018, arXiv:1812.04948. What changes from Progressive GAN (``progressive_gan.py``): the generator,
which also mixes two styles in an image, the non-saturating objective with R1, and a start at 8 px.
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
from gan_modules.networks.style import StyleGenerator, require_styles
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import R1


class StyleGAN(AdversarialModule):
    """Table 1, row F of arXiv:1812.04948, with the numbers of the authors' code.

    Two things differ: the batch size is the data module's at all resolutions, and so are the
    rates, which the authors raise to 1.5e-3 at 128 px, 2e-3 at 256 px and 3e-3 above.

    Args:
        generator: latents to images through styles, at a level; see
            :class:`gan_modules.networks.stylegan.StyleGANGenerator`.
        discriminator: images ``(N, C, S, S)`` to raw scores ``(N,)``, at a level.
        start_size: height and width of the first images, in pixels.
        stable_images: real images, over all ranks, for which each size is trained.
        fade_images: real images during which the next size fades in.
        gamma: weight of R1.
        mixing_probability: share of the images of two styles in training.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
        ema_half_life_images: of the averaged generator.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if the generator has no styles, a network does not grow, their sizes differ, or
            a number is out of range.
    """

    generator: StyleGenerator
    discriminator: Growing

    def __init__(
        self,
        generator: StyleGenerator,
        discriminator: Growing,
        start_size: int = 8,
        stable_images: int = 600_000,
        fade_images: int = 600_000,
        gamma: float = 10.0,
        mixing_probability: float = 0.9,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        ema_half_life_images: float | None = 10_000.0,
        **kwargs: Any,
    ) -> None:
        require_styles("StyleGAN", generator, mixing_probability)
        size = require_growing(
            "StyleGAN",
            kwargs.get("compile", "off"),
            synthesis=generator.synthesis,
            discriminator=discriminator,
        )
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            [R1(gamma)],
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            ema_half_life_images=ema_half_life_images,
            **kwargs,
        )
        self.mixing_probability = mixing_probability
        self.growth = Growth(size, start_size, stable_images, fade_images)
        self.growth.set_level(self)

    def schedule(self) -> tuple[Stage, ...]:
        """The game at 8 px, then for each larger size a stage of fading in and one at that size."""
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
        real = faded(batch["image"], self.discriminator.level)
        return super().discriminator_losses({**batch, "image": real})

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """``n`` fake images, with fresh noise in all layers, and of two styles each or one."""
        z, other = self.training_latents(n), self.training_latents(n)
        drawn = self.generator.randomness(other, self.noise, self.mixing_probability)
        return self.networks.generator(z, *drawn)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, S, S)`` in [-1, 1]: G's output is linear, and is clipped here."""
        return super().decode(z, labels).clamp(-1.0, 1.0)

"""StyleGAN2: styles scale weights instead of maps, and equal steps in w move images equally far.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
StyleGAN", 2019, arXiv:1912.04958. What changes from StyleGAN (``stylegan.py``): demodulation
instead of AdaIN, skip and residual networks instead of growth, the path length penalty, and both
penalties in steps of their own, every few rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_modules.base import AdversarialModule
from gan_modules.engine import checks
from gan_modules.engine.player import lazily
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.checks import require_positive
from gan_modules.networks.style import StyleGenerator, require_styles
from gan_modules.objectives import NonSaturating
from gan_modules.path_length import MEAN_DECAY, path_lengths
from gan_modules.regularizers import R1


class StyleGAN2(AdversarialModule):
    """Configuration F of arXiv:1912.04958, with the rates of the authors' PyTorch code.

    In each round the generator steps, in every fourth once more on its penalty, then the
    discriminator likewise. A step on a penalty alone leaves parameters that it does not reach as
    they are: they have no gradient, and Adam passes over them.

    Args:
        generator: latents to images through styles; see :class:`StyleGenerator`.
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``.
        gamma: weight of R1; the authors also take 0.0002 times the pixels over the batch size.
        r1_interval: rounds from one R1 step to the next.
        path_length_weight: of the path length penalty; None leaves it out, as the authors do for
            CIFAR-10.
        path_length_interval: rounds from one path length step to the next; it looks at half a
            batch, rounded down.
        mixing_probability: share of the images of two styles in training.
        generator_lr: Adam's alpha for G, before the correction for its penalty's steps.
        discriminator_lr: Adam's alpha for D, likewise.
        betas: Adam's beta1 and beta2, likewise.
        ema_half_life_images: of the averaged generator.
        **kwargs: see :class:`AdversarialModule`.

    Attributes:
        path_length_mean: the mean of all path lengths so far, over all ranks; decaying.

    Raises:
        ValueError: if the generator has no styles, or a number is out of range.
    """

    generator: StyleGenerator
    path_length_mean: Tensor

    def __init__(
        self,
        generator: StyleGenerator,
        discriminator: nn.Module,
        gamma: float = 10.0,
        r1_interval: int = 16,
        path_length_weight: float | None = 2.0,
        path_length_interval: int = 4,
        mixing_probability: float = 0.9,
        generator_lr: float = 2.5e-3,
        discriminator_lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.0, 0.99),
        ema_half_life_images: float | None = 10_000.0,
        **kwargs: Any,
    ) -> None:
        require_styles("StyleGAN2", generator, mixing_probability)
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            ema_half_life_images=ema_half_life_images,
            **kwargs,
        )
        checks.refuse_batch_norm(self, discriminator, "R1")
        checks.check_positive(self, path_length_weight=path_length_weight)
        require_positive(
            "StyleGAN2", r1_interval=r1_interval, path_length_interval=path_length_interval
        )
        self.r1, self.r1_interval = R1(gamma), r1_interval
        self.path_length_weight = path_length_weight
        self.path_length_interval = path_length_interval
        self.mixing_probability = mixing_probability
        self.register_buffer("path_length_mean", torch.zeros(()))

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """Adam, slowed down as much as the steps on the player's penalty add."""
        interval: int | None = self.r1_interval
        if any(parameters[0] is own for own in self.generator.parameters()):
            interval = self.path_length_interval if self.path_length_weight else None
        lr, betas = lazily(lr, self.betas, interval) if interval else (lr, self.betas)
        return Adam(parameters, lr=lr, betas=betas)

    def schedule(self) -> tuple[Stage, ...]:
        """The authors' order: G, its penalty, D, its penalty."""
        of_lengths = Turn("generator", every=self.path_length_interval, phase="path_length")
        of_r1 = Turn("discriminator", every=self.r1_interval, phase="r1")
        of_generator = (of_lengths,) if self.path_length_weight else ()
        return (Stage((Turn("generator"), *of_generator, Turn("discriminator"), of_r1)),)

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """``n`` fake images, with fresh noise in all layers, and of two styles each or one."""
        return self.networks.generator(*self._inputs(n))

    def _inputs(self, n: int) -> tuple[Any, ...]:
        z, other = self.training_latents(n), self.training_latents(n)
        return z, *self.generator.randomness(other, self.noise, self.mixing_probability)

    def generator_path_length_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Squared distances of path lengths to their mean so far, a constant."""
        z, other, cutoffs, maps = self._inputs(max(1, len(batch["image"]) // 2))
        with fp32_island(self.device.type):
            ws = self.generator.styles(z, other, cutoffs)
            images = self.generator.synthesis(ws, maps)
            shape = images.shape[1:]
            y = self.noise.normal(len(z), *shape, device=z.device, dtype=self.float_dtype)
            lengths = path_lengths(images, ws, y)
        mean = mean_over_ranks(lengths.detach().mean())
        self.path_length_mean.lerp_(mean, MEAN_DECAY)
        self.note("generator/path_length/length", mean)
        penalty = (lengths - self.path_length_mean).square().mean()
        weight = self.path_length_interval * (self.path_length_weight or 0.0)
        return {"path_length": weight * penalty}

    def discriminator_r1_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """R1, as often stronger as it is rarer."""
        real, condition = batch["image"], self.condition(batch)
        penalty = self.r1.penalty(self.smooth_score(condition), real, real, self.noise)
        return {"r1": self.r1_interval * penalty}

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, S, S)`` in [-1, 1]: G's output is linear, and is clipped here."""
        return super().decode(z, labels).clamp(-1.0, 1.0)

"""Normalizing flow: a generator that is a bijection, trained by the exact likelihood of the data.

Kingma, Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039,
which extends Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP", 2016,
arXiv:1605.08803. What changes from a GAN (``unconditional/gan.py``): nobody plays against the
generator; its own inverse says how likely each image is, so it cannot leave out a mode unpunished.
"""

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from gan_modules.autoencoding.base import AutoencodingModule
from gan_modules.dequantization import bits_of_density, images_of_levels, spread_levels
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.flow import FlowGenerator


class NormalizingFlow(AutoencodingModule):
    """Maximum likelihood as in arXiv:1807.03039, with its defaults.

    Likelihoods are of whole levels: images are rounded to them and spread by uniform noise in each
    step, so leave ``data.init_args.dequantize`` off. The first batch sets the activation
    normalisations. Precision is full throughout, since a likelihood sums thousands of terms.

    Args:
        generator: a flow, latents ``(N, C * H * W)`` to images ``(N, C, H, W)`` and back.
        bits: of a number in an image: 8, or fewer, as the paper takes for its largest images;
            samples and reconstructions then have that many.
        temperature: std of the latents that samples are drawn from; below 1 for likelier images.
        generator_lr: Adam's alpha.
        betas: Adam's beta1 and beta2.
        warmup_steps: over which the rate rises linearly; the authors' code takes 10 epochs.
        generator_clip_norm: gradient norm limit; None is off.
        **kwargs: see :class:`LatentGame`: decay, micro-batches, the averaged generator.

    Raises:
        ValueError: if the generator is no flow, or a number is out of range.
    """

    def __init__(
        self,
        generator: nn.Module,
        bits: int = 8,
        temperature: float = 1.0,
        generator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        warmup_steps: int = 1000,
        generator_clip_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, betas, latent="normal", **kwargs)
        keep_plain_hyperparameters(self)
        if not isinstance(generator, FlowGenerator):
            raise ValueError(
                "NormalizingFlow: generator must be a flow, which can be run backwards, got "
                f"{type(generator).__name__}; take gan_modules.networks.flow.FlowGenerator"
            )
        if bits not in range(1, 9):
            raise ValueError(
                f"NormalizingFlow: bits must lie in 1..8, got {bits}; 8 keeps all levels"
            )
        checks.check_positive(
            self, temperature=temperature, generator_lr=generator_lr, warmup_steps=warmup_steps
        )
        self.bits, self.temperature = bits, temperature
        self.generator_lr, self.warmup_steps = generator_lr, warmup_steps
        self.generator_clip_norm = generator_clip_norm

    def players(self) -> tuple[Player, ...]:
        """The flow alone."""
        parameters = list(self.generator.parameters())
        optimizer = self.optimizer(parameters, self.generator_lr)
        rate = warmup(optimizer, self.warmup_steps, self.lr_decay)
        clip_norm, parts = self.generator_clip_norm, self.micro_batches
        return (Player("generator", parameters, optimizer, rate, clip_norm, parts),)

    def schedule(self) -> tuple[Stage, ...]:
        """The flow in every round."""
        return (Stage((Turn("generator"),), name="likelihood"),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bits per number, of levels spread anew in each step."""
        images, flow = batch["image"], cast(FlowGenerator, self.generator)
        noise = self.noise.uniform(*images.shape, device=images.device, dtype=images.dtype)
        spread = spread_levels(images, self.bits, noise)
        if not self.steps.get("generator") and not flow.initialized:
            with fp32_island(self.device.type):
                flow.initialize(spread)
            if self.generator_ema is not None:
                self.generator_ema.load_state_dict(flow.state_dict())
        return {"bits_per_dim": self._bits(flow, spread).mean()}

    @torch.no_grad()
    def bits_per_dim(self, images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """An upper bound ``(N,)`` on what images ``(N, C, H, W)`` cost, such as held-out ones.

        Args:
            images: in [-1, 1].
            generator: a CPU generator of the noise that spreads the levels; None: the same noise at
                each call.
        """
        own = torch.Generator().manual_seed(0) if generator is None else generator
        noise = torch.rand(images.shape, generator=own).to(images)
        with evaluating(self.sampler()) as network:
            return self._bits(network, spread_levels(images, self.bits, noise))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """The latents of the middle of each level; :meth:`reconstruct` gives the images back."""
        with evaluating(self.sampler()) as network:
            return cast(FlowGenerator, network).inverse(spread_levels(images, self.bits))[0]

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` in [-1, 1] of latents ``(N, latent_dim)``, on whole levels."""
        return images_of_levels(super().decode(z, labels), self.bits)

    def draw_latents(self, n: int, **options: Any) -> Tensor:
        """Latents ``(n, latent_dim)`` of this temperature; see :class:`LatentGame`."""
        return self.temperature * super().draw_latents(n, **options)

    def _bits(self, network: nn.Module, spread: Tensor) -> Tensor:
        with fp32_island(self.device.type):
            z, log_det = cast(FlowGenerator, network).inverse(spread)
        log_normal = -0.5 * (z.square() + math.log(2.0 * math.pi)).sum(dim=1)
        return bits_of_density(log_normal + log_det, self.latent_dim, self.bits)


def warmup(optimizer: Optimizer, steps: int, decay: tuple[int, int] | None = None) -> LRScheduler:
    """A rate that rises over ``steps`` steps, and falls linearly over those of ``decay``."""

    def share(step: int) -> float:
        start, end = decay or (math.inf, math.inf)
        left = 1.0 if step <= start else max(0.0, (end - step) / (end - start))
        return left * min(1.0, (step + 1) / steps)

    return LambdaLR(optimizer, share)

"""R3GAN: a relativistic loss with R1 and R2 needs no other trick, so the network may be modern.

Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline",
2025, arXiv:2501.05441. What changes from the GAN of 2014 (``gan.py``): D tells which of a pair is
real, and is flattened at real and at generated samples in every step, with which the game converges
locally (section 2); what StyleGAN added to G is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.augmentations import AdaptiveAugmentation
from gan_modules.base import AdversarialModule
from gan_modules.burn_in import BurnIn
from gan_modules.engine.ema import average_decay, update_average
from gan_modules.engine.player import Player
from gan_modules.regularizers import R1, R2
from gan_modules.relativistic import RelativisticPairing


class R3GAN(AdversarialModule):
    """Sections 2 and 3 of arXiv:2501.05441, with the authors' settings for CIFAR-10.

    Rates, gamma, beta2, the average's half-life and the augmentation follow one half-cosine over
    the images seen and stay where it ends. Pairs are the values before and after it.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` around [-1, 1], to which
            samples are clamped; see ``networks/r3gan.py``.
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``; no BatchNorm.
        gamma: weight of R1 and of R2, the paper's gamma. Its values for FFHQ are 2 and 0.2 at 64
            px, 150 and 15 at 256 px.
        generator_lr: Adam's alpha for G before the burn-in.
        discriminator_lr: Adam's alpha for D before the burn-in.
        final_lr_share: what is left of both rates after it.
        betas: Adam's beta1, and beta2 before the burn-in, both players.
        final_beta2: beta2 after it.
        ema_half_life_images: of the average after the burn-in; before, G itself is the average.
            None: no average is kept.
        ema_rampup: see :class:`LatentGame`; off, as the half-life ramps up by itself.
        augmentation: what D is shown, with ``target: null``: its probability follows the burn-in.
        augmentation_probability: of each transform, if there is an augmentation.
        burn_in_images: length of the half-cosine.
        **kwargs: see :class:`AdversarialModule`; there is no ``lr_decay`` beside the burn-in.

    Raises:
        ValueError: if a number is out of range, or the augmentation is another one.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        gamma: tuple[float, float] = (0.05, 0.005),
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        final_lr_share: float = 0.25,
        betas: tuple[float, float] = (0.0, 0.9),
        final_beta2: float = 0.99,
        ema_half_life_images: float | None = 5e6,
        ema_rampup: float | None = None,
        augmentation: AdaptiveAugmentation | None = None,
        augmentation_probability: tuple[float, float] = (0.0, 0.55),
        burn_in_images: float = 20e6,
        **kwargs: Any,
    ) -> None:
        def settling(name: str, values: tuple[float, float]) -> BurnIn:
            return BurnIn(f"{type(self).__name__}: {name}", values, burn_in_images)

        of_gamma = settling("gamma", gamma)
        if augmentation is not None and not isinstance(augmentation, AdaptiveAugmentation):
            raise ValueError(
                "R3GAN: augmentation must have a probability for the burn-in to move, got "
                f"{type(augmentation).__name__}; use AdaptiveAugmentation with target: null"
            )
        super().__init__(
            generator,
            discriminator,
            RelativisticPairing(),
            [R1(of_gamma.start), R2(of_gamma.start)],
            augmentation,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            ema_half_life_images=ema_half_life_images,
            ema_rampup=ema_rampup,
            **kwargs,
        )
        if self.lr_decay is not None:
            raise ValueError(
                f"R3GAN: lr_decay must be null, got {list(self.lr_decay)}, for the burn-in moves "
                "the rates; set final_lr_share"
            )
        self.gamma, self.beta2 = of_gamma, settling("final_beta2", (betas[1], final_beta2))
        self.lr_share = settling("final_lr_share", (1.0, final_lr_share))
        self.half_life = settling("ema_half_life_images", (0.0, ema_half_life_images or 0.0))
        self.probability = settling("augmentation_probability", augmentation_probability)

    def player(self, name: str, *networks: nn.Module, steps_per_round: float = 1) -> Player:
        """As in the base; the rate before the burn-in stays with the optimizer."""
        player = super().player(name, *networks, steps_per_round=steps_per_round)
        for group in player.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return player

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """One round under the settings that belong to the images seen so far."""
        assert self.referee is not None
        seen = self.images_seen
        for player in self.referee.players.values():
            for group in player.optimizer.param_groups:
                # Relative to what is stored there, which a rollback may have lowered.
                group["lr"] = group["initial_lr"] * self.lr_share.at(seen)
                if "betas" in group:
                    group["betas"] = (group["betas"][0], self.beta2.at(seen))
        if isinstance(self.augmentation, AdaptiveAugmentation):
            self.augmentation.probability = self.probability.at(seen)
        self.note("burn_in/gamma", torch.full((), self.gamma.at(seen), device=self.device))
        self.note("burn_in/lr_share", torch.full((), self.lr_share.at(seen), device=self.device))
        super().training_step(batch, batch_idx)

    def penalties(
        self, score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """R1 and R2 at the gamma of this round: the regularizers hold the first one."""
        share = self.gamma.at(self.images_seen) / self.gamma.start
        terms = super().penalties(score, real, fake)
        return {
            name: value * share if name in ("r1", "r2") else value for name, value in terms.items()
        }

    def primary_stepped(self, images: int) -> None:
        """Average G at the half-life of the round that ends."""
        if self.generator_ema is not None:
            half_life = self.half_life.at(self.images_seen - images)
            beta = average_decay(images, half_life, self.images_seen, self.ema_rampup)
            update_average(self.generator_ema, self.generator, beta)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """As in the base, clamped to [-1, 1]: G ends in a plain convolution."""
        return super().decode(z, labels).clamp_(-1.0, 1.0)

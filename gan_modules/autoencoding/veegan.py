"""VEEGAN: a reconstructor maps samples back to their latents, where missing modes show.

Srivastava, Valkov, Russell, Gutmann, Sutton, "VEEGAN: Reducing Mode Collapse in GANs using Implicit
Variational Learning", 2017, arXiv:1705.07761. What changes from GAN (``unconditional/gan.py``): the
discriminator sees pairs of a code and a sample, and codes have to survive the way through samples.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.autoencoding.base import AutoencodingModule, check_encoder
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn


class VEEGAN(AutoencodingModule):
    """Algorithm 1 of arXiv:1705.07761, for points and for images.

    D tells pairs ``(F(x), x)`` from ``(z, G(z))``, logistically; G and F together minimise
    ``-D(z, G(z)) + |z - F(G(z))|^2``, in which F has a part in the second term alone. The paper's D
    has the opposite sign. All three take their gradients before any of them steps.

    Args:
        generator: latents ``(N, latent_dim)`` to images in [-1, 1] or to points ``(N, 2)``.
        reconstructor: F, samples to codes ``(N, latent_dim)``; has the attribute ``outputs``.
        discriminator: codes and samples, in this order, to raw scores ``(N,)``; high means a pair
            of a real sample.
        reconstruction_weight: of ``|z - F(G(z))|^2``, a sum over the coordinates of a code.
        generator_lr: Adam's rate for G and F.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`LatentGame`.

    Raises:
        ValueError: on numbers out of range, and on networks that do not fit.
    """

    def __init__(
        self,
        generator: nn.Module,
        reconstructor: nn.Module,
        discriminator: nn.Module,
        reconstruction_weight: float = 1.0,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.999),
        **kwargs: Any,
    ) -> None:
        checks.check_networks(
            self, generator=generator, reconstructor=reconstructor, discriminator=discriminator
        )
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        check_encoder(self, "reconstructor", reconstructor, gaussian=False)
        checks.check_positive(
            self,
            reconstruction_weight=reconstruction_weight,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
        )
        self.reconstructor, self.discriminator = reconstructor, discriminator
        self.reconstruction_weight = reconstruction_weight
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr

    def players(self) -> tuple[Player, ...]:
        """D; G and F as one."""
        both = self.player("generator", self.generator, self.reconstructor)
        return self.player("discriminator", self.discriminator), both

    def schedule(self) -> tuple[Stage, ...]:
        """All at the same parameters (algorithm 1)."""
        return (Stage((Turn(("discriminator", "generator")),)),)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of pairs of real samples and of generated ones."""
        real = batch["image"]
        with torch.no_grad():
            z = self.training_latents(len(real))
            fake, codes = self.generator(z), self.reconstructor(real)
        real_scores, fake_scores = self.discriminator(codes, real), self.discriminator(z, fake)
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        return {"real": F.softplus(-real_scores).mean(), "fake": F.softplus(fake_scores).mean()}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """D's scores, which move G, and the codes that come back, which move G and F."""
        z = self.training_latents(len(batch["image"]))
        fake = self.generator(z)
        away = (z - self.reconstructor(fake)).square().sum(1).mean()
        return {
            "adversarial": -self.discriminator(z, fake).mean(),
            "reconstruction": self.reconstruction_weight * away,
        }

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """What the reconstructor says: codes ``(N, latent_dim)`` of samples, in eval mode."""
        with evaluating(self.reconstructor) as reconstructor:
            return reconstructor(images)

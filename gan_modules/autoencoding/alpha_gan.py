"""alpha-GAN: an autoencoder in which one discriminator judges images and another judges codes.

Rosca, Lakshminarayanan, Warde-Farley, Mohamed, "Variational Approaches for Auto-Encoding Generative
Adversarial Networks", 2017, arXiv:1706.04987. What changes from VAE (``vae.py``): a discriminator
of codes takes the place of the divergence, one of images stands beside the pixels' likelihood.
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
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.likelihoods import gaussian_code

_PLAYERS = ("encoder", "generator", "discriminator", "code_discriminator")


class AlphaGAN(AutoencodingModule):
    """Algorithm 1 of arXiv:1706.04987: four players, one after the other on each batch.

    With ``x_hat = G(E(x))``: E minimises ``lambda |x - x_hat|_1 - log C(E(x)) + log(1 - C(E(x)))``;
    G the same error and ``-log D + log(1 - D)`` of ``x_hat`` and of ``G(z)``; D ``-log D(x) - log(1
    - D(x_hat)) - log(1 - D(G(z)))``; C ``-log C(z) - log(1 - C(E(x)))``. In raw scores s, of which
    the probabilities are the sigmoids, ``-log D + log(1 - D)`` is ``-s``. C is high for the prior:
    the first version of the paper has its two terms swapped.

    Args:
        encoder: images ``(N, C, H, W)`` in [-1, 1] to codes ``(N, latent_dim)``, or to the means
            and log-variances from which they are drawn, ``(N, 2 * latent_dim)``; has ``outputs``.
        generator: codes ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images to raw scores ``(N,)``.
        code_discriminator: codes ``(N, latent_dim)`` to raw scores ``(N,)``, without BatchNorm.
        reconstruction_weight: the paper's lambda (1 to 50), of the mean absolute error of a pixel.
        encoder_lr: Adam's rate for E.
        generator_lr: Adam's rate for G.
        discriminator_lr: Adam's rate for D.
        code_discriminator_lr: Adam's rate for C.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`LatentGame`.

    Raises:
        ValueError: on numbers out of range, and on networks that do not fit.
    """

    def __init__(
        self,
        encoder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        code_discriminator: nn.Module,
        reconstruction_weight: float = 10.0,
        encoder_lr: float = 2e-4,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        code_discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        checks.check_networks(
            self,
            encoder=encoder,
            generator=generator,
            discriminator=discriminator,
            code_discriminator=code_discriminator,
        )
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        self.gaussian = check_encoder(self, "encoder", encoder, gaussian=None)
        checks.check_positive(
            self,
            reconstruction_weight=reconstruction_weight,
            encoder_lr=encoder_lr,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            code_discriminator_lr=code_discriminator_lr,
        )
        self.encoder, self.discriminator = encoder, discriminator
        self.code_discriminator = code_discriminator
        self.reconstruction_weight = reconstruction_weight
        self.encoder_lr, self.generator_lr = encoder_lr, generator_lr
        self.discriminator_lr, self.code_discriminator_lr = discriminator_lr, code_discriminator_lr

    def players(self) -> tuple[Player, ...]:
        """All four, each with an optimizer of its own."""
        return tuple(self.player(name, getattr(self, name)) for name in _PLAYERS)

    def schedule(self) -> tuple[Stage, ...]:
        """One step each on every batch, in this order."""
        return (Stage(tuple(Turn(name) for name in _PLAYERS)),)

    def encoder_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The error in pixels, and codes that C takes for the prior's."""
        code = self._encoded(batch["image"])
        error = self._error(self.generator(code), batch["image"])
        return {"reconstruction": error, "adversarial": -self.code_discriminator(code).mean()}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The error in pixels, and images of both kinds that D takes for real."""
        reconstructed, generated = self._fakes(batch["image"])
        return {
            "reconstruction": self._error(reconstructed, batch["image"]),
            "adversarial_reconstructed": -self.score(reconstructed).mean(),
            "adversarial_generated": -self.score(generated).mean(),
        }

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of real, reconstructed and generated images."""
        with torch.no_grad():
            reconstructed, generated = self._fakes(batch["image"])
        return {
            "real": F.softplus(-self.score(batch["image"])).mean(),
            "reconstructed": F.softplus(self.score(reconstructed)).mean(),
            "generated": F.softplus(self.score(generated)).mean(),
        }

    def code_discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of codes of the prior and of images."""
        with torch.no_grad():
            code = self._encoded(batch["image"])
        of_prior = self.code_discriminator(self.training_latents(len(code)))
        of_images = self.code_discriminator(code)
        return {"prior": F.softplus(-of_prior).mean(), "encoded": F.softplus(of_images).mean()}

    def score(self, images: Tensor) -> Tensor:
        """Raw scores ``(N,)`` of images ``(N, C, H, W)``."""
        return self.discriminator(images)

    def _encoded(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.encoder(images)
        if not self.gaussian:
            return outputs
        draw, n = self.noise.normal, len(images)
        noise = draw(n, self.latent_dim, device=self.device, dtype=self.float_dtype)
        return gaussian_code(outputs, noise)[0]

    def _fakes(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """Images of the codes of ``real``, and of codes of the prior."""
        with torch.no_grad():
            code = self._encoded(real)
        return self.generator(code), self.generator(self.training_latents(len(real)))

    def _error(self, images: Tensor, real: Tensor) -> Tensor:
        return self.reconstruction_weight * (images - real).abs().mean()

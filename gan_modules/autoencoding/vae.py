"""VAE: an encoder and a decoder that raise a lower bound of the data's likelihood.

Kingma, Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114. What changes from GAN
(``unconditional/gan.py``): nobody judges the images. They are compared with the data pixel by
pixel through codes, which a divergence keeps near the prior; so nothing is left out, and fine
detail is averaged away. With another weight of the divergence than 1 it is the beta-VAE of Higgins
et al., 2017.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gan_modules.autoencoding.base import AutoencodingModule, check_encoder
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.likelihoods import (
    Likelihood,
    LikelihoodName,
    divergence_from_prior,
    gaussian_code,
)


class VAE(AutoencodingModule):
    """Section 3 of arXiv:1312.6114, with Adam and convolutional networks.

    Takes batches of :class:`datamodules.batches.Images`. One player, ``generator``, moves encoder
    and decoder. Samples are the decoder's mean for codes of the prior N(0, I), without the noise of
    the likelihood.

    Args:
        encoder: images ``(N, C, H, W)`` in [-1, 1] to means and log-variances of their codes, side
            by side, ``(N, 2 * latent_dim)``; has the attribute ``outputs``.
        generator: the decoder, codes ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        likelihood: ``"bernoulli"`` (images; section C.1), ``"gaussian"`` (section C.2) or
            ``"laplace"``; see :class:`gan_modules.likelihoods.Likelihood`.
        scale: width of the Gaussian (sigma) or Laplace (b) law, for data in [-1, 1]; None: learned.
        kl_weight: of the divergence; above 1 is the beta-VAE.
        kl_warmup_images: images seen until the weight has risen from 0 in a line; None: at once.
        generator_lr: Adam's rate, encoder and decoder.
        generator_clip_norm: gradient norm limit; None is off.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`LatentGame`; ``latent`` must be normal.

    Raises:
        ValueError: on numbers out of range, and on networks that do not fit.
    """

    def __init__(
        self,
        encoder: nn.Module,
        generator: nn.Module,
        likelihood: LikelihoodName = "bernoulli",
        scale: float | None = None,
        kl_weight: float = 1.0,
        kl_warmup_images: int | None = None,
        generator_lr: float = 1e-3,
        generator_clip_norm: float | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        **kwargs: Any,
    ) -> None:
        checks.check_networks(self, encoder=encoder, generator=generator)
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        check_encoder(self, "encoder", encoder, gaussian=True)
        checks.check_positive(
            self,
            kl_weight=kl_weight,
            kl_warmup_images=kl_warmup_images,
            generator_lr=generator_lr,
        )
        self.encoder, self.likelihood = encoder, Likelihood(likelihood, scale)
        self.kl_weight, self.kl_warmup_images = kl_weight, kl_warmup_images
        self.generator_lr, self.generator_clip_norm = generator_lr, generator_clip_norm

    def players(self) -> tuple[Player, ...]:
        """Encoder, decoder and the learned width move together."""
        return (self.player("generator", self.encoder, self.generator, self.likelihood),)

    def schedule(self) -> tuple[Stage, ...]:
        """One step a batch."""
        return (Stage((Turn("generator"),), name="likelihood"),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The negative lower bound in nats: reconstruction and weighted divergence."""
        real = batch["image"]
        noise = self.noise.normal(
            len(real), self.latent_dim, device=self.device, dtype=self.float_dtype
        )
        code, mean, log_variance = gaussian_code(self.encoder(real), noise)
        reconstruction = self.likelihood(self._decoded(code), real).mean()
        divergence = divergence_from_prior(mean, log_variance).mean()
        self.note("generator/divergence", divergence)
        if self.likelihood.scale is not None:
            self.note("generator/scale", self.likelihood.scale.to(self.device))
        return {"reconstruction": reconstruction, "kl": self.present_kl_weight() * divergence}

    def present_kl_weight(self) -> float:
        """The weight of the divergence after the images seen so far."""
        if self.kl_warmup_images is None:
            return self.kl_weight
        return self.kl_weight * min(1.0, self.images_seen / self.kl_warmup_images)

    def _decoded(self, code: Tensor) -> Tensor:
        if self.likelihood.name != "bernoulli":
            images: Tensor = self.generator(code)
            return images
        # In half precision a tanh is exactly 1 from 4 on: pixels that are wrong there would stay.
        with fp32_island(self.device.type):
            images = self.generator(code)
        return images

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As every module; and only images have a Bernoulli likelihood."""
        super().check_batch(batch)
        if self.likelihood.name == "bernoulli" and batch["image"].ndim != 4:
            raise ValueError(
                "VAE: likelihood must be gaussian or laplace for points, got bernoulli; set "
                "likelihood: gaussian"
            )

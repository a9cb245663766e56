"""VAE-GAN: a VAE that compares images by what a discriminator sees in them, not by pixels.

Larsen, Sonderby, Larochelle, Winther, "Autoencoding beyond pixels using a learned similarity
metric", 2015, arXiv:1512.09300. What changes from VAE (``vae.py``): the reconstruction error is
taken in a layer of a discriminator, which plays against the decoder as in a GAN.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, RMSprop

from gan_modules.autoencoding.base import AutoencodingModule, check_encoder
from gan_modules.engine import checks
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.equilibrium import EquilibriumGate
from gan_modules.features import require_features
from gan_modules.likelihoods import divergence_from_prior, feature_error, gaussian_code

_PLAYERS = ("encoder", "generator", "discriminator")


class VAEGAN(AutoencodingModule):
    """Algorithm 1 of arXiv:1512.09300, with the settings of the authors' code.

    E minimises ``KL + L_rec``, G ``reconstruction_weight * L_rec + L_GAN`` and D ``-L_GAN``, where
    ``L_rec = |D_l(x) - D_l(G(z))|^2 / 2`` and ``L_GAN = log D(x) + log(1 - D(G(z_p)))``. All three
    take their gradients on the same latents before any of them steps. A D that is far ahead passes,
    and a G whose D is far behind: :class:`gan_modules.equilibrium.EquilibriumGate`.

    Args:
        encoder: images ``(N, C, H, W)`` in [-1, 1] to means and log-variances of their codes, side
            by side, ``(N, 2 * latent_dim)``; has the attribute ``outputs``.
        generator: the decoder, codes ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images to raw scores ``(N,)``; its ``features(images)`` are the D_l.
        reconstruction_weight: the paper's gamma, of G's L_rec, a sum over all features.
        judge_reconstructions: whether L_GAN has ``log(1 - D(G(z)))`` too; off in their code.
        margin: of the gate, in nats; None: all act in all rounds. Passed steps are not counted.
        generator_lr: RMSprop's rate for E and G.
        discriminator_lr: RMSprop's rate for D.
        weight_decay: of all three.
        **kwargs: see :class:`LatentGame`; ``latent`` must be normal, ``micro_batches`` 1.

    Raises:
        ValueError: on numbers out of range, and on networks that do not fit.
    """

    def __init__(
        self,
        encoder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        reconstruction_weight: float = 1e-6,
        judge_reconstructions: bool = False,
        margin: float | None = 0.35,
        generator_lr: float = 3e-4,
        discriminator_lr: float = 3e-4,
        weight_decay: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        checks.check_networks(
            self, encoder=encoder, generator=generator, discriminator=discriminator
        )
        super().__init__(generator, (0.0, 0.0), **kwargs)
        keep_plain_hyperparameters(self)
        check_encoder(self, "encoder", encoder, gaussian=True)
        require_features(self, generator, discriminator)
        if (parts := self.micro_batches) != 1:
            raise ValueError(f"VAEGAN: micro_batches must be 1, got {parts}; set it to 1")
        numbers = {"generator_lr": generator_lr, "discriminator_lr": discriminator_lr}
        checks.check_positive(self, reconstruction_weight=reconstruction_weight, **numbers)
        self.encoder, self.discriminator = encoder, discriminator
        self.gate, self.judged = EquilibriumGate(margin), 1 + judge_reconstructions
        self.reconstruction_weight, self.weight_decay = reconstruction_weight, weight_decay
        self.encoder_lr = self.generator_lr = generator_lr
        self.discriminator_lr = discriminator_lr

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """RMSprop."""
        return RMSprop(parameters, lr=lr, weight_decay=self.weight_decay)

    def players(self) -> tuple[Player, ...]:
        """Encoder, generator, discriminator."""
        return tuple(self.player(name, getattr(self, name)) for name in _PLAYERS)

    def schedule(self) -> tuple[Stage, ...]:
        """All three at once."""
        return (Stage((Turn(_PLAYERS),)),)

    def encoder_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Divergence and reconstruction; the game of D and G does not reach the encoder."""
        real = batch["image"]
        noise, _ = self._latents(len(real))
        code, mean, log_variance = gaussian_code(self.encoder(real), noise)
        error = feature_error(self.discriminator, self.generator(code), real)
        return {"kl": divergence_from_prior(mean, log_variance).mean(), "reconstruction": error}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Reconstruction, and L_GAN, which G lowers; nothing where G passes."""
        real = batch["image"]
        with torch.no_grad():
            real_scores = self.score(real)
        fakes = self._fakes(real)
        fake_scores = self._fake_scores(fakes)
        if not self._acts("generator", real_scores, fake_scores):
            return {}
        error = self.reconstruction_weight * feature_error(self.discriminator, fakes[1], real)
        return {"reconstruction": error, "adversarial": -F.softplus(fake_scores).mean(1).sum()}

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of real and generated images; nothing where D passes."""
        with torch.no_grad():
            fakes = self._fakes(batch["image"], self.judged)
        real_scores, fake_scores = self.score(batch["image"]), self._fake_scores(fakes)
        if not self._acts("discriminator", real_scores, fake_scores):
            return {}
        of_fakes = F.softplus(fake_scores).mean(1).sum()
        return {"real": F.softplus(-real_scores).mean(), "generated": of_fakes}

    def score(self, images: Tensor) -> Tensor:
        """Raw scores ``(N,)`` of images ``(N, C, H, W)``."""
        return self.discriminator(images)

    def _latents(self, n: int) -> tuple[Tensor, ...]:
        """Noise of the codes, and codes of the prior: one draw a round, for all three players."""
        draw, size = self.noise.branch(self.rounds).normal, 2 * self.latent_dim
        return draw(n, size, device=self.device, dtype=self.float_dtype).chunk(2, dim=1)

    def _fakes(self, real: Tensor, kinds: int = 2) -> list[Tensor]:
        """Images of codes of the prior, and of the codes of ``real``."""
        noise, *codes = self._latents(len(real))
        if kinds == 2:
            with torch.no_grad():
                codes.append(gaussian_code(self.encoder(real), noise)[0])
        return [self.generator(code) for code in codes]

    def _fake_scores(self, fakes: list[Tensor]) -> Tensor:
        """``(kinds, N)``: of those fakes that L_GAN knows."""
        return torch.stack([self.score(images) for images in fakes[: self.judged]])

    def _acts(self, player: str, real_scores: Tensor, fake_scores: Tensor) -> bool:
        acts = self.gate.acting(real_scores, fake_scores)[player]
        self.note(f"{player}/acts", torch.tensor(float(acts), device=self.device))
        return acts

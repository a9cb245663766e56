"""f-GAN: D estimates any f-divergence from samples, G lowers the estimate.

Nowozin, Cseke, Tomioka, "f-GAN: Training Generative Neural Samplers using Variational Divergence
Minimization", 2016, arXiv:1606.00709. What changes from GAN (``gan.py``): the objective, of which
the GAN's is one row.
"""

from typing import Any, Literal

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.divergences import DivergenceName, FDivergence, GeneratorLoss


class FGAN(AdversarialModule):
    """Algorithm 1 of arXiv:1606.00709: one D step and one G step on each batch.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, the paper's V; the output
            activation g_f is the objective's.
        divergence: see :class:`FDivergence`.
        generator_loss: ``"saturating"``, the algorithm's, or ``"trick"`` (section 3.2), which keeps
            a gradient where D wins.
        generator_lr: Adam's rate for G.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        discriminator_clip_norm: gradient norm limit of D; kl, rkl, neyman and sq_hellinger have
            exponentials that a single sample can blow up. None is off.
        latent: U(-1, 1) is the paper's.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: for another divergence or generator loss.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        divergence: DivergenceName = "gan",
        generator_loss: GeneratorLoss = "saturating",
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        discriminator_clip_norm: float | None = None,
        latent: Literal["normal", "uniform"] = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            FDivergence(divergence, generator_loss),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            discriminator_clip_norm=discriminator_clip_norm,
            latent=latent,
            **kwargs,
        )

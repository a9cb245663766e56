"""WGAN-GP: D's slope is pulled to one by a penalty instead of clipping its weights.

Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028. What changes
from WGAN (``wgan.py``): the penalty replaces clipping, Adam replaces RMSprop, and D may not
normalise over the batch, because the penalty is defined for each sample.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty


class WGANGP(AdversarialModule):
    """Algorithm 1 of arXiv:1704.00028, with its defaults.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``; no BatchNorm.
        penalty_weight: the paper's lambda.
        discriminator_steps: D updates per G update, the paper's n_critic.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2; the paper's DCGAN runs take (0.5, 0.9).
        **kwargs: see :class:`AdversarialModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        penalty_weight: float = 10.0,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.0, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [GradientPenalty(penalty_weight)],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

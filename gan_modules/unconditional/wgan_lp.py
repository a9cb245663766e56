"""WGAN-LP: D's slope may be anything up to one, so only what is above one is punished.

Petzka, Fischer, Lukovnicov, "On the Regularization of Wasserstein GANs", 2017, arXiv:1709.08894.
What changes from WGAN-GP (``wgan_gp.py``): the penalty has one side.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import LipschitzPenalty


class WGANLP(AdversarialModule):
    """The regularisation of arXiv:1709.08894 in WGAN-GP's algorithm.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``; no BatchNorm.
        penalty_weight: the paper's lambda: 10 in the authors' CIFAR-10 runs, 0.1 for toy data. It
            is less delicate than in WGAN-GP.
        discriminator_steps: D updates per G update.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
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
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [LipschitzPenalty(penalty_weight)],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

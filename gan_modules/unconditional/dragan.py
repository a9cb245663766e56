"""DRAGAN: D may not be steep around real images, where a sharp one gives G nothing to follow.

Kodali, Abernethy, Hays, Kira, "On Convergence and Stability of GANs", 2017, arXiv:1705.07215. What
changes from WGAN-GP (``wgan_gp.py``): the penalty is around the data alone, for the GAN's own
objective, with one D step a G step.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import Dragan


class DRAGAN(AdversarialModule):
    """The game of arXiv:1705.07215, with the settings of the authors' notebook.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``; no BatchNorm.
        penalty_weight: the paper's lambda.
        slope_target: the paper's k.
        noise_scale: the paper's c, in standard deviations of the batch.
        symmetric: noise of both signs; see :class:`Dragan`.
        generator_lr: Adam's rate for G.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`AdversarialModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        penalty_weight: float = 10.0,
        slope_target: float = 1.0,
        noise_scale: float = 0.5,
        symmetric: bool = False,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            [Dragan(penalty_weight, slope_target, noise_scale, symmetric)],
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

"""LSGAN: D regresses to targets instead of classifying, so that far fakes keep a gradient.

Mao et al., "Least Squares Generative Adversarial Networks", 2016, arXiv:1611.04076. What changes
from DCGAN (``dcgan.py``): the objective.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import LeastSquares


class LSGAN(AdversarialModule):
    """Equation 2 of arXiv:1611.04076.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, without a sigmoid.
        fake_target: the paper's a, D's target for fakes.
        real_target: the paper's b, D's target for real images.
        generator_target: the paper's c, what G wants D to say. (0, 1, 1) is equation 9, the
            coding used in practice; (-1, 1, 0) is equation 8, whose optimum minimises the Pearson
            chi-squared divergence.
        **kwargs: see :class:`AdversarialModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        fake_target: float = 0.0,
        real_target: float = 1.0,
        generator_target: float = 1.0,
        **kwargs: Any,
    ) -> None:
        objective = LeastSquares(fake_target, real_target, generator_target)
        super().__init__(generator, discriminator, objective, **kwargs)

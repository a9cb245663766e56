"""WGAN: G follows the Wasserstein distance; D is kept Lipschitz by clipping its weights.

Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875. What changes from GAN
(``gan.py``): scores are compared as they are, five D steps a G step, RMSprop, clipping.
"""

from typing import Any

from torch import nn
from torch.optim import Optimizer, RMSprop

from gan_modules.base import AdversarialModule
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import WeightClipping


class WGAN(AdversarialModule):
    """Algorithm 1 of arXiv:1701.07875, with its defaults.

    ``real_score - fake_score`` of the logs is the estimate of the distance, up to a constant.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``.
        clip: the paper's c; every parameter of D stays in [-c, c].
        discriminator_steps: D updates per G update, the paper's n_critic.
        generator_lr: RMSprop's rate for G, the paper's alpha.
        discriminator_lr: RMSprop's rate for D.
        **kwargs: see :class:`AdversarialModule`; ``betas`` has no meaning here.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        clip: float = 0.01,
        discriminator_steps: int = 5,
        generator_lr: float = 5e-5,
        discriminator_lr: float = 5e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [WeightClipping(clip)],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            **kwargs,
        )

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """RMSprop: momentum makes the clipped game unstable (section 4)."""
        return RMSprop(parameters, lr=lr)

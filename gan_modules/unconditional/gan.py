"""GAN: a generator and a classifier of real against generated, trained against each other.

Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661. Everything else here
is told as a difference from this file.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import Minimax, NonSaturating, Objective


class GAN(AdversarialModule):
    """Algorithm 1 of arXiv:1406.2661, with MLPs or convolutional networks.

    The paper trains with momentum SGD; Adam is what everybody uses since arXiv:1511.06434.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``; the paper's D is their
            sigmoid.
        objective: NonSaturating (section 3, last paragraph; the default) or Minimax (equation 1).
        discriminator_steps: D updates per G update, the paper's k.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: for another objective; those have files of their own, or take
            :class:`AdversarialModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective | None = None,
        discriminator_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        objective = objective or NonSaturating()
        if not isinstance(objective, (NonSaturating, Minimax)):
            raise ValueError(
                f"GAN: objective must be NonSaturating or Minimax, got {type(objective).__name__}; "
                "any combination works with class_path: AdversarialModule"
            )
        super().__init__(
            generator,
            discriminator,
            objective,
            discriminator_steps=discriminator_steps,
            **kwargs,
        )

"""SNGAN: every layer of D is divided by its spectral norm, so that D is Lipschitz by construction.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
arXiv:1802.05957. What changes from WGAN-GP (``wgan_gp.py``): a property of D's layers replaces the
penalty (half the cost of a step), and the hinge replaces the Wasserstein objective.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.checks import require_spectral_norm
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Hinge


class SNGAN(AdversarialModule):
    """Section 4 and appendix B of arXiv:1802.05957, with the defaults of its ResNet runs.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1]; not
            normalised spectrally.
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, with ``normalization:
            spectral``.
        discriminator_steps: D updates per G update, the paper's n_dis.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2 (setting F of table 1).
        lr_decay: the authors let the rate fall linearly from the first to the last G step, [0,
            50000] for 32 px; off by default because it must match ``trainer.max_steps``.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if no layer of the discriminator is spectrally normalised.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_steps: int = 5,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.9),
        lr_decay: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        require_spectral_norm(self, discriminator)
        super().__init__(
            generator,
            discriminator,
            Hinge(),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            lr_decay=lr_decay,
            **kwargs,
        )

    def schedule(self) -> tuple[Stage, ...]:
        """As in the authors' updater: G acts first, in the first round of every n_dis."""
        every = self.discriminator_steps
        return (Stage((Turn("generator", every=every), Turn("discriminator"))),)

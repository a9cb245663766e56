"""ProjectionGAN: D's score holds an inner product of image features and a vector of the class.

Miyato, Koyama, "cGANs with Projection Discriminator", 2018, arXiv:1802.05637. What changes from
SNGAN (``unconditional/sngan.py``): G's norms have a gain and a bias for each class, and the form of
D is what the log ratio of class-conditional densities has if they are log-linear in features.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.class_terms import require_classes_of_both
from gan_modules.engine.checks import require_spectral_norm
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import Hinge


class ProjectionGAN(AdversarialModule):
    """Section 3 of arXiv:1802.05637, with the defaults of its ImageNet runs.

    Args:
        generator: latents ``(N, latent_dim)`` and labels ``(N,)`` to images ``(N, C, H, W)`` in
            [-1, 1]; the authors' is in :mod:`gan_modules.networks.conditional_resnet`, as is D's.
        discriminator: images and labels to raw scores ``(N,)``; spectrally normalised.
        discriminator_steps: D updates per G update, the paper's n_dis; each on fresh data.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
        lr_decay: the authors let the rate fall linearly over the last G steps, [200000, 250000] at
            64 px and [400000, 450000] at 128 px; off by default because it must match
            ``trainer.max_steps``.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: unless both networks have the same number of classes, or if no layer of the
            discriminator is spectrally normalised.
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
        require_classes_of_both("ProjectionGAN", generator, discriminator)
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

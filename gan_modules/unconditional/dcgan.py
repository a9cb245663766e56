"""DCGAN: the convolutional networks and the settings with which GANs began to work on images.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2015, arXiv:1511.06434. What changes from GAN (``gan.py``): strided
convolutions with BatchNorm in both networks (``networks/dcgan.py``), Adam with a small beta1.
"""

from typing import Any, Literal

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.objectives import NonSaturating


class DCGAN(AdversarialModule):
    """Section 4 of arXiv:1511.06434, with its defaults.

    The authors' code has uniform latents and alternates G and D over batches of their own; here
    both players see each batch, as in every later implementation.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``.
        generator_lr: Adam's rate for G (section 4).
        discriminator_lr: Adam's rate for D.
        betas: Adam's; beta1 = 0.5 because 0.9 oscillates (section 4).
        latent: U(-1, 1) is the authors'.
        **kwargs: see :class:`AdversarialModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        latent: Literal["normal", "uniform"] = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            latent=latent,
            **kwargs,
        )

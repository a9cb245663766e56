"""SAGAN: self-attention in both players, so that distant parts of an image agree.

Zhang, Goodfellow, Metaxas, Odena, "Self-Attention Generative Adversarial Networks", 2018,
arXiv:1805.08318. What changes from SNGAN (``sngan.py``): attention in G and D, spectral
normalisation of G as well, D learns at four times G's rate instead of taking five steps
(arXiv:1706.08500), and classes: their gains in G's norms, their projection in D.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.checks import has_spectral_norm
from gan_modules.objectives import Hinge


class SAGAN(AdversarialModule):
    """Sections 3 and 4 of arXiv:1805.08318, with its defaults.

    Takes batches with labels if the generator has classes.

    Args:
        generator: latents ``(N, latent_dim)``, and labels ``(N,)`` if it has ``num_classes``, to
            images ``(N, C, H, W)`` in [-1, 1]; spectrally normalised, such as
            :class:`~gan_modules.networks.sagan.SAGANGenerator`.
        discriminator: images, and labels, to raw scores ``(N,)``; spectrally normalised.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D; two rates, one step each (the paper's TTUR).
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if a network has no spectrally normalised layer.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 4e-4,
        betas: tuple[float, float] = (0.0, 0.9),
        **kwargs: Any,
    ) -> None:
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not has_spectral_norm(network):
                raise ValueError(
                    f"SAGAN: {role} must be spectrally normalised, got {type(network).__name__}, "
                    "which has no such layer; take the networks of gan_modules.networks.sagan"
                )
        super().__init__(
            generator,
            discriminator,
            Hinge(),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

"""CGAN: both players are told the class, so that one network draws whichever is asked for.

Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, arXiv:1411.1784. What changes from
GAN (``unconditional/gan.py``): the class stands beside the latent and beside the image, and D must
also find that they do not fit.
"""

from typing import Any

from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.class_terms import require_classes_of_both
from gan_modules.objectives import NonSaturating, Objective


class CGAN(AdversarialModule):
    """Equation 2 of arXiv:1411.1784: the game of 2014 for each class at once, by shared networks.

    A fake is of the class of the real image beside it, so classes are as frequent as in the data.
    The optimizer is that of DCGAN (arXiv:1511.06434) instead of the paper's SGD with dropout.

    Args:
        generator: latents ``(N, latent_dim)`` and labels ``(N,)`` to images ``(N, C, H, W)`` in
            [-1, 1], such as :class:`~gan_modules.networks.concatenation.ConcatenatingGenerator`.
        discriminator: images and labels to raw scores ``(N,)``, such as
            :class:`~gan_modules.networks.concatenation.ConcatenatingDCGANDiscriminator`.
        objective: what the two play for; None is the cross entropy, non-saturating for G.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: unless both networks have the same number of classes.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective | None = None,
        **kwargs: Any,
    ) -> None:
        require_classes_of_both("CGAN", generator, discriminator)
        super().__init__(generator, discriminator, objective or NonSaturating(), **kwargs)

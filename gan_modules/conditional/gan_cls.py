"""GAN-CLS: images of a sentence, judged by a D that also reads whether the sentence fits.

Reed, Akata, Yan, Logeswaran, Schiele, Lee, "Generative Adversarial Text to Image Synthesis", 2016,
arXiv:1605.05396. What changes from CGAN (``cgan.py``): the class becomes an embedding of a
sentence, and real images beside the wrong sentence are a third kind of pair for D.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gan_modules.conditional.base import ToldModule
from gan_modules.matching import (
    check_mismatches,
    matching_losses,
    require_share,
    require_text,
)
from gan_modules.objectives import NonSaturating


class GANCLS(ToldModule):
    """Algorithm 1 of arXiv:1605.05396, with the defaults of the authors' code.

    Takes batches of :class:`datamodules.batches.CaptionedImages`. G minimises the non-saturating
    cross entropy of its own pairs. The authors halve both rates every 100 of 600 epochs, in batches
    of 64, and average four embeddings for each image.

    Args:
        generator: latents ``(N, latent_dim)`` and embeddings ``(N, text_dim)`` to images
            ``(N, C, H, W)`` in [-1, 1], such as
            :class:`~gan_modules.networks.text_image.TextImageGenerator`.
        discriminator: images and embeddings to raw scores ``(N,)``.
        mismatch_weight: share w of mismatched pairs among D's wrong pairs; see
            :func:`~gan_modules.matching.matching_losses`.
        **kwargs: see :class:`ToldModule` and :class:`AdversarialModule`.

    Raises:
        ValueError: if the networks take embeddings of unlike lengths, or the share is out of range.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        mismatch_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        require_share("GANCLS", mismatch_weight)
        require_text("GANCLS", generator, discriminator)
        super().__init__(generator, discriminator, NonSaturating(), **kwargs)
        self.mismatch_weight = mismatch_weight

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One term for each kind of pair, and the penalties."""
        return matching_losses(self, batch, self.mismatch_weight)

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: mismatched images are of another class."""
        super().check_batch(batch)
        check_mismatches("GANCLS", batch, self.mismatch_weight)

"""GAN-INT: G is also asked for sentences between those of the data, of which there are no images.

Reed, Akata, Yan, Logeswaran, Schiele, Lee, "Generative Adversarial Text to Image Synthesis", 2016,
arXiv:1605.05396, section 4.2. What changes from GAN-CLS (``gan_cls.py``): G's batch is half as long
again, with means of two embeddings; D is asked about them in G's step and never learns from them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.conditional.base import ToldModule
from gan_modules.engine.checks import check_positive
from gan_modules.matching import (
    check_mismatches,
    matching_losses,
    require_share,
    require_text,
)
from gan_modules.objectives import NonSaturating


class GANINT(ToldModule):
    """Equation 5 of arXiv:1605.05396 with beta = 0.5; with a matching-aware D, as GAN-INT-CLS.

    Takes batches of :class:`datamodules.batches.CaptionedImages`. The sentences that are mixed are
    neighbours in the batch, which is shuffled; the authors' code mixes its halves, which would make
    a step depend on the number of ranks.

    Args:
        generator: latents ``(N, latent_dim)`` and embeddings ``(N, text_dim)`` to images
            ``(N, C, H, W)`` in [-1, 1].
        discriminator: images and embeddings to raw scores ``(N,)``.
        interpolation_weight: of the mixed sentences in G's loss, which is the mean over both kinds.
        mismatch_weight: share w of mismatched pairs among D's wrong pairs; 0 is the paper's
            GAN-INT, 0.5 its GAN-INT-CLS.
        **kwargs: see :class:`ToldModule` and :class:`AdversarialModule`.

    Raises:
        ValueError: if the networks take embeddings of unlike lengths, or a number is out of range.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        interpolation_weight: float = 1.0,
        mismatch_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        require_share("GANINT", mismatch_weight)
        require_text("GANINT", generator, discriminator)
        super().__init__(generator, discriminator, NonSaturating(), **kwargs)
        check_positive(self, interpolation_weight=interpolation_weight)
        self.interpolation_weight, self.mismatch_weight = interpolation_weight, mismatch_weight

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As in GAN-CLS: the sentences of the data alone."""
        return matching_losses(self, batch, self.mismatch_weight)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of the data's sentences and of the mixed ones, together a mean over all of them."""
        text = batch["text"]
        between = mixed(text)
        # Drawn apart, so that the latents of a sentence do not depend on the number of ranks.
        z = torch.cat([self.training_latents(len(text)), self.training_latents(len(between))])
        asked = torch.cat([text, between])
        fake = self.networks.generator(z, asked)
        scores = self.score(self.shown(fake), (asked,)).split([len(text), len(between)])
        share = len(text) / len(asked)
        losses = {
            "adversarial": share * self.objective.generator_loss(scores[0]),
            "interpolated": self.interpolation_weight
            * (1 - share)
            * self.objective.generator_loss(scores[1]),
        }
        return {**losses, **self.weight_penalties("generator", self.generator)}

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: there are two sentences to mix, and mismatched images are of another class."""
        super().check_batch(batch)
        if len(batch["text"]) < 2 * self.micro_batches:
            raise ValueError(
                f"GANINT: the batch of a rank must hold at least {2 * self.micro_batches} "
                f"sentences, got {len(batch['text'])}; set batch_size higher"
            )
        check_mismatches("GANINT", batch, self.mismatch_weight)


def mixed(text: Tensor) -> Tensor:
    """Means of neighbouring rows: ``(N, E)`` to ``(N // 2, E)``; an odd last row is left out."""
    pairs = len(text) // 2
    return text[: 2 * pairs].unflatten(0, (pairs, 2)).mean(dim=1)

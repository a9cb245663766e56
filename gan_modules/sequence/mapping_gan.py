"""Mapping GAN: which sound is which phoneme, learned from text that nobody paired with the sound.

Liu, Chen, Lee, Lee, "Completely Unsupervised Phoneme Recognition by Adversarially Learning Mapping
Relationships from Audio Embeddings", 2018, arXiv:1804.00316. What changes from GAN
(``unconditional/gan.py``): the generator is fed segments of speech, each known by the number of its
cluster, and is a table from clusters to phonemes; what it writes shall look like the text of other
speech. Boundaries come from elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gan_modules.language.recognition import RecognitionGame
from gan_modules.language.relaxations import Relaxation
from gan_modules.language.segments import Apart, Segmenter
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty


class MappingGAN(RecognitionGame):
    """The mapping of arXiv:1804.00316 under its objective, WGAN with a gradient penalty.

    Args:
        generator: one-hot clusters ``(N, S, K)`` and mask to logits ``(N, S, V)``: a ``Recognizer``
            of kernel 1 is the table.
        discriminator: rows ``(N, T, V)`` and mask to raw scores ``(N,)``.
        penalty_weight: of the gradient penalty, its lambda.
        segmenter: None: each segment is one phoneme.
        relaxation: None: D is shown probabilities; see :class:`RecognitionGame`.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: Adam's rate of the table.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both.
        **kwargs: see :class:`gan_modules.language.recognition.RecognitionGame`.

    Raises:
        ValueError: on numbers out of range; if the table is none.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        penalty_weight: float = 10.0,
        segmenter: Segmenter | None = None,
        relaxation: Relaxation | None = None,
        discriminator_steps: int = 3,
        generator_lr: float = 1e-2,
        discriminator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [GradientPenalty(penalty_weight)],
            segmenter or Apart(),
            relaxation,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Also: a segment is the number of its cluster, one-hot."""
        super().check_batch(batch)
        rows = batch["speech"][batch["speech_mask"]]
        if not (((rows == 0) | (rows == 1)).all() and (rows.sum(1) == 1).all()):
            raise ValueError(
                "MappingGAN: speech must be one-hot clusters, got other features; choose data with "
                "clusters, or Wav2vecU, which hears features"
            )

"""wav2vec-U: unsupervised speech recognition from features, one convolution and a discriminator.

Baevski, Hsu, Conneau, Auli, "Unsupervised Speech Recognition", 2021, arXiv:2105.11084. What changes
from Mapping GAN (``mapping_gan.py``): the generator hears features, not clusters, and joins
neighbours that it takes for one phoneme; it is kept smooth in time and rich in phonemes, and which
of several runs is the best is found without transcripts.
"""

from typing import Any

from torch import nn

from gan_modules.language.recognition import RecognitionGame
from gan_modules.language.relaxations import Relaxation
from gan_modules.language.segments import Joined, Segmenter
from gan_modules.objectives import NonSaturating, Objective
from gan_modules.regularizers import GradientPenalty


class Wav2vecU(RecognitionGame):
    """Equation 4 of arXiv:2105.11084, with the weights in the middle of its sweeps.

    The paper prints a minus before the generated half of the discriminator's objective; its words
    and its code have the usual sum, and so has this. As in the code, smoothness is of logits; the
    slope of the penalty is of the whole utterance, where the code takes that of each phoneme over
    time.

    Args:
        generator: features ``(N, S, F)`` and mask to logits ``(N, S, V)``, such as ``Recognizer``.
        discriminator: rows ``(N, T, V)`` and mask to raw scores ``(N,)``.
        objective: None: cross entropy, G as in :class:`gan_modules.objectives.NonSaturating`.
        penalty_weight: of the gradient penalty, the paper's lambda.
        smoothness_weight: the paper's gamma.
        diversity_weight: the paper's eta.
        segmenter: None: neighbours of one phoneme are joined.
        relaxation: None: D is shown probabilities; see :class:`RecognitionGame`.
        generator_lr: Adam's rate of G.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both.
        discriminator_weight_decay: of D.
        **kwargs: see :class:`gan_modules.language.recognition.RecognitionGame`.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective | None = None,
        penalty_weight: float = 1.5,
        smoothness_weight: float = 0.5,
        diversity_weight: float = 4.0,
        segmenter: Segmenter | None = None,
        relaxation: Relaxation | None = None,
        generator_lr: float = 4e-4,
        discriminator_lr: float = 5e-4,
        betas: tuple[float, float] = (0.5, 0.98),
        discriminator_weight_decay: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            objective or NonSaturating(),
            [GradientPenalty(penalty_weight)],
            segmenter or Joined(),
            relaxation,
            smoothness_weight=smoothness_weight,
            diversity_weight=diversity_weight,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            discriminator_weight_decay=discriminator_weight_decay,
            **kwargs,
        )

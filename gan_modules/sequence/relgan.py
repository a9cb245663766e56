"""RelGAN: relaxed samples, a discriminator of many opinions, and a comparison of pairs.

Nie, Narodytska, Patel, "RelGAN: Relational Generative Adversarial Networks for Text Generation",
2019, OpenReview:rJedV3R5tm. What changes from GumbelTextGAN (``sequence/gumbel_text_gan.py``): the
relativistic objective, a discriminator that reads the sentence in many embeddings, a temperature
whose end trades quality for diversity, and pretraining by likelihood.
"""

from typing import Any

from torch import nn

from gan_modules.engine import checks
from gan_modules.language.relaxations import GumbelSoftmax, Relaxation, sharpness_at
from gan_modules.relativistic import RelativisticPairing
from gan_modules.sequence.base import SequenceModule


class RelGAN(SequenceModule):
    """The game of OpenReview:rJedV3R5tm, with the numbers of its released code.

    Its generator has a relational memory, here ``RelationalSpeaker``, and hears the likeliest
    token; any speaker will do, and it hears what D is shown.

    Args:
        generator: a speaker, see ``language/speaking.py``.
        discriminator: weights of tokens ``(N, T, V)`` to raw scores ``(N, R)`` of R opinions, as
            ``RepresentationDiscriminator``; each compares the pair for itself.
        relaxation: None: ``GumbelSoftmax``.
        sharpness_end: the paper's beta_max: larger means better and less diverse sentences; the
            authors have 1 or 2 for oracle data, 100 or 1000 for captions.
        sharpness_steps: the paper's N: beta is ``beta_max ^ (t / N)``.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: Adam's rate of G in the game.
        likelihood_lr: Adam's rate of G before it.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both players.
        generator_clip_norm: gradient norm limit of G.
        discriminator_clip_norm: gradient norm limit of D.
        **kwargs: see :class:`SequenceModule`: lengths of the stages before the game.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        relaxation: Relaxation | None = None,
        sharpness_end: float = 100.0,
        sharpness_steps: int = 5000,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-4,
        likelihood_lr: float | None = 1e-2,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        generator_clip_norm: float | None = 5.0,
        discriminator_clip_norm: float | None = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            RelativisticPairing(),
            relaxation or GumbelSoftmax(),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            likelihood_lr=likelihood_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            discriminator_clip_norm=discriminator_clip_norm,
            **kwargs,
        )
        checks.check_positive(self, sharpness_end=sharpness_end, sharpness_steps=sharpness_steps)
        self.sharpness_end, self.sharpness_steps = sharpness_end, sharpness_steps

    def sharpness(self) -> float:
        """``beta_max ^ (t / N)``, constant from N on."""
        step = self.steps.get("generator", 0)
        return sharpness_at(step, 1.0, self.sharpness_end, self.sharpness_steps)

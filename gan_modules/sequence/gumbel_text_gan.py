"""GumbelTextGAN: relaxed samples of a softmax, through which the discriminator's gradient passes.

Kusner, Hernández-Lobato, "GANs for Sequences of Discrete Elements with the Gumbel-softmax
Distribution", 2016, arXiv:1611.04051. What changes from GAN (``unconditional/gan.py``): the
generator says weights of all tokens, and hears them; noise on its logits makes them samples, which
a rising inverse temperature leads towards one-hot.
"""

from typing import Any

from torch import nn

from gan_modules.engine import checks
from gan_modules.language.relaxations import GumbelSoftmax, Relaxation, sharpness_at
from gan_modules.objectives import NonSaturating
from gan_modules.sequence.base import SequenceModule


class GumbelTextGAN(SequenceModule):
    """Section 3 of arXiv:1611.04051, or its straight-through form.

    The paper gives no numbers for the rates and for the way of its temperature: these are ours.

    Args:
        generator: a speaker, see ``language/speaking.py``.
        discriminator: weights of tokens ``(N, T, V)`` to raw scores ``(N,)``: the paper's
            ``LSTMDiscriminator``, or ``TextCNN``.
        relaxation: None: ``GumbelSoftmax``. ``StraightThrough`` shows D exact samples.
        sharpness_range: the inverse temperature, at the first G step and at the end of its way.
        sharpness_steps: G steps of that way.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: Adam's rate of G.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both players.
        **kwargs: see :class:`SequenceModule`.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        relaxation: Relaxation | None = None,
        sharpness_range: tuple[float, float] = (1.0, 10.0),
        sharpness_steps: int = 3000,
        discriminator_steps: int = 1,
        generator_lr: float = 1e-3,
        discriminator_lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            relaxation or GumbelSoftmax(),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )
        checks.check_positive(self, sharpness_steps=sharpness_steps)
        if not (len(sharpness_range) == 2 and min(sharpness_range) > 0):
            raise ValueError(
                "GumbelTextGAN: sharpness_range must be two positive inverse temperatures, got "
                f"{list(sharpness_range)}; give [1, 10]"
            )
        self.sharpness_range, self.sharpness_steps = sharpness_range, sharpness_steps

    def sharpness(self) -> float:
        """From the first of the pair to the second, by equal factors."""
        step = self.steps.get("generator", 0)
        return sharpness_at(step, *self.sharpness_range, self.sharpness_steps)

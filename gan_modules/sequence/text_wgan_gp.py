"""TextWGANGP: a discriminator of bounded slope may be shown probabilities beside one-hot rows.

Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028, its language
model of characters. What changes from WGAN-GP (``unconditional/wgan_gp.py``): the
generator gives the softmax of all tokens of a sentence at once, and the penalty is taken between
such rows and the one-hot rows of real sentences.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_modules.engine.sampling import evaluating
from gan_modules.language.relaxations import Softmax
from gan_modules.language.sentences import closed
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty
from gan_modules.sequence.base import SequenceModule


class TextWGANGP(SequenceModule):
    """Algorithm 1 of arXiv:1704.00028 on weights of tokens.

    All that varies is in the latent, so that rows can become one-hot; nothing is drawn token by
    token, and no sentence has a likelihood.

    Args:
        generator: uniform numbers ``(N, latent_dim)`` to logits ``(N, T, V)``: ``ConvSpeaker``.
        discriminator: weights of tokens ``(N, T, V)`` to raw scores ``(N,)``, without BatchNorm and
            differentiable twice, such as ``TextCNN``.
        penalty_weight: the paper's lambda, of the slope by all weights of a sentence together.
        discriminator_steps: D steps per G step, the paper's n_critic; the authors' code has 10.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2, both players.
        **kwargs: see :class:`SequenceModule`; there is no stage of likelihood.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    speaks: ClassVar[tuple[str, ...]] = ("vocabulary_size", "length", "special_tokens")

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        penalty_weight: float = 10.0,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        **kwargs: Any,
    ) -> None:
        if kwargs.get("likelihood_samples"):
            raise ValueError(
                "TextWGANGP: likelihood_samples must be 0, got "
                f"{kwargs['likelihood_samples']}: its sentences have no likelihood; leave it out"
            )
        if hasattr(generator, "step"):
            raise ValueError(
                "TextWGANGP: generator must make all tokens at once, got "
                f"{type(generator).__name__}, which would say one sentence; choose ConvSpeaker"
            )
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            Softmax(),
            regularizers=[GradientPenalty(penalty_weight)],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )

    def generate(self, n: int, condition: tuple[Tensor, ...] = ()) -> Tensor:
        """Probabilities ``(n, T, V)`` of fresh latents."""
        return torch.softmax(self.generator(self.training_latents(n)), 2)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """The likeliest tokens ``(N, T)`` of latents; no temperature changes which they are."""
        with evaluating(self.sampler()) as network:
            return closed(network(z).argmax(2), self.special_tokens)

    # Whoever asks looks first whether they are there: they are not.

    @property
    def log_likelihood(self) -> Any:
        """Not offered: sentences have none."""
        raise AttributeError("TextWGANGP: sentences that are made at once have no likelihood")

    @property
    def token_entropy(self) -> Any:
        """Not offered: no token is chosen by chance."""
        raise AttributeError("TextWGANGP: no token is chosen by chance")

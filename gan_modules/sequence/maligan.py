"""MaliGAN: sampled sentences weighed by what the discriminator says of their density.

Che, Li, Zhang, Hjelm, Li, Song, Bengio, "Maximum-Likelihood Augmented Discrete Generative
Adversarial Networks", 2017, arXiv:1702.07983. What changes from SeqGAN (``sequence/seqgan.py``): no
roll-outs. Where D is right, D / (1 - D) is the ratio of the data's density to the generator's, so
that samples with these weights stand for real sentences, whose likelihood is raised.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_modules.engine.reduction import joined_over_ranks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.policy_gradient import importance_weights
from gan_modules.language.speaking import drawn
from gan_modules.objectives import NonSaturating
from gan_modules.sequence.base import SequenceModule


class MaliGAN(SequenceModule):
    """The basic form of arXiv:1702.07983: one weight a sentence, for each of its tokens.

    Weights are normalised in the joined batch of all ranks. Their mean is subtracted, in place of
    the paper's b, which rises to 1; and its sum over the batch is a mean over tokens here. Its
    mixture with teacher forcing is left out: the stage of likelihood comes before the game.

    Args:
        generator: a speaker, see ``language/speaking.py``.
        discriminator: token ids ``(N, T)`` to raw scores ``(N,)``, such as ``TextCNN``.
        discriminator_steps: D steps per G step, each on a batch of its own.
        generator_lr: Adam's rate in the game.
        likelihood_lr: Adam's rate of G before it.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both players.
        generator_clip_norm: gradient norm limit of G.
        **kwargs: see :class:`SequenceModule`: lengths of the stages before the game.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    follows_rewards: ClassVar[bool] = True

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-3,
        likelihood_lr: float | None = 1e-2,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        generator_clip_norm: float | None = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            likelihood_lr=likelihood_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            **kwargs,
        )

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The likelihood of sampled sentences, weighted."""
        tokens = drawn(self.generator, self.training_latents(len(batch["tokens"])))
        return self.following(tokens, self.weights(tokens)[:, None].expand(tokens.shape))

    @torch.no_grad()
    def weights(self, tokens: Tensor) -> Tensor:
        """``B r_i / sum_j r_j - 1`` of B sentences over all ranks, ``(N,)``."""
        with evaluating(self.discriminator) as judge:
            scores = judge(tokens)
        everyone = joined_over_ranks(scores)
        # Near 1, one sentence has all the weight.
        self.note("generator/largest_share", everyone.softmax(0).max())
        return len(everyone) * importance_weights(scores, everyone)

"""ScratchGAN: a language model from adversarial rewards alone, one for each token.

de Masson d'Autume, Rosca, Rae, Mohamed, "Training language GANs from Scratch", 2019,
arXiv:1905.09922. What changes from SeqGAN (``sequence/seqgan.py``): nothing is pretrained, and
nothing rolled out: the discriminator judges each token after those before it. Large batches, its
regularisation and a baseline make up for that.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.policy_gradient import Baseline, MovingAverage, returns_to_go
from gan_modules.language.sentences import masked_mean, sentence_mask
from gan_modules.language.speaking import drawn
from gan_modules.objectives import NonSaturating, raised
from gan_modules.sequence.base import SequenceModule


class ScratchGAN(SequenceModule):
    """Sections 3 and 4 of arXiv:1905.09922, with the numbers of its released code.

    Means are over the tokens up to the end of each sentence; that code counts what comes behind,
    where the loss is constant. Its pretrained word vectors are ``PretrainedVectors`` of both
    networks, if any; the trained ones that it puts beside them are left out.

    Args:
        generator: a speaker, see ``language/speaking.py``; the authors' has two layers of 512.
        discriminator: token ids ``(N, T)`` to raw scores ``(N, T)`` that know what came before, as
            ``StepDiscriminator``.
        gamma: by which later rewards count less, token by token, in [0, 1].
        l2_weight: of half the sum of D's squared weights.
        baseline: None: the moving average of decay 0.08, nearly the mean of the last batch.
        generator_lr: Adam's rate of G.
        discriminator_lr: Adam's rate of D.
        betas: Adam's beta1 and beta2, both players.
        **kwargs: see :class:`SequenceModule`.

    Raises:
        ValueError: on numbers out of range, and on parts that do not go together.
    """

    follows_rewards: ClassVar[bool] = True

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        gamma: float = 0.23,
        l2_weight: float = 1e-6,
        baseline: Baseline | None = None,
        generator_lr: float = 9.59e-5,
        discriminator_lr: float = 9.38e-3,
        betas: tuple[float, float] = (0.5, 0.999),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            baseline=baseline or MovingAverage(0.08),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )
        checks.check_not_negative(self, l2_weight=l2_weight)
        if not 0.0 <= gamma <= 1.0:
            raise ValueError(
                f"ScratchGAN: gamma must lie in [0, 1], got {gamma}; the authors have 0.23, and 1 "
                "is the gradient of the sum of rewards"
            )
        self.gamma, self.l2_weight = gamma, l2_weight

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Half the cross entropy of real tokens, half that of generated ones, and the weights."""
        fake = self.generate(len(batch["tokens"]))
        (real_scores, real_mask), (fake_scores, fake_mask) = map(
            self.judged, (batch["tokens"], fake)
        )
        self.note("discriminator/real_score", masked_mean(real_scores, real_mask).detach())
        self.note("discriminator/fake_score", masked_mean(fake_scores, fake_mask).detach())
        real = masked_mean(F.softplus(-real_scores), real_mask)
        terms = {"adversarial": (real + masked_mean(F.softplus(fake_scores), fake_mask)) / 2.0}
        if self.l2_weight:
            squares = [weight.square().sum() for weight in self.discriminator.parameters()]
            terms["l2"] = self.l2_weight / 2.0 * torch.stack(squares).sum()
        return {**terms, **self.weight_penalties("discriminator", self.discriminator)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The policy gradient of the rewards from each token on."""
        tokens = drawn(self.generator, self.training_latents(len(batch["tokens"])))
        return self.following(tokens, returns_to_go(self.rewards(tokens), self.gamma))

    @torch.no_grad()
    def rewards(self, tokens: Tensor) -> Tensor:
        """``2 D - 1`` of each token, ``(N, T)`` in (-1, 1); 0 behind the end."""
        with evaluating(self.discriminator):
            scores, mask = self.judged(tokens)
        return (2.0 * torch.sigmoid(scores) - 1.0) * mask

    def judged(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(N, T)`` of sentences, and what counts of them."""
        scores = raised(self.discriminator(tokens))
        if scores.shape != tokens.shape:
            raise ValueError(
                f"ScratchGAN: discriminator must score each token {tuple(tokens.shape)}, got "
                f"scores {tuple(scores.shape)}; choose StepDiscriminator"
            )
        return scores, sentence_mask(tokens, self.special_tokens)

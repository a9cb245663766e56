"""EmbeddingCycleGAN: translators that answer in word vectors, so that gradients need no token.

Lee, Wang, Hsu, Chen, Lee, Lee, "Scalable Sentiment for Sequence-to-sequence Chatbot Response with
Performance Analysis", 2018, arXiv:1804.02504, its CycleGAN. What changes from TextCycleGAN
(``text_cycle_gan.py``): no word is chosen before the end. Each place gets a vector, the cycle is a
squared distance, and the discriminators judge rows of vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer, RMSprop

from gan_modules.engine import checks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.word_statistics import WordTable
from gan_modules.networks.embedding_rewriter import before
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty


class EmbeddingCycleGAN(RewritingGame):
    """The settings of the authors' code; their word vectors are word2vec's, ours are counted.

    For sentences x of a as vectors: ``L_G = 2 |G_ba(G_ab(x)) - x|^2 - D_b(G_ab(x))``, a mean over
    all coordinates, and the same with the domains swapped; discriminators pay a gradient penalty.
    On the way there a translator hears nothing of its answer, on the way back it is told the words
    before each. A vector is read as the word with the greatest cosine. Behind the end, ends follow.

    Args:
        generator_ab: an ``EmbeddingRewriter`` of a as b.
        generator_ba: the other way.
        discriminator_a: vectors ``(N, T, d)`` to raw scores, such as ``ResidualTextJudge``.
        discriminator_b: the same for b.
        cycle_weight: of the cycle.
        penalty_weight: the lambda of arXiv:1704.00028.
        restoring_samples: sentences of each domain in a first stage, in which each translator
            learns to say again what it reads.
        restoring_lr: rate of the translators in it.
        discriminator_steps: see :class:`RewritingGame`.
        generator_lr: of RMSprop, for the translators.
        discriminator_lr: of Adam, for the discriminators.
        betas: Adam's beta1 and beta2.
        generator_clip_norm: gradient norm limit of the translators; None is off.
        **kwargs: see :class:`RewritingGame`; there is no noise on words.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    rewrites_by, disturbs_words = "dim", False

    def __init__(
        self,
        generator_ab: nn.Module,
        generator_ba: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        cycle_weight: float = 2.0,
        penalty_weight: float = 10.0,
        restoring_samples: int = 36_000,
        restoring_lr: float | None = 1e-3,
        discriminator_steps: int = 3,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        generator_clip_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            nn.ModuleDict({"ab": generator_ab, "ba": generator_ba}),
            nn.ModuleDict({"a": discriminator_a, "b": discriminator_b}),
            restoring_samples=restoring_samples,
            restoring_lr=restoring_lr,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            **kwargs,
        )
        checks.check_not_negative(self, cycle_weight=cycle_weight)
        self.cycle_weight, self.penalty = cycle_weight, GradientPenalty(penalty_weight)
        self.objective = Wasserstein()
        self.table = WordTable(
            "EmbeddingCycleGAN", self.vocabulary_size, generator_ab, generator_ba
        )

    def setup(self, stage: str) -> None:
        """Also: word vectors are counted in the data; those of a checkpoint take their place."""
        super().setup(stage)
        self.table.fit(getattr(self.trainer, "datamodule", None))

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> Optimizer:
        """RMSprop for the translators, Adam for the discriminators."""
        own = {id(parameter) for parameter in self.generator.parameters()}
        if id(parameters[0]) in own:
            return RMSprop(parameters, lr=lr)
        return super().optimizer(parameters, lr)

    def generator_restoring_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each translator says again what it reads: told the words before each, and silently."""
        losses = {}
        for source, target in self.directions:
            vectors = self.table.vectors_of(batch[f"tokens_{source}"])
            translator = self.generator[f"{source}{target}"]
            answers = torch.stack([translator(vectors, before(vectors)), translator(vectors)])
            losses[f"restored_{source}"] = F.mse_loss(answers, vectors.expand_as(answers))
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rows of vectors are told apart; and the penalties."""
        losses = {}
        for source, target in self.directions:
            judge = self.discriminator[target]
            real = self.table.vectors_of(batch[f"tokens_{target}"])
            with torch.no_grad():
                sentences = self.table.vectors_of(batch[f"tokens_{source}"])
                fake = self.generator[f"{source}{target}"](sentences)
            loss = self.objective.discriminator_loss(judge(real), judge(fake))
            losses[f"adversarial_{target}"] = loss
            penalty = self.penalty.penalty(judge, real, fake, self.noise)
            losses[f"{self.penalty.name}_{target}"] = penalty
        return losses

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """There and back, and what the discriminators say of it."""
        losses = {}
        for source, target in self.directions:
            vectors = self.table.vectors_of(batch[f"tokens_{source}"])
            fake = self.generator[f"{source}{target}"](vectors)
            back = self.generator[f"{target}{source}"](fake, before(vectors))
            losses[f"cycle_{source}"] = self.cycle_weight * F.mse_loss(back, vectors)
            fooled = self.objective.generator_loss(self.discriminator[target](fake))
            losses[f"adversarial_{target}"] = fooled
        return losses

    @torch.no_grad()
    def rewrite(self, tokens: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """As the base; each vector is read as the word with the greatest cosine."""
        self.require_direction(source, target)
        with evaluating(self.sampler()) as networks:
            vectors = self.table.vectors_of(tokens.to(self.device))
            return self.table.words_of(networks[f"{source}{target}"](vectors))  # type: ignore[index]

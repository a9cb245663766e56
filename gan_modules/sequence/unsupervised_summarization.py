"""UnsupervisedSummarizer: summaries that read like summaries, and tell the article again.

Wang, Lee, "Learning to Encode Text as Human-Readable Summaries using Generative Adversarial
Networks", 2018, arXiv:1810.02851, in the form of the authors' later code, whose training is that of
ScratchGAN. What changes from ScratchGAN (``scratchgan.py``): the speaker has read an article, and a
reconstructor that reads the summary rewards what it can tell the article from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.language.coverage import looked_again
from gan_modules.language.cycle_similarity import LikelihoodSimilarity
from gan_modules.language.excerpts import Excerpts
from gan_modules.language.policy_gradient import MovingAverage, policy_loss, returns_to_go
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.sentences import masked_mean
from gan_modules.language.speaking import greedy, likelihoods
from gan_modules.language.summarizing import centered_opinions, judged, require_pair, told_apart
from gan_modules.weight_schedule import require_points, weight_at


class UnsupervisedSummarizer(RewritingGame):
    """The game of arXiv:1810.02851, with the numbers of its released code.

    For an article x, y' drawn and y* likeliest of G(x): ``r_t = 2 sigmoid(D_t(y')) - 1`` less its
    mean over the batch at step t, ``R_t = r_t + gamma R_(t+1)``, and
    ``L_G = -mean (R_t + w (CE_R(x|y*) - CE_R(x|y'))) log G(y'_t) + w_cov sum_i min(a_ti, c_ti)``.
    ``L_R = CE_R(x|y*)``: R knows G's best guess alone. D tells summaries of other articles from y',
    token by token. First G learns to find excerpts in scrambled articles, then D and R learn alone.

    Args:
        generator: a rewriter of articles as summaries, such as ``PointerRewriter``.
        reconstructor: a rewriter of summaries as articles.
        discriminator: token ids ``(N, T)`` to raw scores ``(N, T)``, as ``StepDiscriminator``.
        excerpts: what G learns first; None: those of the paper.
        gamma: by which later rewards of D count less.
        reconstruction_weights: w as (step of G, weight), along straight lines.
        coverage_weight: w_cov.
        reconstructor_lr: rate of R.
        **kwargs: see :class:`RewritingGame`; the authors have ``discriminator_samples`` 144,000.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    directions, purpose, disturbs_words = (("a", "b"),), "summary", False

    def __init__(
        self,
        generator: nn.Module,
        reconstructor: nn.Module,
        discriminator: nn.Module,
        excerpts: Excerpts | None = None,
        gamma: float = 0.3,
        reconstruction_weights: Sequence[tuple[int, float]] = ((0, 0.5), (14_000, 1.2)),
        coverage_weight: float = 0.1,
        discriminator_steps: int = 3,
        generator_lr: float = 5e-5,
        discriminator_lr: float = 2e-3,
        reconstructor_lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        **kwargs: Any,
    ) -> None:
        given: dict[str, Any] = {"generator_lr": generator_lr, "discriminator_lr": discriminator_lr}
        given |= {"discriminator_steps": discriminator_steps, "betas": betas}
        super().__init__(nn.ModuleDict({"ab": generator}), discriminator, **given, **kwargs)
        checks.check_not_negative(self, coverage_weight=coverage_weight)
        checks.check_positive(self, reconstructor_lr=reconstructor_lr)
        require_points(self, "reconstruction_weights", reconstruction_weights)
        require_pair(self, generator, reconstructor, gamma)
        self.reconstructor, self.reconstructor_lr = reconstructor, reconstructor_lr
        self.excerpts, self.gamma = excerpts or Excerpts(), gamma
        self.reconstruction_weights, self.coverage_weight = reconstruction_weights, coverage_weight
        # The mean of the last batch, place by place.
        self.center = MovingAverage(0.0, self.lengths["b"])

    def players(self) -> tuple[Player, ...]:
        """R is a third."""
        return *super().players(), self.player("reconstructor", self.reconstructor)

    def schedule(self) -> tuple[Stage, ...]:
        """Excerpts, D and R alone, and the game."""
        both = (Turn("discriminator"), Turn("reconstructor"))
        stages = super().schedule()
        return tuple(replace(s, turns=both) if s.name == "discriminator" else s for s in stages)

    def turns(self) -> tuple[Turn, ...]:
        """D in every round, G and R together in the last of some."""
        of_d, of_g = super().turns()
        return of_d, replace(of_g, players=("generator", "reconstructor"))

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``fake_b``, drawn, and ``likeliest_b``, as far as they are needed."""
        batch = self.with_drawn(batch) if self.acts("discriminator") else batch
        if not self.acts("reconstructor"):
            return batch
        with torch.no_grad():
            speaker = self.reading(self.generator, batch["tokens_a"], "a", "b")
            return {**batch, "likeliest_b": greedy(speaker, speaker.n)}

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Summaries of other articles against those of G."""
        real, fake = (judged(self.discriminator, batch[key]) for key in ("tokens_b", "fake_b"))
        for name, one in (("real", real), ("fake", fake)):
            self.note(f"discriminator/{name}_score", masked_mean(*one).detach())
        return {"adversarial": told_apart(real, fake)}

    def reconstructor_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The article, for the likeliest summary."""
        speaker = self.reconstructor.reading(batch["likeliest_b"])  # type: ignore[operator]
        told = likelihoods(speaker, batch["tokens_a"])
        return {"article": -masked_mean(told.log_probability, told.mask)}

    def generator_restoring_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Excerpts, read in the scrambled article."""
        scrambled, excerpt = self.excerpts(batch["tokens_a"], self.lengths["b"], self.noise)
        return {"excerpt": self.restored(excerpt, scrambled, "a", "b")}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Rewards of what was drawn, and coverage."""
        articles, fake, likeliest = (batch[k] for k in ("tokens_a", "fake_b", "likeliest_b"))
        speaker = self.reading(self.generator, articles, "a", "b")
        told = likelihoods(speaker, fake)
        opinions = centered_opinions(self.discriminator, fake, self.center)
        kept, best = (self.reconstruction(articles, y) for y in (fake, likeliest))
        weight = weight_at(self.reconstruction_weights, self.steps.get("generator", 0))
        advantages = returns_to_go(opinions, self.gamma) + weight * (kept - best)[:, None]
        self.note("generator/kept", best.mean())
        again = masked_mean(looked_again(speaker.attention(fake)), told.mask)
        return {
            "policy": policy_loss(advantages, told.log_probability, told.mask),
            "coverage": self.coverage_weight * again,
        }

    @torch.no_grad()
    def reconstruction(self, articles: Tensor, summaries: Tensor) -> Tensor:
        """Mean log-probability ``(N,)`` of the tokens of articles, for summaries, in nats."""
        with evaluating(self.reconstructor) as reader:
            return LikelihoodSimilarity()(reader.reading, articles, summaries)  # type: ignore

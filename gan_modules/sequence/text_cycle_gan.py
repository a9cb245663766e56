"""TextCycleGAN: a CycleGAN of sentences, whose translators follow rewards for what they drew.

Nearest in print: Lee, Wang, Hsu, Chen, Lee, Lee, "Scalable Sentiment for Sequence-to-sequence
Chatbot Response with Performance Analysis", 2018, arXiv:1804.02504, which has both a CycleGAN and
rewards; this sum of the two, as it is taught, is in no paper. What changes from CycleGAN
(``translation/cycle_gan.py``): a drawn token has no derivative, so D's opinion and the way back are
rewards, over those of the translator's own best guess, and each translator also learns by
supervision: to restore what was disturbed, and what the other translator made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.cycle_similarity import CycleSimilarity, LikelihoodSimilarity
from gan_modules.language.policy_gradient import policy_loss
from gan_modules.language.rewriting import RewritingGame
from gan_modules.language.self_critical import self_critical
from gan_modules.language.sentences import masked_mean
from gan_modules.language.speaking import greedy, likelihoods
from gan_modules.objectives import NonSaturating


class TextCycleGAN(RewritingGame):
    """Rewards there and back, and two supervised terms.

    For x of a, y of b, y' drawn and y* likeliest of G_ab(x), and x' drawn of G_ba(y):
    ``L_ab = -mean A log G_ab(y'|x) + w_bt CE G_ab(y|x') + w_dae CE G_ab(y|noise(y)) - ent H`` with
    ``A = w_adv (r(y') - r(y*)) + w_cyc (sim(x, y') - sim(x, y*))`` and ``r = 2 sigmoid(D_b) - 1``,
    in units of the spread of A, and the same with the domains swapped. D_b tells y from y', and
    from x too: otherwise copies would pass.

    Args:
        generator_ab: rewriter of a as b, see ``gan_modules/networks/reading.py``.
        generator_ba: the other way.
        discriminator_a: token ids ``(N, T)`` to raw scores ``(N,)``, such as ``TextCNN``.
        discriminator_b: the same for b.
        similarity: of a sentence to its rewriting, for the cycle; None: the likelihood.
        adversarial_weight: w_adv.
        cycle_weight: w_cyc.
        back_weight: w_bt.
        restoring_weights: w_dae at the beginning of the game, and at the end of its linear fall.
        restoring_decay_steps: steps of the translators in which it falls.
        entropy_weight: ent, in nats a token.
        restoring_samples: see :class:`RewritingGame`, as for the rest.
        restoring_lr: see there.
        discriminator_samples: see there.
        discriminator_steps: see there.
        **kwargs: see there.

    Raises:
        ValueError: on numbers out of range, and on networks that do not go together.
    """

    def __init__(
        self,
        generator_ab: nn.Module,
        generator_ba: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        similarity: CycleSimilarity | None = None,
        adversarial_weight: float = 1.0,
        cycle_weight: float = 1.0,
        back_weight: float = 0.5,
        restoring_weights: tuple[float, float] = (0.5, 0.1),
        restoring_decay_steps: int = 2000,
        entropy_weight: float = 0.01,
        restoring_samples: int = 128_000,
        restoring_lr: float | None = 3e-4,
        discriminator_samples: int = 19_200,
        discriminator_steps: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            nn.ModuleDict({"ab": generator_ab, "ba": generator_ba}),
            nn.ModuleDict({"a": discriminator_a, "b": discriminator_b}),
            restoring_samples=restoring_samples,
            restoring_lr=restoring_lr,
            discriminator_samples=discriminator_samples,
            discriminator_steps=discriminator_steps,
            **kwargs,
        )
        weights = {"adversarial_weight": adversarial_weight, "cycle_weight": cycle_weight}
        weights |= {"back_weight": back_weight, "entropy_weight": entropy_weight}
        checks.check_not_negative(self, **weights, restoring_weights=min(restoring_weights))
        checks.check_positive(self, restoring_decay_steps=restoring_decay_steps)
        self.similarity, self.objective = similarity or LikelihoodSimilarity(), NonSaturating()
        self.adversarial_weight, self.cycle_weight = adversarial_weight, cycle_weight
        self.back_weight, self.entropy_weight = back_weight, entropy_weight
        self.restoring_weights, self.decay_steps = restoring_weights, restoring_decay_steps

    def setup(self, stage: str) -> None:
        """Also: the similarity sees the data."""
        super().setup(stage)
        self.similarity.prepare(getattr(self.trainer, "datamodule", None))

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Both sides share what is drawn; where sentences are only restored, nothing is."""
        return self.with_drawn(batch) if self.acts("discriminator") else batch

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Real sentences against drawn ones and those of the other domain, half of each."""
        losses = {}
        for source, target in self.directions:
            shown = (f"tokens_{target}", f"fake_{target}", f"tokens_{source}")
            real, *false = (self.discriminator[target](batch[key]) for key in shown)
            self.note(f"discriminator/real_score_{target}", real.detach().mean())
            self.note(f"discriminator/fake_score_{target}", false[0].detach().mean())
            loss = self.objective.discriminator_loss(real, torch.cat(false))
            losses[f"adversarial_{target}"] = loss
        return losses

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The rewards of what was drawn, and the two supervised terms."""
        losses = {}
        for source, target in self.directions:
            tokens, drawn = batch[f"tokens_{source}"], batch[f"fake_{target}"]
            speaker = self.reading(self.generator, tokens, source, target)
            likeliest = greedy(speaker, len(tokens))
            own, best = (self.earned(tokens, y, source, target) for y in (drawn, likeliest))
            told, advantages = likelihoods(speaker, drawn), self_critical(own, best)[:, None]
            losses[f"policy_{target}"] = policy_loss(advantages, told.log_probability, told.mask)
            entropy = masked_mean(told.entropy, told.mask)
            losses[f"entropy_{target}"] = -self.entropy_weight * entropy
            # Drawn ones hold words of the other domain long before the likeliest ones do.
            pair = (batch[f"tokens_{target}"], batch[f"fake_{source}"])
            losses[f"back_{target}"] = self.back_weight * self.restored(*pair, source, target)
        first, last = self.restoring_weights
        fallen = min(1.0, self.steps.get("generator", 0) / self.decay_steps)
        weight = first + (last - first) * fallen
        restoring = self.generator_restoring_losses(batch)
        return losses | {name: weight * loss for name, loss in restoring.items()}

    @torch.no_grad()
    def earned(self, tokens: Tensor, written: Tensor, source: str, target: str) -> Tensor:
        """The reward ``(N,)`` of each rewriting: D's opinion in [-1, 1], and the cycle."""
        with evaluating(self.discriminator[target]) as judge:
            opinion = 2.0 * torch.sigmoid(judge(written)) - 1.0
        kept = self.similarity(
            lambda y: self.reading(self.generator, y, target, source), tokens, written
        )
        self.note(f"generator/opinion_{target}", opinion.mean())
        self.note(f"generator/kept_{source}", kept.mean())
        return self.adversarial_weight * opinion + self.cycle_weight * kept

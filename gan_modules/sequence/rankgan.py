"""RankGAN: the discriminator ranks sentences by their likeness to real ones, instead of judging.

Lin, Li, He, Zhang, Sun, "Adversarial Ranking for Language Generation", 2017, arXiv:1705.11001. What
changes from SeqGAN (``sequence/seqgan.py``): what a sentence earns is how it ranks, among sentences
of the other kind, by the angle between its features and those of real sentences set aside.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.reduction import joined_over_ranks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.policy_gradient import Baseline, BatchMean
from gan_modules.language.speaking import drawn
from gan_modules.objectives import NonSaturating
from gan_modules.sequence.base import SequenceModule


def log_ranks(ranked: Tensor, references: Tensor, others: Tensor, gamma: float) -> Tensor:
    """``log E_u softmax(gamma cos(s, u))``, of each sentence s among itself and others.

    Args:
        ranked: features ``(N, F)``, each ranked by itself.
        references: ``(M, F)``, the u.
        others: ``(K, F)``, what each competes with.
        gamma: sharpness of the softmax.

    Returns:
        ``(N,)``, below 0; ``-log(K + 1)`` where nothing differs.
    """
    u = F.normalize(references, dim=1).T
    own, theirs = (gamma * F.normalize(rows, dim=1) @ u for rows in (ranked, others))
    shares = own - torch.logaddexp(own, torch.logsumexp(theirs, 0))
    return shares.logsumexp(1) - torch.tensor(float(len(references))).log()


class RankGAN(SequenceModule):
    """Equations 3 to 8 of arXiv:1705.11001, without its roll-outs: one reward a sentence.

    Some of each real batch, the first of all ranks together, are what is compared with; the others
    and the generated ones compete.

    Args:
        generator: a speaker, see ``language/speaking.py``.
        discriminator: the ranker: has ``describe``, ids ``(N, T)`` to features ``(N, F)``, such as
            ``TextCNN``; its ``head`` plays no part.
        reference_share: of a real batch, what others are compared with, at least one sentence; the
            authors' code has 16 beside 64.
        gamma: the paper's inverse temperature of ranks; the authors' code has 1.
        baseline: None: the mean of the batch, as log-ranks are all below 0.
        discriminator_steps: steps of the ranker per G step, each on a batch of its own.
        generator_lr: Adam's rate in the game.
        likelihood_lr: Adam's rate of G before it.
        discriminator_lr: Adam's rate of the ranker.
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
        reference_share: float = 0.25,
        gamma: float = 1.0,
        baseline: Baseline | None = None,
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
            baseline=baseline or BatchMean(),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            likelihood_lr=likelihood_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            **kwargs,
        )
        checks.check_positive(self, gamma=gamma)
        if not 0.0 < reference_share < 1.0:
            raise ValueError(
                f"RankGAN: reference_share must lie between 0 and 1, got {reference_share}; the "
                "others compete: give 0.25"
            )
        if not hasattr(discriminator, "describe"):
            raise ValueError(
                "RankGAN: discriminator must have describe(tokens), its features, got "
                f"{type(discriminator).__name__}; choose TextCNN"
            )
        self.reference_share, self.gamma = reference_share, gamma
        getattr(discriminator, "head", nn.Identity()).requires_grad_(False)

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Real sentences shall rank high among generated ones, and these low among real ones."""
        fake = self.generate(len(batch["tokens"]))
        references, real = self.compared(self.discriminator, batch["tokens"])
        made = joined_over_ranks(self.discriminator.describe(fake))  # type: ignore[operator]
        of_real = log_ranks(real, references, made, self.gamma).mean()
        of_fake = log_ranks(made, references, real, self.gamma).mean()
        self.note("discriminator/real_score", of_real.detach())
        self.note("discriminator/fake_score", of_fake.detach())
        terms = {"ranking": of_fake - of_real}
        return {**terms, **self.weight_penalties("discriminator", self.discriminator)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The policy gradient of the log-rank among real sentences."""
        tokens = drawn(self.generator, self.training_latents(len(batch["tokens"])))
        with torch.no_grad(), evaluating(self.discriminator) as ranker:
            references, real = self.compared(ranker, batch["tokens"])
            ranks = log_ranks(ranker.describe(tokens), references, real, self.gamma)  # type: ignore
        return self.following(tokens, ranks[:, None].expand(tokens.shape))

    def compared(self, ranker: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the references, and of the other real sentences, of all ranks."""
        features = joined_over_ranks(ranker.describe(tokens))
        count = max(1, round(self.reference_share * len(features)))
        if len(features) <= count:
            raise ValueError(
                f"RankGAN: batch must leave sentences to compete beside {count} references, got "
                f"{len(features)}; set data.init_args.batch_size higher, or reference_share lower"
            )
        return features[:count], features[count:]

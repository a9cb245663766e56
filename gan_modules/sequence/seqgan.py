"""SeqGAN: a generator of tokens as a policy, rewarded by a discriminator through roll-outs.

Yu, Zhang, Wang, Yu, "SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient", 2017,
arXiv:1609.05473. What changes from GAN (``unconditional/gan.py``): a drawn token has no derivative,
so the generator follows the score function. What a token is worth is the discriminator's mean
opinion of whole sentences that a second, slower policy makes of the beginning that ends with it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.ema import averaged_copy, update_average
from gan_modules.engine.reduction import joined_over_ranks
from gan_modules.engine.sampling import evaluating
from gan_modules.language.policy_gradient import Baseline, MovingAverage
from gan_modules.language.rollouts import completed
from gan_modules.language.speaking import drawn
from gan_modules.objectives import NonSaturating
from gan_modules.sequence.base import SequenceModule


class SeqGAN(SequenceModule):
    """Algorithm 1 of arXiv:1609.05473.

    The authors subtract no baseline and sum over tokens; here rewards are centred place by place,
    and the loss is a mean. The roll-out policy is 0.8 of itself and 0.2 of the generator after each
    step, as in the authors' code; the paper copies the generator.

    Args:
        generator: a speaker, see ``language/speaking.py``.
        discriminator: token ids ``(N, T)`` to raw scores ``(N,)``, such as ``TextCNN``.
        rollouts: completions of each beginning, the paper's N.
        rollout_decay: of the roll-out policy after each G step; 0 copies the generator.
        baseline: None: a moving average for each place.
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
        rollouts: int = 16,
        rollout_decay: float = 0.8,
        baseline: Baseline | None = None,
        discriminator_steps: int = 5,
        generator_lr: float = 1e-3,
        likelihood_lr: float | None = 1e-2,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        generator_clip_norm: float | None = 5.0,
        **kwargs: Any,
    ) -> None:
        length = getattr(generator, "length", None)
        super().__init__(
            generator,
            discriminator,
            NonSaturating(),
            baseline=baseline or MovingAverage(0.9, length),
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            likelihood_lr=likelihood_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            generator_clip_norm=generator_clip_norm,
            **kwargs,
        )
        checks.check_positive(self, rollouts=rollouts)
        if not 0.0 <= rollout_decay < 1.0:
            raise ValueError(
                f"SeqGAN: rollout_decay must lie in [0, 1), got {rollout_decay}; the authors' code "
                "has 0.8, and 0 is the paper's copy"
            )
        self.rollouts, self.rollout_decay = rollouts, rollout_decay
        self.rollout_policy = averaged_copy(generator)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The policy gradient of the discriminator's opinion, token by token."""
        tokens = drawn(self.generator, self.training_latents(len(batch["tokens"])))
        return self.following(tokens, self.values(tokens))

    @torch.no_grad()
    def values(self, tokens: Tensor) -> Tensor:
        """Q ``(N, T)``: what D makes of the sentences that each beginning leads to, 0 to 1.

        The last token is judged as it stands, without roll-outs.
        """
        n, length = tokens.shape
        uniforms = self.noise.uniform(
            n, self.rollouts, length - 1, length, device=self.device, dtype=self.float_dtype
        )
        whole = completed(self.rollout_policy, tokens, uniforms)
        with evaluating(self.discriminator) as judge:
            opinions = torch.sigmoid(judge(whole.view(-1, length))).view(whole.shape[:3])
            last = torch.sigmoid(judge(tokens))
        values = torch.cat([opinions.mean(0).T, last[:, None]], 1)
        self.note("generator/reward_std", joined_over_ranks(values).std())
        return values

    def player_stepped(self, name: str) -> None:
        """The roll-out policy follows the generator."""
        super().player_stepped(name)
        if name == "generator":
            # What it knew before the game is worth nothing: it begins as the pretrained generator.
            pretraining = self.steps["generator"] == 0
            decay = 0.0 if pretraining else self.rollout_decay
            update_average(self.rollout_policy, self.generator, decay)

"""Gradients through drawn tokens: rewards, what is subtracted from them, and the surrogate loss.

REINFORCE (Williams, 1992): ``grad E[R] = E[(R - b) grad log pi]`` for any b that the draw does not
move. Functions of this file know nothing of networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.language.sentences import masked_mean


def returns_to_go(rewards: Tensor, gamma: float = 1.0) -> Tensor:
    """``R_t = r_t + gamma R_{t+1}``.

    With gamma below 1 its policy gradient is not that of the sum of rewards.

    Args:
        rewards: ``(N, T)``, 0 behind the ends of the sentences.
        gamma: in [0, 1].
    """
    after, found = torch.zeros_like(rewards[:, 0]), []
    for reward in reversed(rewards.unbind(1)):
        after = reward + gamma * after
        found.append(after)
    return torch.stack(found[::-1], 1)


def policy_loss(advantages: Tensor, log_probability: Tensor, mask: Tensor) -> Tensor:
    """The surrogate ``-mean[(R - b) log pi]``, over what counts on all ranks.

    Args:
        advantages: ``(N, T)``; no gradient passes.
        log_probability: ``(N, T)`` of the drawn tokens, with its graph.
        mask: bool ``(N, T)``.
    """
    return -masked_mean(advantages.detach() * log_probability, mask)


def importance_weights(scores: Tensor, everyone: Tensor) -> Tensor:
    """MaliGAN's rewards ``r_i / sum_j r_j - 1 / B`` with ``r = D / (1 - D) = exp(score)``.

    Args:
        scores: ``(N,)`` logits of D, detached.
        everyone: ``(B,)`` those of the joined batch of all ranks.

    Returns:
        ``(N,)``; they sum to 0 over the joined batch.
    """
    return torch.exp(scores - torch.logsumexp(everyone, 0)) - 1.0 / len(everyone)


class Baseline(nn.Module):
    """What is subtracted from returns; this one is 0.

    Called once in each step of the policy, on all ranks together. One that learns by gradients has
    parameters, which the generator's steps move, by a loss of their own: ``language/values.py``.
    """

    def forward(self, returns: Tensor, mask: Tensor, tokens: Tensor | None = None) -> Tensor:
        """The baseline, which broadcasts against returns.

        Args:
            returns: ``(N, T)``, detached, 0 where the mask is False.
            mask: bool ``(N, T)``.
            tokens: int64 ``(N, T)``, the sentences, for a baseline that looks at them.
        """
        return torch.zeros_like(returns[:1, :1])

    def losses(self, values: Tensor, returns: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Weighted terms by which it learns; none, if it does not learn by gradients.

        Args:
            values: what the call has just given.
            returns: as in the call.
            mask: as in the call.
        """
        return {}


class BatchMean(Baseline):
    """The mean return of the joined batch."""

    def forward(self, returns: Tensor, mask: Tensor, tokens: Tensor | None = None) -> Tensor:
        """A scalar, ``(1, 1)``."""
        return mean_over_ranks(masked_mean(returns, mask)).view(1, 1)


class MovingAverage(Baseline):
    """``b <- d b + (1 - d) mean(R)``, and the new b is subtracted.

    Args:
        decay: d.
        length: T, for an average of each place by itself; None: one for all.

    Raises:
        ValueError: if the decay is not in [0, 1).
    """

    value: Tensor

    def __init__(self, decay: float = 0.08, length: int | None = None) -> None:
        super().__init__()
        if not 0.0 <= decay < 1.0:
            raise ValueError(
                f"MovingAverage: decay must lie in [0, 1), got {decay}; 0 keeps the last batch"
            )
        self.decay = decay
        self.register_buffer("value", torch.zeros(1, length or 1))

    def forward(self, returns: Tensor, mask: Tensor, tokens: Tensor | None = None) -> Tensor:
        """``(1, 1)`` or ``(1, T)``; a place that no sentence reaches keeps its value."""
        if self.value.shape[1] == 1:
            mean = mean_over_ranks(masked_mean(returns, mask)).view(1, 1)
            reached = torch.ones_like(mean, dtype=torch.bool)
        else:
            count = mean_over_ranks(mask.sum(0, keepdim=True).to(returns.dtype))
            total = mean_over_ranks((returns * mask).sum(0, keepdim=True))
            reached = count > 0
            mean = total / count.clamp_min(1e-30)
        moved = self.decay * self.value + (1.0 - self.decay) * mean.to(self.value.dtype)
        self.value.copy_(moved.where(reached, self.value))
        return self.value.to(returns.dtype)

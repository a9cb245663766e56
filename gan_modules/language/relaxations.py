"""Relaxations of a choice: weights of all tokens in place of one token, so that gradients pass.

A drawn token has no derivative by the logits. Each class here trades that for another fault:
weights that no real sentence has, noise, or a backward that is not that of the forward.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


def gumbel(uniforms: Tensor) -> Tensor:
    """Standard Gumbel noise ``-log(-log u)`` of uniform numbers in [0, 1).

    They are multiples of 2^-24, and 1 - u is as good as u. A zero becomes half the smallest of the
    others: the noise stays below 17.4, as that of numbers in between would nearly always.
    """
    return -torch.log(-torch.log1p(-uniforms.clamp_min(2.0**-25)))


def sharpness_at(step: int, start: float, end: float, steps: int) -> float:
    """The inverse temperature on its way: ``start (end / start) ^ (t / N)``, then ``end``.

    Args:
        step: t, of the generator.
        start: at step 0.
        end: from step N on.
        steps: N.
    """
    return float(start * (end / start) ** min(1.0, step / steps))


class Relaxation(ABC):
    """Logits to weights that sum to 1."""

    @abstractmethod
    def __call__(self, logits: Tensor, uniforms: Tensor, sharpness: float) -> Tensor:
        """Weights ``(N, V)``.

        Args:
            logits: ``(N, V)``.
            uniforms: ``(N, V)`` in [0, 1), of the noise.
            sharpness: the inverse temperature, beta.
        """


class Softmax(Relaxation):
    """No noise: beside one-hot rows under a gradient penalty (arXiv:1704.00028)."""

    def __call__(self, logits: Tensor, uniforms: Tensor, sharpness: float) -> Tensor:
        """``softmax(beta o)``."""
        return torch.softmax(logits * sharpness, 1)


class GumbelSoftmax(Relaxation):
    """``softmax(beta (o + g))`` (arXiv:1611.04051, arXiv:1611.01144)."""

    def __call__(self, logits: Tensor, uniforms: Tensor, sharpness: float) -> Tensor:
        """Weights that become one-hot, and those of exact draws, as beta grows."""
        return torch.softmax((logits + gumbel(uniforms)) * sharpness, 1)


class StraightThrough(GumbelSoftmax):
    """One-hot forward, an exact draw; backward as if it had been :class:`GumbelSoftmax`."""

    def __call__(self, logits: Tensor, uniforms: Tensor, sharpness: float) -> Tensor:
        """Rows of 0 and 1, exactly, with the gradient of the soft ones."""
        soft = super().__call__(logits, uniforms, sharpness)
        hard = nn.functional.one_hot(soft.argmax(1), soft.shape[1]).to(soft.dtype)
        passed: Tensor = _PassedOn.apply(hard, soft)
        return passed


class Drawn(Relaxation):
    """One-hot forward, an exact draw; backward as if it had been :class:`Softmax`, without noise.

    Bengio et al., arXiv:1308.3432, section 4. What judges such rows sees no difference but which
    tokens follow which, and the gradient is that of all tokens, with less variance than that of
    :class:`StraightThrough`.
    """

    def __call__(self, logits: Tensor, uniforms: Tensor, sharpness: float) -> Tensor:
        """Rows of 0 and 1, exactly, with the gradient of ``softmax(beta o)``."""
        drawn = (logits.detach() * sharpness + gumbel(uniforms)).argmax(1)
        soft = torch.softmax(logits * sharpness, 1)
        hard = nn.functional.one_hot(drawn, soft.shape[1]).to(soft.dtype)
        passed: Tensor = _PassedOn.apply(hard, soft)
        return passed


class _PassedOn(torch.autograd.Function):
    """The first argument, whose gradient goes to the second: ``hard + soft - soft`` would round."""

    @staticmethod
    def forward(ctx: object, hard: Tensor, soft: Tensor) -> Tensor:
        return hard.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gradient

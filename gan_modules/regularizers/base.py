"""What a regularizer is, and the checks and casts that all share."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise

Score = Callable[[Tensor], Tensor]


class Regularizer:
    """Base with the three hooks; each does nothing until overridden.

    A regularizer is a term of D's loss (:meth:`penalty`), a term on the weights of one player
    (:meth:`weight_penalty`) or a constraint that is restored after that player's step
    (:meth:`after_step`). Penalties get a closure ``score(samples) -> scores`` and not a network, so
    that one class serves plain, conditional and paired discriminators: the closure carries the
    labels. They run outside autocast, since their double backward is percents off in bf16.

    Attributes:
        name: key of the penalty in the logs.
        player: whose loss and steps it belongs to: discriminator or generator.
        per_sample: the penalty reads the gradient of one sample's score, which a discriminator
            that normalises over the batch does not have; the engine refuses that pair.
        bounds_slope: keeps the slope of D finite, which a Wasserstein objective needs.

    Args:
        interval: the penalty is due on every ``interval``-th step of its player. The engine
            multiplies it by ``interval`` there, which keeps its mean strength (lazy
            regularisation, arXiv:1912.04958, section 3.1).

    Raises:
        ValueError: if ``interval`` is not a positive integer.
    """

    name: str = "regularizer"
    player: str = "discriminator"
    per_sample: bool = False
    bounds_slope: bool = False

    def __init__(self, interval: int = 1) -> None:
        if not isinstance(interval, int) or interval < 1:
            raise ValueError(
                f"{type(self).__name__}: interval must be a positive integer, got {interval}; "
                "1 applies it on every step of its player"
            )
        self.interval = interval

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor | None:
        """A weighted scalar to add to D's loss, or None.

        Args:
            score: samples ``(N, ...)`` to raw scores ``(N,)``, differentiable in its input.
            real: ``(N, ...)`` samples of the data, images in [-1, 1].
            fake: generated samples of the same shape; their graph is not followed.
            noise: where random coefficients come from.
        """
        return None

    def weight_penalty(self, network: nn.Module) -> Tensor | None:
        """A weighted scalar on the weights of the player's network, or None."""
        return None

    def after_step(self, network: nn.Module) -> None:
        """Restore a constraint on the parameters after the player's optimizer step."""


def full_precision(samples: Tensor) -> Tensor:
    """At least float32; float64 stays."""
    return samples if samples.dtype == torch.float64 else samples.float()


def require_positive(owner: Regularizer, name: str, value: float) -> float:
    """``value``, if it is positive and finite.

    Raises:
        ValueError: otherwise.
    """
    if not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"{type(owner).__name__}: {name} must be positive and finite, got {value}; "
            "to switch the term off, leave the regularizer out"
        )
    return value

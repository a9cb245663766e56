"""Penalties on the slope of D: between real and generated samples, or at one of the two."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.regularizers.base import Regularizer, Score, require_positive
from gan_modules.regularizers.slopes import points_between, slopes, squared_slopes


class SlopePenalty(Regularizer):
    """What the penalties on slopes share: they read the gradient of each sample's own score."""

    per_sample = True
    bounds_slope = True


class GradientPenalty(SlopePenalty):
    """Pulls the slope of D between real and generated samples to one value, from both sides.

    Gulrajani et al., arXiv:1704.00028, equation 3 and algorithm 1: with
    ``x = fake + eps (real - fake)`` and one ``eps ~ U(0, 1)`` for each sample, the penalty is
    ``weight E (|grad D(x)| - 1)^2``. A target ``g`` other than 1 gives
    ``weight / g^2 E (|grad D(x)| - g)^2`` (arXiv:1710.10196, which takes g = 750 on CIFAR-10).

    Args:
        weight: the paper's lambda: 10 for images, 0.1 for toy data.
        target: the slope ``g`` that costs nothing.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` or ``target`` is not positive and finite.
    """

    name = "gradient_penalty"

    def __init__(self, weight: float = 10.0, target: float = 1.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)
        self.target = require_positive(self, "target", target)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight / target^2`` times the mean squared distance of the slopes to ``target``."""
        steepness = slopes(score, points_between(real, fake, noise))
        return self.weight * (steepness / self.target - 1).square().mean()


class LipschitzPenalty(SlopePenalty):
    """Only slopes above 1 cost: what the Lipschitz condition itself asks for (WGAN-LP).

    Petzka et al., arXiv:1709.08894: ``weight E max(0, |grad D(x)| - 1)^2`` on the points of
    :class:`GradientPenalty`, which also punishes slopes below 1 that the condition allows.

    Args:
        weight: the paper's lambda.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` is not positive and finite.
    """

    name = "lipschitz_penalty"

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared excess of the slopes over 1."""
        excess = F.relu(slopes(score, points_between(real, fake, noise)) - 1)
        return self.weight * excess.square().mean()


class ZeroCentered(SlopePenalty):
    """Flattens D between real and generated samples: ``weight E |grad D(x)|^2``.

    Mescheder et al., arXiv:1801.04406, call penalties around slope 0 zero-centred; this one is on
    the points of :class:`GradientPenalty`, where :class:`R1` is on the data.

    Args:
        weight: factor of the mean square; there is no factor 1/2, unlike in :class:`R1`.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` is not positive and finite.
    """

    name = "zero_centered"

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared slope between the pairs."""
        return self.weight * squared_slopes(score, points_between(real, fake, noise)).mean()


class R1(SlopePenalty):
    """Flattens D at the data: ``gamma / 2 E |grad D(real)|^2``.

    Mescheder et al., arXiv:1801.04406, equation 9. That paper's published training code leaves
    out the 1/2: its value of 10 is ``gamma=20`` here.

    Args:
        gamma: the paper's gamma; the factor 1/2 is applied here.
        interval: see :class:`Regularizer`; StyleGAN2 uses 16.

    Raises:
        ValueError: if ``gamma`` is not positive and finite.
    """

    name = "r1"

    def __init__(self, gamma: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.gamma = require_positive(self, "gamma", gamma)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """Half of gamma times the mean squared gradient norm at the real samples."""
        return 0.5 * self.gamma * squared_slopes(score, real).mean()


class R2(SlopePenalty):
    """Flattens D at the generated samples: ``gamma / 2 E |grad D(fake)|^2``.

    Mescheder et al., arXiv:1801.04406, equation 10. See :class:`R1` for the factor 1/2.

    Args:
        gamma: the paper's gamma; the factor 1/2 is applied here.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``gamma`` is not positive and finite.
    """

    name = "r2"

    def __init__(self, gamma: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.gamma = require_positive(self, "gamma", gamma)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """Half of gamma times the mean squared gradient norm at the generated samples."""
        return 0.5 * self.gamma * squared_slopes(score, fake).mean()

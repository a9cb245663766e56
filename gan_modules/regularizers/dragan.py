"""The penalty of DRAGAN: slopes of D in a noisy neighbourhood of the data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.regularizers.base import Score, full_precision, require_positive
from gan_modules.regularizers.gradient import SlopePenalty
from gan_modules.regularizers.slopes import slopes


class Dragan(SlopePenalty):
    """Pulls the slope of D around the data to one value: no sharp steps where real samples are.

    Kodali et al., arXiv:1705.07215: ``weight E (|grad D(x)| - target)^2`` at points
    near real samples. As in the authors' notebook the noise has one sign: with ``std`` the standard
    deviation of all numbers of the batch, ``x' = real + noise_scale std u`` with ``u ~ U(0, 1)``
    for each number, and the point is uniform between ``real`` and ``x'``. On several ranks
    ``std`` is that of the joined batch.

    Args:
        weight: the paper's lambda.
        target: the paper's k, the slope that costs nothing.
        noise_scale: the paper's c, in standard deviations of the batch; 0 stays on the data.
        symmetric: noise of both signs instead, ``real + noise_scale std (2 u - 1)``, and the
            penalty at its end; images are clipped to [-1, 1]. So do later implementations.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` or ``target`` is not positive and finite, or ``noise_scale`` is
            negative or not finite.
    """

    name = "dragan"

    def __init__(
        self,
        weight: float = 10.0,
        target: float = 1.0,
        noise_scale: float = 0.5,
        symmetric: bool = False,
        interval: int = 1,
    ) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)
        self.target = require_positive(self, "target", target)
        if not (math.isfinite(noise_scale) and noise_scale >= 0):
            raise ValueError(
                f"Dragan: noise_scale must be finite and at least 0, got {noise_scale}; "
                "the paper's is 0.5"
            )
        self.noise_scale, self.symmetric = noise_scale, symmetric

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared distance of the slopes to ``target``."""
        points = self._points(full_precision(real).detach(), noise)
        return self.weight * (slopes(score, points) - self.target).square().mean()

    def _points(self, real: Tensor, noise: Noise) -> Tensor:
        n, device, dtype = len(real), real.device, real.dtype
        reach = self.noise_scale * _joined_std(real)
        drawn = noise.uniform(n, *real.shape[1:], device=device, dtype=dtype)
        if self.symmetric:
            points = real + reach * (2 * drawn - 1)
            # Points of the plane have no range; images do.
            return points.clamp(-1, 1) if real.dim() == 4 else points
        share = noise.uniform(n, *(1,) * (real.dim() - 1), device=device, dtype=dtype)
        return torch.lerp(real, real + reach * drawn, share)


def _joined_std(samples: Tensor) -> Tensor:
    """One standard deviation, of all numbers of the batches of all ranks together."""
    mean = mean_over_ranks(samples.mean())
    return mean_over_ranks((samples - mean).square().mean()).sqrt()

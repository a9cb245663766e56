"""Slopes of D: the norms of the gradients of its scores, sample by sample.

Norms are over everything but the batch, ``sqrt(sum g^2 + 1e-12)``: the root of a bare sum has
a NaN gradient where the discriminator is flat.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import fp32_island
from gan_modules.regularizers.base import Score, full_precision

_EPSILON = 1e-12


def slopes(score: Score, points: Tensor) -> Tensor:
    """Gradient norms ``(N,)`` at ``points`` ``(N, ...)``; see :func:`squared_slopes`."""
    return (squared_slopes(score, points) + _EPSILON).sqrt()


def squared_slopes(score: Score, points: Tensor) -> Tensor:
    """Squared norms ``(N,)`` of the gradients of the scores, differentiable in D's parameters."""
    with fp32_island(points.device.type):
        points = full_precision(points).detach().requires_grad_(True)
        # The sum's gradient is each sample's own, as long as D treats samples one by one.
        total = score(points).sum()
        (gradients,) = torch.autograd.grad(total, points, create_graph=True)
        return gradients.flatten(1).square().sum(1)


def points_between(real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
    """One uniform point between each real sample and its own fake one, ``(N, ...)``.

    Raises:
        ValueError: if the two do not have one shape.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"gradient penalty: real and fake must have one shape, got {tuple(real.shape)} and "
            f"{tuple(fake.shape)}; pair them sample by sample"
        )
    real, fake = full_precision(real), full_precision(fake)
    ones = (1,) * (real.dim() - 1)
    share = noise.uniform(len(real), *ones, device=real.device, dtype=real.dtype)
    return torch.lerp(fake, real, share)

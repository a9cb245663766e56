"""Regularizers: what keeps the discriminator smooth, apart from its objective.

A regularizer is either a term of D's loss (:meth:`Regularizer.penalty`) or a constraint that is
restored after D's step (:meth:`Regularizer.after_step`). Penalties get a closure
``score(samples) -> scores`` and not a network, so that one class serves plain, conditional and
paired discriminators: the closure carries the labels.

Norms are over everything but the batch, ``sqrt(sum g^2 + 1e-12)``: the root of a bare sum has
a NaN gradient where the discriminator is flat. Penalties run outside autocast, since their double
backward is percents off in bf16.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import fp32_island

Score = Callable[[Tensor], Tensor]

_EPSILON = 1e-12


class Regularizer:
    """Base with the three hooks; each does nothing until overridden.

    Attributes:
        name: key of the penalty in the logs.
        player: whose loss and steps it belongs to: discriminator or generator.
        per_sample: the penalty reads the gradient of one sample's score, which a discriminator
            that normalises over the batch does not have; the engine refuses that pair.
        bounds_slope: keeps the slope of D finite, which a Wasserstein objective needs.

    Args:
        interval: the penalty is due on every ``interval``-th D step. The engine multiplies it by
            ``interval`` there, which keeps its mean strength (lazy regularisation,
            arXiv:1912.04958, section 3.1).

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
                "1 applies it on every discriminator step"
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


class GradientPenalty(Regularizer):
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
    per_sample = True
    bounds_slope = True

    def __init__(self, weight: float = 10.0, target: float = 1.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = _require_positive(self, "weight", weight)
        self.target = _require_positive(self, "target", target)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight / target^2`` times the mean squared distance of the slopes to ``target``."""
        slopes = _interpolate_slopes(score, real, fake, noise)
        return self.weight * (slopes / self.target - 1).square().mean()


class LipschitzPenalty(Regularizer):
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
    per_sample = True
    bounds_slope = True

    def __init__(self, weight: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = _require_positive(self, "weight", weight)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared excess of the slopes over 1."""
        slopes = _interpolate_slopes(score, real, fake, noise)
        return self.weight * F.relu(slopes - 1).square().mean()


class R1(Regularizer):
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
    per_sample = True
    bounds_slope = True

    def __init__(self, gamma: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.gamma = _require_positive(self, "gamma", gamma)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """Half of gamma times the mean squared gradient norm at the real samples."""
        return 0.5 * self.gamma * _squared_slopes(score, real).mean()


class R2(Regularizer):
    """Flattens D at the generated samples: ``gamma / 2 E |grad D(fake)|^2``.

    Mescheder et al., arXiv:1801.04406, equation 10. See :class:`R1` for the factor 1/2.

    Args:
        gamma: the paper's gamma; the factor 1/2 is applied here.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``gamma`` is not positive and finite.
    """

    name = "r2"
    per_sample = True
    bounds_slope = True

    def __init__(self, gamma: float = 10.0, interval: int = 1) -> None:
        super().__init__(interval)
        self.gamma = _require_positive(self, "gamma", gamma)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """Half of gamma times the mean squared gradient norm at the generated samples."""
        return 0.5 * self.gamma * _squared_slopes(score, fake).mean()


class WeightClipping(Regularizer):
    """Puts every parameter of D back into ``[-bound, bound]`` after each of its steps.

    Arjovsky et al., arXiv:1701.07875, algorithm 1, line 7. Biases and the gains of normalisation
    layers are clipped too.

    Args:
        bound: the paper's c.

    Raises:
        ValueError: if ``bound`` is not positive and finite.
    """

    name = "weight_clipping"
    bounds_slope = True

    def __init__(self, bound: float = 0.01) -> None:
        super().__init__()
        self.bound = _require_positive(self, "bound", bound)

    @torch.no_grad()
    def after_step(self, network: nn.Module) -> None:
        """Clamp in place."""
        for parameter in network.parameters():
            parameter.clamp_(-self.bound, self.bound)


class Drift(Regularizer):
    """Holds the scores of real samples near 0, where a Wasserstein loss lets them wander.

    Karras et al., arXiv:1710.10196, appendix A.1: ``weight E D(real)^2``.

    Args:
        weight: the paper's epsilon_drift.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` is not positive and finite.
    """

    name = "drift"

    def __init__(self, weight: float = 1e-3, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = _require_positive(self, "weight", weight)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared score of the real samples."""
        with fp32_island(real.device.type):
            return self.weight * score(_full_precision(real)).square().mean()


def _interpolate_slopes(score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
    """Gradient norms ``(N,)`` at one uniform point between each real and its own fake sample."""
    if real.shape != fake.shape:
        raise ValueError(
            f"gradient penalty: real and fake must have one shape, got {tuple(real.shape)} and "
            f"{tuple(fake.shape)}; pair them sample by sample"
        )
    real, fake = _full_precision(real), _full_precision(fake)
    ones = (1,) * (real.dim() - 1)
    share = noise.uniform(len(real), *ones, device=real.device, dtype=real.dtype)
    return (_squared_slopes(score, torch.lerp(fake, real, share)) + _EPSILON).sqrt()


def _squared_slopes(score: Score, points: Tensor) -> Tensor:
    """Squared norms ``(N,)`` of the gradients of the scores, differentiable in D's parameters."""
    with fp32_island(points.device.type):
        points = _full_precision(points).detach().requires_grad_(True)
        # The sum's gradient is each sample's own, as long as D treats samples one by one.
        total = score(points).sum()
        (gradients,) = torch.autograd.grad(total, points, create_graph=True)
        return gradients.flatten(1).square().sum(1)


def _full_precision(samples: Tensor) -> Tensor:
    return samples if samples.dtype == torch.float64 else samples.float()


def _require_positive(owner: Regularizer, name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"{type(owner).__name__}: {name} must be positive and finite, got {value}; "
            "to switch the term off, leave the regularizer out"
        )
    return value

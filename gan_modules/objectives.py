"""Objectives: what the two players minimise, as pure functions of raw scores.

A discriminator never ends in a sigmoid; every objective takes its raw output and is finite for
scores of any size a float can hold. All losses are means over samples, so two ranks with equal
batches average to the loss of one process on the joined batch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.noise import Noise


class Objective(ABC):
    """A pair of losses, both to be minimised.

    Scores are raw and unbounded, of any shape, usually ``(N,)``; larger means "more real".
    Half-precision scores are raised to float32 before the mean.

    Attributes:
        compares: G's loss compares fakes with real samples, so it gets ``real_scores`` too.
        undecided_at_zero: a score of 0 means that D cannot tell, as for classifiers and margins.
    """

    compares: bool = False
    undecided_at_zero: bool = False

    def drawn(self, scores: Tensor, noise: Noise) -> Objective:
        """What one D step minimises: this objective, unless it is random.

        Args:
            scores: of the real samples, ``(N, ...)``; there are as many of generated ones.
            noise: where random targets come from.
        """
        return self

    @abstractmethod
    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Scalar loss of the discriminator from its scores of real and of generated samples."""

    @abstractmethod
    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """Scalar loss of the generator; ``real_scores`` serves objectives that compare pairs."""


class Minimax(Objective):
    """The saddle point game: G maximises the very loss that D minimises.

    Goodfellow et al., arXiv:1406.2661, equation 1, with ``D = sigmoid(s)`` and ``sp`` the
    softplus: D minimises ``E sp(-s_real) + E sp(s_fake)``, G minimises ``-E sp(s_fake)``, which is
    ``E log(1 - D)``. At the optimal D the value is ``2 JSD - log 4``. The gradient of G vanishes
    where D wins; :class:`NonSaturating` is the cure.
    """

    undecided_at_zero = True

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Binary cross entropy with targets 1 and 0, summed over the two halves."""
        return F.softplus(-raised(real_scores)).mean() + F.softplus(raised(fake_scores)).mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """``E log(1 - D)``: at most 0, unbounded below."""
        return -F.softplus(raised(fake_scores)).mean()


class NonSaturating(Objective):
    """Cross entropy for D; G raises ``log D`` instead of lowering ``log(1 - D)``.

    Goodfellow et al., arXiv:1406.2661, section 3, last paragraph: D as in :class:`Minimax`, G
    minimises ``E sp(-s_fake)``. One-sided label smoothing (Salimans et al., arXiv:1606.03498,
    section 3.4) lowers ``real_target`` to 0.9.

    Args:
        real_target: D's target for real samples; above 1 is allowed, as noisy labels need.
        fake_target: D's target for generated samples; the paper warns that any value but 0 also
            rewards samples where the data has no mass.

    Raises:
        ValueError: unless ``fake_target < real_target``, both finite.
    """

    undecided_at_zero = True

    def __init__(self, real_target: float = 1.0, fake_target: float = 0.0) -> None:
        require_finite("NonSaturating", real_target=real_target, fake_target=fake_target)
        if fake_target >= real_target:
            raise ValueError(
                f"NonSaturating: real_target must be above fake_target, got {real_target} and "
                f"{fake_target}; the usual targets are 1 (or 0.9) and 0"
            )
        self.real_target = real_target
        self.fake_target = fake_target

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Binary cross entropy with the two targets, summed over the two halves."""
        return cross_entropy(real_scores, self.real_target) + cross_entropy(
            fake_scores, self.fake_target
        )

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """``-E log D``; label smoothing concerns D alone."""
        return F.softplus(-raised(fake_scores)).mean()


class LeastSquares(Objective):
    """Regression of the scores instead of classification.

    Mao et al., arXiv:1611.04076, equation 2: D minimises
    ``E (s_real - b)^2 / 2 + E (s_fake - a)^2 / 2``, G minimises ``E (s_fake - c)^2 / 2``. With
    (a, b, c) = (0, 1, 1) fakes are pulled to the score of real samples; with (-1, 1, 0) G
    minimises a Pearson divergence (section 3.2.3). Papers on translation (arXiv:1703.10593) write
    the squares without the halves: ``scale`` 1.

    Args:
        fake_target: the paper's a, D's target for generated samples.
        real_target: the paper's b, D's target for real samples.
        generator_target: the paper's c, the score that G wants for its samples.
        scale: factor of all squares.

    Raises:
        ValueError: if a target is not finite, the two targets of D coincide, or ``scale`` is not
            positive.
    """

    def __init__(
        self,
        fake_target: float = 0.0,
        real_target: float = 1.0,
        generator_target: float = 1.0,
        scale: float = 0.5,
    ) -> None:
        require_finite(
            "LeastSquares",
            fake_target=fake_target,
            real_target=real_target,
            generator_target=generator_target,
            scale=scale,
        )
        if scale <= 0:
            raise ValueError(
                f"LeastSquares: scale must be positive, got {scale}; the paper's is 0.5, that of "
                "image translation 1"
            )
        if fake_target == real_target:
            raise ValueError(
                f"LeastSquares: fake_target must differ from real_target, got {fake_target} for "
                "both; the paper uses 0 and 1, or -1 and 1"
            )
        self.fake_target = fake_target
        self.real_target = real_target
        self.generator_target = generator_target
        self.scale = scale

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """The mean squared distances of the scores to their targets, summed and scaled."""
        real = (raised(real_scores) - self.real_target).square().mean()
        fake = (raised(fake_scores) - self.fake_target).square().mean()
        return self.scale * (real + fake)

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """The mean squared distance of the fakes' scores to ``generator_target``, scaled."""
        return self.scale * (raised(fake_scores) - self.generator_target).square().mean()


class Hinge(Objective):
    """Margins: a sample that D already places beyond +-1 gives it no gradient.

    Lim and Ye, arXiv:1705.02894; with spectral normalisation arXiv:1802.05957, equations 16
    and 17: D minimises ``E max(0, 1 - s_real) + E max(0, 1 + s_fake)``, G minimises
    ``-E s_fake``. At the optimal D its loss is ``2 (1 - TV)``.
    """

    undecided_at_zero = True

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Sum of the two hinge losses; 0 once both margins hold everywhere."""
        real = F.relu(1 - raised(real_scores)).mean()
        return real + F.relu(1 + raised(fake_scores)).mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """Minus the mean score of the fakes: no margin for G."""
        return -raised(fake_scores).mean()


class Wasserstein(Objective):
    """The dual form of the earth mover's distance; minus D's loss estimates it.

    Arjovsky et al., arXiv:1701.07875, equation 2 and algorithm 1: D minimises
    ``E s_fake - E s_real``, G minimises ``-E s_fake``. D must be kept Lipschitz by something else:
    weight clipping, a gradient penalty or spectral normalisation.
    """

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """``E s_fake - E s_real``: negative where D ranks real samples higher."""
        return raised(fake_scores).mean() - raised(real_scores).mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """Minus the mean score of the fakes."""
        return -raised(fake_scores).mean()


def raised(scores: Tensor) -> Tensor:
    """At least float32: a difference of two bf16 means has two significant digits left."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


def cross_entropy(scores: Tensor, target: float | Tensor) -> Tensor:
    """Binary cross entropy; this form has no cancellation at targets 0 and 1.

    Args:
        scores: raw, of any shape.
        target: one for all, or a tensor that broadcasts to ``scores``.
    """
    scores = raised(scores)
    return (target * F.softplus(-scores) + (1 - target) * F.softplus(scores)).mean()


def require_finite(owner: str, **values: float) -> None:
    """Refuse NaN and infinite arguments of ``owner`` by name."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{owner}: {name} must be finite, got {value}; give a plain number")

"""f-divergences as objectives: any measure of how far a ratio of densities is from one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.networks.checks import require_choice
from gan_modules.objectives import Objective, raised

DivergenceName = Literal["kl", "rkl", "pearson", "neyman", "sq_hellinger", "js", "gan", "tv"]
GeneratorLoss = Literal["saturating", "trick"]

_LOG2 = math.log(2)


class _Row(NamedTuple):
    """One divergence. Both functions take raw scores v: f* of g_f as printed would cancel."""

    activation: Callable[[Tensor], Tensor]  # T = g_f(v), rising in v
    conjugate: Callable[[Tensor], Tensor]  # f*(g_f(v))
    threshold: float  # f'(1): T of samples that are as likely real as generated


_ROWS: dict[str, _Row] = {
    "kl": _Row(lambda v: v, lambda v: torch.exp(v - 1), 1.0),
    "rkl": _Row(lambda v: -torch.exp(-v), lambda v: v - 1, -1.0),
    "pearson": _Row(lambda v: v, lambda v: v.square() / 4 + v, 0.0),
    "neyman": _Row(lambda v: -torch.expm1(-v), lambda v: -2 * torch.expm1(-v / 2), 0.0),
    "sq_hellinger": _Row(lambda v: -torch.expm1(-v), lambda v: torch.expm1(v), 0.0),
    "js": _Row(lambda v: _LOG2 - F.softplus(-v), lambda v: F.softplus(v) - _LOG2, 0.0),
    "gan": _Row(lambda v: -F.softplus(-v), F.softplus, -_LOG2),
    "tv": _Row(lambda v: torch.tanh(v) / 2, lambda v: torch.tanh(v) / 2, 0.0),
}


class FDivergence(Objective):
    """The variational bound of an f-divergence: D raises it, G lowers it.

    Nowozin et al., arXiv:1606.00709, equations 4 and 6 and tables 1 and 2. For a convex ``f`` with
    conjugate ``f*``, ``D_f(P || Q) = E_Q f(p / q)`` is at least ``E_P T - E_Q f*(T)``, and equal at
    ``T = f'(p / q)``. The score ``v`` becomes ``T = g_f(v)``, which rises with ``v`` and keeps to
    the domain of ``f*``. D minimises ``-E g_f(s_real) + E f*(g_f(s_fake))``, so minus D's loss
    estimates the divergence.

    The exponentials of kl, rkl, neyman and sq_hellinger overflow in float32 at scores beyond about
    88; clip D's gradient norm where they get so large.

    Args:
        divergence: of the data from the generator. ``"kl"``; ``"rkl"``, the reverse;
            ``"pearson"`` and ``"neyman"``, the two chi-squared; ``"sq_hellinger"``; ``"js"``, twice
            the Jensen-Shannon divergence; ``"gan"``, the same minus log 4, whose loss of D is the
            cross entropy; ``"tv"``, total variation.
        generator: ``"saturating"``: G minimises the bound, ``-E f*(g_f(s_fake))``; ``"trick"``: G
            minimises ``-E g_f(s_fake)``, whose gradient does not vanish where D wins (section 3.2).

    Raises:
        ValueError: for another divergence or generator loss.
    """

    def __init__(
        self, divergence: DivergenceName = "gan", generator: GeneratorLoss = "saturating"
    ) -> None:
        require_choice("FDivergence", "divergence", divergence, get_args(DivergenceName))
        require_choice("FDivergence", "generator", generator, get_args(GeneratorLoss))
        self.divergence, self.generator = divergence, generator
        # The score whose T is the threshold: 1 for kl, 0 for all others.
        self.undecided_at_zero = divergence != "kl"

    @property
    def threshold(self) -> float:
        """``f'(1)``: samples with ``T`` above it are judged real (section 3.2)."""
        return _ROWS[self.divergence].threshold

    def activation(self, scores: Tensor) -> Tensor:
        """``T = g_f(v)`` of raw scores ``v``, of the same shape."""
        return _ROWS[self.divergence].activation(raised(scores))

    def conjugate(self, scores: Tensor) -> Tensor:
        """``f*(g_f(v))`` of raw scores ``v``, of the same shape."""
        return _ROWS[self.divergence].conjugate(raised(scores))

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Minus the bound."""
        return self.conjugate(fake_scores).mean() - self.activation(real_scores).mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        """The part of the bound that G moves, or the trick."""
        follow = self.activation if self.generator == "trick" else self.conjugate
        return -follow(fake_scores).mean()

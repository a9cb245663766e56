"""Precision, recall, density and coverage: how the nearest neighbours of two sets interleave.

Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019,
arXiv:1904.06991; Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models",
2020, arXiv:2002.09797. A sample lies in the manifold of a set when it falls into the ball around
one of the set's members that reaches to the member's k-th neighbour in the set. None of the four
is 1 for a perfect generator in general, so read them against the same numbers of real samples.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from callbacks.metrics.scores import check_features, non_finite

# Distances held at a time, in numbers: 4 MB of float64 stay in the cache.
_BLOCK = 1 << 19

# Two samples count as equal when they are closer than this share of the spread of the reals.
# float32 features of one image differ by that much between two sizes of batch.
_SAME = 1e-6


@dataclass(frozen=True)
class Neighbours:
    """Which balls make a manifold.

    Attributes:
        k: the neighbour that a ball reaches to, the sample itself not counted; 1 or more.
        inclusive: whether the rim belongs to the ball (``<=``). The prdc package has k=5 and
            excludes it; torch-fidelity has k=3 and includes it.

    Raises:
        ValueError: for a k below 1.
    """

    k: int = 5
    inclusive: bool = False

    def __post_init__(self) -> None:
        """Check k."""
        if self.k < 1:
            raise ValueError(f"Neighbours: k must be at least 1, got {self.k}; the default is 5")

    @property
    def suffix(self) -> str:
        """What a score's name gets: empty for the default, ``_k3le`` for k=3 with the rim."""
        if self == Neighbours():
            return ""
        return f"_k{self.k}{'le' if self.inclusive else ''}"


class Manifold(NamedTuple):
    """The four scores.

    Attributes:
        precision: share of fakes inside the real manifold, in [0, 1].
        recall: share of reals inside the fake manifold, in [0, 1].
        density: mean number of real balls around a fake, divided by k; 0 or more, 1 is expected
            of a perfect generator.
        coverage: share of reals with a fake inside their ball, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbour_radii(features: Tensor, k: int) -> Tensor:
    """Distance of each sample to its k-th neighbour in its own set, itself not counted.

    Args:
        features: ``(N, d)`` with N above k.
        k: 1 or more.

    Returns:
        float64 ``(N,)``.

    Raises:
        ValueError: when the set is too small for k.
    """
    check_features("neighbour_radii", k + 1, features=features)
    exact = features.to(torch.float64)
    exact = exact - exact.mean(dim=0)
    return _squared_radii(exact, k, _same(exact)).sqrt()


def manifold_scores(real: Tensor, fake: Tensor, neighbours: Neighbours | None = None) -> Manifold:
    """Precision, recall, density and coverage from one pass over the distances.

    Args:
        real: ``(M, d)`` features of the reference, M above k.
        fake: ``(N, d)`` features of the generated samples, N above k.
        neighbours: the balls; the default is k=5 without the rim.

    Returns:
        A :class:`Manifold`; all nan when an input is not finite.

    Raises:
        ValueError: for other shapes or sets too small for k.
    """
    balls = Neighbours() if neighbours is None else neighbours
    check_features("manifold_scores", balls.k + 1, real=real, fake=fake)
    if non_finite(real=real, fake=fake):
        return Manifold(math.nan, math.nan, math.nan, math.nan)
    real, fake = real.to(torch.float64), fake.to(torch.float64)
    # Around a common centre the products below lose fewer digits.
    centre = real.mean(dim=0)
    real, fake = real - centre, fake - centre
    same = _same(real)
    # Squares order as distances do, and need no root.
    reach = _squared_radii(real, balls.k, same)
    fake_reach = _squared_radii(fake, balls.k, same)

    around = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    recalled, covered = [], []
    for part, part_reach in zip(_parts(real, len(fake)), _parts(reach, len(fake)), strict=True):
        squares = _squared_distances(part, fake, same)
        inside = _within(squares, part_reach[:, None], balls.inclusive)
        around += inside.sum(dim=0)
        covered.append(inside.any(dim=1))
        recalled.append(_within(squares, fake_reach[None, :], balls.inclusive).any(dim=1))
    return Manifold(
        precision=_share(around > 0),
        recall=_share(torch.cat(recalled)),
        # In this order the last digit is that of prdc.
        density=(1.0 / balls.k) * (int(around.sum()) / len(fake)),
        coverage=_share(torch.cat(covered)),
    )


def _share(flags: Tensor) -> float:
    return int(flags.sum()) / flags.numel()


def _within(squares: Tensor, reach: Tensor, inclusive: bool) -> Tensor:
    return squares <= reach if inclusive else squares < reach


def _parts(rows: Tensor, width: int) -> tuple[Tensor, ...]:
    return rows.split(max(1, _BLOCK // width))


def _same(centred: Tensor) -> float:
    return float(centred.square().sum(dim=1).mean()) * _SAME**2


def _squared_radii(features: Tensor, k: int, same: float) -> Tensor:
    # The smallest k + 1 include the sample itself. topk is four times faster than kthvalue.
    nearest = [
        _squared_distances(part, features, same).topk(k + 1, dim=1, largest=False).values
        for part in _parts(features, len(features))
    ]
    return torch.cat(nearest)[:, -1]


def _squared_distances(left: Tensor, right: Tensor, same: float) -> Tensor:
    """Squares ``(len(left), len(right))`` between float64 features near the origin."""
    sizes = left.square().sum(dim=1)[:, None] + right.square().sum(dim=1)[None, :]
    squares = torch.addmm(sizes, left, right.T, alpha=-2.0)
    # The product leaves rounding where the distance is 0. Duplicates must come out as 0, or a
    # collapsed set would get radii made of noise.
    return torch.nn.functional.threshold(squares, same, 0.0, inplace=True)

"""Does one set of features depend on another, row by row? Any form of dependence, and alignment.

Distance correlation: Székely, Rizzo, "Partial distance correlation with methods for
dissimilarities", 2014, arXiv:1310.2926. The plain estimate is far above zero for independent
features of many dimensions; here is the unbiased one, from U-centred distances, with a permutation
test.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from callbacks.metrics.diversity import squared_distances

LEAST = 4


class Dependence(NamedTuple):
    """How strongly two sets of features depend on each other.

    Attributes:
        correlation: unbiased estimate of the squared distance correlation: about 0 for independent
            features, 1 for the same ones; may be a little below 0.
        p: of the permutation test, in (0, 1].
    """

    correlation: float
    p: float


def distance_correlation(
    left: Tensor, right: Tensor, permutations: int = 200, seed: int = 0
) -> Dependence:
    """The correlation of the distances in one set with those in the other.

    Args:
        left: ``(N, d)``, N at least 4.
        right: ``(N, e)``, row by row belonging to ``left``.
        permutations: of the pairing.
        seed: of the permutations.

    Returns:
        Correlation 0 at p 1 where one side does not vary.

    Raises:
        ValueError: fewer than 4 rows, or unlike many.
    """
    n = len(left)
    if n < LEAST or len(right) != n:
        raise ValueError(
            f"distance_correlation: left and right must have the same {LEAST} rows or more, got "
            f"{n} and {len(right)}; pass the features of inputs and of their outputs"
        )
    mine, theirs = (_u_centred(squared_distances(x, x).sqrt()) for x in (left, right))
    norm = float(mine.norm() * theirs.norm())
    if not norm > 0:
        return Dependence(0.0, 1.0)
    agreement = float((mine * theirs).sum())
    draws = np.random.RandomState(seed)
    reached = 1
    for _ in range(permutations):
        order = torch.from_numpy(draws.permutation(n))
        again = float((mine * theirs[order][:, order]).sum())
        reached += again >= agreement - 1e-12 * norm
    return Dependence(agreement / norm, reached / (permutations + 1))


def _u_centred(distances: Tensor) -> Tensor:
    """Distances less row and column means, such that independent ones have a product of mean 0."""
    n = len(distances)
    rows = distances.sum(dim=1)
    centred = distances - (rows[:, None] + rows[None, :]) / (n - 2)
    centred = centred + rows.sum() / ((n - 1) * (n - 2))
    # Distances that are all alike leave nothing but rounding.
    centred = torch.where(centred.abs() < 1e-12 * distances.abs().max(), 0.0, centred)
    return centred.fill_diagonal_(0.0)


class Retrieval(NamedTuple):
    """Whether an output finds its own input among all of them.

    Attributes:
        information: ``log N`` less the cross entropy, in nats; where positive, a lower bound of the
            mutual information (InfoNCE, arXiv:1807.03748). At most ``log N``.
        top1: share of the outputs whose own input is the nearest; ties count in equal parts.
    """

    information: float
    top1: float


def retrieval(inputs: Tensor, outputs: Tensor, temperature: float = 0.1) -> Retrieval:
    """Cosine similarities of centred features: sees dependence that is spatially aligned only.

    Args:
        inputs: ``(N, d)``.
        outputs: ``(N, d)``, row by row belonging to the inputs.
        temperature: of the softmax over the inputs.
    """
    mine, theirs = (_directions(x) for x in (outputs, inputs))
    likeness = mine @ theirs.T
    own = likeness.diagonal()
    entropy = (likeness.div(temperature).logsumexp(dim=1) - own / temperature).mean()
    highest = likeness.amax(dim=1, keepdim=True)
    best = likeness >= highest - 1e-9
    hits = best.diagonal() / best.sum(dim=1)
    return Retrieval(math.log(len(inputs)) - float(entropy), float(hits.double().mean()))


def _directions(features: Tensor) -> Tensor:
    """Centred rows of length 1; rows of length 0 stay that."""
    features = features.to(torch.float64)
    centred = features - features.mean(dim=0)
    length = centred.norm(dim=1, keepdim=True)
    scale = features.abs().max().clamp(min=1.0)
    return torch.where(length > 1e-9 * scale, centred / length.clamp(min=1e-300), 0.0)

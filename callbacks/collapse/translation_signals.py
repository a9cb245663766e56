"""Whether a translation follows its input, copies it, or ignores it; functions on features.

The agreement of two matrices of distances is tested as by Mantel, with permutations.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from callbacks.collapse.signals import ReferenceGroup
from callbacks.metrics.diversity import squared_distances

_PERMUTATIONS = 199


def direction_signals(
    group: ReferenceGroup, inputs: Tensor, outputs: Tensor, seed: int = 0
) -> dict[str, float | None]:
    """Signals of one direction of a translation.

    Args:
        group: real samples of the target domain; its size is K.
        inputs: float32 ``(K, d)``, features of the fixed inputs.
        outputs: float32 ``(K, d)``, features of what they became.
        seed: of the permutations.

    Returns:
        Those of :meth:`ReferenceGroup.signals`, and ``input_dependence`` (spread of the outputs
        over the spread of real targets), ``rank_agreement`` and ``rank_agreement_p`` (Spearman's
        correlation of the distances between inputs and between outputs), ``identity`` (how far an
        output lies from its input, over the distance from the input to the nearest real target).
    """
    found = group.signals(outputs)
    found["input_dependence"] = found["mean_distance"]
    if not bool(torch.isfinite(outputs).all()):
        return {**found, "rank_agreement": None, "rank_agreement_p": None, "identity": None}
    found |= mantel(inputs, outputs, seed)
    moved = (outputs.double() - inputs.double()).norm(dim=1).mean()
    away = squared_distances(inputs, group.features).min(dim=1).values.sqrt().mean()
    found["identity"] = float(moved / away) if away > 0 else None
    return found


def mantel(inputs: Tensor, outputs: Tensor, seed: int = 0) -> dict[str, float | None]:
    """Spearman's correlation of two sets of distances, and its one-sided permutation p.

    Args:
        inputs: ``(K, d)``, K at least 3.
        outputs: ``(K, e)``, row by row belonging to the inputs.
        seed: of the permutations.

    Returns:
        ``rank_agreement`` in [-1, 1] and ``rank_agreement_p`` in (0, 1]; agreement 0 at p 1 where
        all distances of one side are equal.
    """
    k = len(inputs)
    upper = torch.triu_indices(k, k, 1)
    mine, theirs = (_ranked(squared_distances(x, x), upper) for x in (inputs, outputs))
    norm = mine.norm() * theirs.norm()
    if not norm > 0:
        return {"rank_agreement": 0.0, "rank_agreement_p": 1.0}
    agreement = float((mine * theirs).sum() / norm)
    draws = np.random.RandomState(seed)
    reached = 1
    for _ in range(_PERMUTATIONS):
        order = torch.from_numpy(draws.permutation(k))
        again = float((mine * theirs[order][:, order]).sum() / norm)
        reached += again >= agreement - 1e-12
    return {"rank_agreement": agreement, "rank_agreement_p": reached / (_PERMUTATIONS + 1)}


def _ranked(squares: Tensor, upper: Tensor) -> Tensor:
    """A symmetric matrix of centred ranks, ties sharing their mean rank, zeros on the diagonal."""
    values = squares[upper[0], upper[1]]
    ordered, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks = (last - (counts.double() - 1) / 2)[inverse]
    ranks = ranks - ranks.mean()
    matrix = torch.zeros_like(squares)
    matrix[upper[0], upper[1]] = ranks
    return matrix + matrix.T

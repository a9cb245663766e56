"""Waves over the plane: features of points in which a mean says where the points are.

Mean and covariance of the coordinates say nothing about the modes between them: a blob of the right
width has the Frechet distance 0 to a ring. The means of random waves are values of the
characteristic function, and those of all lengths tell any two distributions apart (Rahimi and
Recht, "Random Features for Large-Scale Kernel Machines", 2007).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

COUNT = 64
ID = f"waves{COUNT}"
_MOST, _NEIGHBOUR = 1_000, 5


class Waves:
    """Cosines with lengths from that of a mode to that of the whole, as the reals say.

    Args:
        reals: float ``(M, d)`` coordinates of real points, 2 or more.
        seed: of directions and phases.
    """

    def __init__(self, reals: Tensor, seed: int = 0) -> None:
        chosen = torch.arange(min(_MOST, len(reals))) * len(reals) // min(_MOST, len(reals))
        points = reals[chosen.to(reals.device)].double().cpu()
        gaps = torch.cdist(points, points)
        near = gaps.kthvalue(min(_NEIGHBOUR + 1, len(points)), dim=1).values.median()
        far = gaps.flatten().median()
        far = far if far > 0 else torch.ones_like(far)
        near = near.clamp(min=1e-3 * far, max=far)
        draws = torch.Generator().manual_seed(seed)
        lengths = torch.logspace(math.log10(float(near)), math.log10(float(far)), COUNT).double()
        width = points.shape[1]
        self._waves = torch.randn(width, COUNT, generator=draws).double() / lengths
        self._phases = torch.rand(COUNT, generator=draws).double() * 2.0 * math.pi

    def __call__(self, points: Tensor) -> Tensor:
        """Return float32 ``(N, 64)`` in [-1, 1].

        Args:
            points: ``(N, d)``.
        """
        waves, phases = self._waves.to(points.device), self._phases.to(points.device)
        return torch.cos(points.double() @ waves + phases).float()

"""C_T, the three-sample test for data copying, in cells of the data space.

Meehan, Chaudhuri, Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models",
2020, arXiv:2004.05675. In each cell, the distances of generated samples to the training set are
ranked against those of held-out samples. Copies rank low, whatever the units and the density there;
and a generator that copies one kind of image only is seen in that kind's cell.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.metrics.cells import Cells
from callbacks.metrics.nearest_train import nearest_train

# A cell needs more generated samples than that to be counted.
_LEAST = 20


@dataclass(frozen=True)
class Cell:
    """What the test found in one cell.

    Attributes:
        number: of the cell; cells that were joined go by the lowest.
        z: standardised Mann-Whitney statistic: below 0 where samples lie closer to the training set
            than held-out reals do. None where the cell has too few samples.
        train: training samples in it.
        held_out: held-out samples in it.
        samples: generated samples in it.
    """

    number: int
    z: float | None
    train: int
    held_out: int
    samples: int


@dataclass(frozen=True)
class ThreeSampleTest:
    """C_T and its parts.

    Attributes:
        cells: in order of their numbers.
    """

    cells: tuple[Cell, ...]

    @property
    def value(self) -> float | None:
        """C_T: mean of z over the counted cells, weighted by held-out samples; None for no cell."""
        counted = [(cell.z, cell.held_out) for cell in self.cells if cell.z is not None]
        weight = sum(held_out for _, held_out in counted)
        return sum(z * held_out for z, held_out in counted) / weight if counted else None

    @property
    def weakest(self) -> Cell | None:
        """The cell with the lowest z: where copying is most likely."""
        counted = [cell for cell in self.cells if cell.z is not None]
        return min(counted, key=lambda cell: cell.z or 0.0) if counted else None

    @property
    def copying(self) -> bool:
        """Whether C_T lies below -3."""
        return self.value is not None and self.value < -3.0

    @property
    def copying_locally(self) -> bool:
        """Whether one cell's z lies below -5."""
        weakest = self.weakest
        return weakest is not None and weakest.z is not None and weakest.z < -5.0

    @property
    def underfitting(self) -> bool:
        """Whether C_T lies above 3: samples lie further away than held-out reals do."""
        return self.value is not None and self.value > 3.0


def three_sample_test(
    samples: Tensor, train: Tensor, held_out: Tensor, cells: Cells
) -> ThreeSampleTest:
    """C_T as published: distances within the cell, samples as they are.

    Args:
        samples: float ``(N, d)`` features of generated samples.
        train: ``(M, d)`` features.
        held_out: ``(P, d)`` features.
        cells: of the training set.
    """
    own, reals = cells.of(samples), cells.of(held_out)
    distances = torch.zeros(len(samples)).double(), torch.zeros(len(held_out)).double()
    for cell in cells.train.unique().tolist():
        inside = train[cells.train == cell]
        sides = zip((samples, held_out), (own, reals), distances, strict=True)
        for features, homes, found in sides:
            found[homes == cell] = nearest_train(features[homes == cell], inside).distance
    return rank_in_cells(distances[0], own, distances[1], reals, cells.train)


def rank_in_cells(
    samples: Tensor,
    sample_cells: Tensor,
    held_out: Tensor,
    held_out_cells: Tensor,
    train_cells: Tensor,
) -> ThreeSampleTest:
    """C_T of distances that are known, such as those under mirrors and shifts.

    Args:
        samples: ``(N,)`` distances of generated samples.
        sample_cells: int64 ``(N,)``.
        held_out: ``(P,)`` distances of held-out reals.
        held_out_cells: int64 ``(P,)``.
        train_cells: int64 ``(M,)``, of the training samples, which are only counted.
    """
    found = []
    for cell in train_cells.unique().tolist():
        own, reals = samples[sample_cells == cell], held_out[held_out_cells == cell]
        counted = len(own) > _LEAST and len(reals) > 0
        z = mann_whitney_z(own, reals) if counted else None
        found.append(Cell(cell, z, int((train_cells == cell).sum()), len(reals), len(own)))
    return ThreeSampleTest(tuple(found))


def mann_whitney_z(first: Tensor, second: Tensor) -> float:
    """Standardised count of pairs in which the first set's value is the larger one.

    Args:
        first: ``(n,)``, n at least 1.
        second: ``(m,)``, m at least 1.

    Returns:
        ``(U - nm/2) / sqrt(nm(n+m+1)/12)``, a tie counting one half; about N(0, 1) for sets of one
        distribution, and ``-sqrt(3nm/(n+m+1))`` when every first value is below every second.
    """
    n, m = len(first), len(second)
    order = second.double().sort().values
    below = torch.searchsorted(order, first.double(), right=False)
    not_above = torch.searchsorted(order, first.double(), right=True)
    u = float((below + not_above).sum()) / 2.0
    return (u - n * m / 2.0) / math.sqrt(n * m * (n + m + 1) / 12.0)

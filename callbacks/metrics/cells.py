"""Cells of a feature space, and its main axes: both are found on the training set alone."""

import torch
from torch import Tensor

from callbacks.metrics.scores import check_features

_LEAST = 20
_MOST_CELLS = 10
_HELD_OUT_PER_CELL = 50
_AXES_ROWS, _AXES_ROUNDS, _SPARE = 10_000, 6, 16


class Cells:
    """A partition of a feature space by k-means on the training set.

    Args:
        train: float ``(M, d)`` features.
        held_out: ``(P, d)`` features of held-out reals: a cell with fewer than 20 of them is joined
            to the one whose centre is nearest.
        count: of cells, at first.
        seed: of their first centres.

    Attributes:
        train: int64 ``(M,)``, the cell of each training sample.
    """

    def __init__(self, train: Tensor, held_out: Tensor, count: int, seed: int = 0) -> None:
        check_features("Cells", 1, train=train, held_out=held_out)
        count = min(count, len(train))
        self._centres = k_means(train.float(), count, seed)
        self._cell = torch.arange(len(self._centres))
        first, reals = self.of(train), self.of(held_out)
        self._join(first.bincount(minlength=count), reals.bincount(minlength=count))
        self.train = self._cell[first]

    def of(self, features: Tensor) -> Tensor:
        """Return the cell of each sample, int64 ``(N,)``.

        Args:
            features: ``(N, d)``.
        """
        return self._cell[nearest_centre(features.float(), self._centres)]

    def _join(self, trained: Tensor, reals: Tensor) -> None:
        """Join cells, poorest first, until each holds enough; the counts are of the first cells."""
        while True:
            sizes = {
                cell: int(reals[self._cell == cell].sum()) for cell in self._cell.unique().tolist()
            }
            short = [
                cell
                for cell, size in sizes.items()
                if size < _LEAST or not bool(trained[self._cell == cell].any())
            ]
            if not short or len(sizes) == 1:
                return
            poorest = min(short, key=lambda cell: sizes[cell])
            inside = self._cell == poorest
            gaps = torch.cdist(self._centres[inside], self._centres[~inside]).amin(dim=0)
            nearest = int(self._cell[~inside][gaps.argmin()])
            self._cell[inside | (self._cell == nearest)] = min(poorest, nearest)


def cell_count(held_out: int, samples: int) -> int:
    """How many cells such numbers of samples allow: one for each 50, at most 10.

    Args:
        held_out: number of held-out samples.
        samples: number of generated samples.
    """
    return max(1, min(_MOST_CELLS, min(held_out, samples) // _HELD_OUT_PER_CELL))


def principal_axes(features: Tensor, count: int, seed: int = 0) -> Tensor:
    """The directions in which features vary most, float32 ``(d, count)``, orthonormal.

    Found by iterating on a subspace, on at most 10,000 rows: an eigenvalue problem of all pixels
    would take seconds, and the last digits do not matter to a distance.

    Args:
        features: ``(N, d)``.
        count: at most d.
        seed: of the first subspace.
    """
    rows = min(len(features), _AXES_ROWS)
    centred = features[torch.arange(rows) * len(features) // rows].float()
    centred = centred - centred.mean(dim=0)
    draws = torch.Generator().manual_seed(seed)
    width = min(features.shape[1], count + _SPARE)
    axes = torch.randn(features.shape[1], width, generator=draws)
    for _ in range(_AXES_ROUNDS):
        axes = torch.linalg.qr(centred.T @ (centred @ axes)).Q
    shadow = centred @ axes
    # In rising order of the variance.
    _, rotation = torch.linalg.eigh(shadow.T @ shadow)
    return (axes @ rotation.flip(1))[:, :count]


def nearest_centre(features: Tensor, centres: Tensor) -> Tensor:
    """Index of the centre that is nearest to each sample, int64 ``(N,)``.

    Args:
        features: float ``(N, d)``.
        centres: ``(K, d)``.
    """
    return torch.cdist(features, centres).argmin(dim=1)


def k_means(features: Tensor, count: int, seed: int, rounds: int = 50) -> Tensor:
    """Centres ``(count, d)`` by Lloyd's rounds; the first ones are drawn far apart (k-means++).

    Args:
        features: float ``(N, d)``.
        count: of centres.
        seed: of the first ones.
        rounds: at most.
    """
    draws = torch.Generator().manual_seed(seed)
    first = int(torch.randint(len(features), (1,), generator=draws))
    centres = features[first : first + 1]
    while len(centres) < count:
        weights = torch.cdist(features, centres).amin(dim=1).square().clamp_min(1e-30)
        # torch.multinomial refuses more than 2^24 categories.
        edges = weights.double().cumsum(dim=0)
        place = torch.rand(1, generator=draws).double() * edges[-1]
        chosen = int(torch.searchsorted(edges, place).clamp_max(len(features) - 1))
        centres = torch.cat([centres, features[chosen : chosen + 1]])
    for _ in range(rounds):
        homes = nearest_centre(features, centres)
        sums = torch.zeros_like(centres).index_add_(0, homes, features)
        sizes = homes.bincount(minlength=count).unsqueeze(1)
        # A centre that lost all its samples stays where it is.
        moved = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres

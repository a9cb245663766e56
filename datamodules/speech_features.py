"""From sound to the pieces that a recogniser hears: cepstra, clusters, boundaries, components.

All of it is the same in every run: clusters begin at fixed draws, and components have fixed signs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.mel import RATE, mel_filters

#: Samples from frame to frame: 10 ms.
HOP = RATE // 100
_WINDOW, _TRANSFORM = RATE // 40, 512
_BANDS, _CEPSTRA = 40, 13
#: Width of a frame: cepstra, their slopes, and the slopes of these.
WIDTH = 3 * _CEPSTRA
_FLOOR = 1e-8
_ROUNDS = 15
_MOST_FRAMES = 20_000
#: Stretches of one cluster that are averaged into a piece.
_STRETCHES = 2


def frames_of(sound: Tensor) -> NDArray[np.float32]:
    """Cepstra of a sound with their slopes, each of mean 0 and variance 1 within the sound.

    The 13 first coefficients of the cosine transform of log powers in 40 mel bands, in Hann windows
    of 25 ms, 10 ms apart and centred on their time; slopes are those of a line through 5 frames.

    Args:
        sound: float ``(T,)`` at 16 kHz, of at least 256 samples.

    Returns:
        float32 ``(1 + T // 160, 39)``.
    """
    found = torch.stft(
        sound.double(),
        _TRANSFORM,
        HOP,
        _WINDOW,
        torch.hann_window(_WINDOW, dtype=torch.float64),
        center=True,
        return_complex=True,
    )
    bands = mel_filters(_BANDS, _TRANSFORM) @ found.abs().square()
    cepstra = cosine_transform(_CEPSTRA, _BANDS) @ torch.log(bands + _FLOOR)
    first = slopes(cepstra)
    rows = torch.cat([cepstra, first, slopes(first)]).T
    spread = rows.std(0, correction=0)
    # A coefficient that never changes, as in digital silence, is 0.
    scaled = (rows - rows.mean(0)) / torch.where(spread > _FLOOR, spread, torch.inf)
    return scaled.numpy().astype(np.float32)


def cosine_transform(rows: int, columns: int) -> Tensor:
    """The first rows of the orthonormal cosine transform of type II, float64 ``(rows, columns)``.

    Args:
        rows: coefficients that are kept.
        columns: values that are transformed.
    """
    order = torch.arange(rows, dtype=torch.float64)[:, None]
    place = torch.arange(columns, dtype=torch.float64)[None] + 0.5
    table = torch.cos(math.pi / columns * order * place) * math.sqrt(2.0 / columns)
    table[0] /= math.sqrt(2.0)
    return table


def slopes(rows: Tensor) -> Tensor:
    """Slope per step of a line through each value and two on either side; ends are repeated.

    Args:
        rows: ``(K, T)``.
    """
    held = torch.nn.functional.pad(rows[None], (2, 2), mode="replicate")[0]
    size = rows.shape[1]
    ahead = [
        held[:, 2 + step : 2 + step + size] - held[:, 2 - step : 2 - step + size] for step in (1, 2)
    ]
    return (ahead[0] + 2.0 * ahead[1]) / 10.0


def cluster_centres(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Centres of clusters by k-means: 15 rounds from rows that are drawn far from each other.

    Arthur and Vassilvitskii, "k-means++", SODA 2007 (no arXiv id), with fixed draws. Of more than
    20,000 rows some are taken, evenly spaced.

    Args:
        rows: ``(N, F)``, N at least ``count``.
        count: of the centres.

    Returns:
        float32 ``(count, F)``.
    """
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_FRAMES)).round().astype(np.int64)
    points = torch.from_numpy(rows[chosen]).double()
    own = torch.Generator().manual_seed(0)
    centres = points[torch.randint(len(points), (1,), generator=own)]
    distance = (points - centres).square().sum(1)
    for _ in range(count - 1):
        # Where all points are centres already, any will do.
        weights = distance if distance.sum() > 0 else torch.ones_like(distance)
        new = points[torch.multinomial(weights, 1, generator=own)]
        centres = torch.cat([centres, new])
        distance = torch.minimum(distance, (points - new).square().sum(1))
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count)[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
    return centres.numpy().astype(np.float32)


def clusters_of(rows: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the nearest centre of each row, int64 ``(N,)``.

    Args:
        rows: ``(N, F)``.
        centres: ``(K, F)``.
    """
    numbers: NDArray[np.int64] = _nearest(
        torch.from_numpy(rows).double(), torch.from_numpy(centres).double()
    ).numpy()
    return numbers


def changes(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places where a number differs from the one before it; the first is 0.

    Args:
        numbers: ``(N,)``, N at least 1.
    """
    return np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))


def pooled(rows: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Means of the rows from each start to the next, float32 ``(S, F)``.

    Args:
        rows: ``(N, F)``.
        starts: ``(S,)``, increasing from 0, below N.
    """
    sums = np.add.reduceat(rows.astype(np.float64), starts, axis=0)
    sizes = np.diff(np.append(starts, len(rows)))
    return (sums / sizes[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Components:
    """Principal components, each of variance 1 on the rows that they were found on.

    Attributes:
        mean: float32 ``(F,)``.
        axes: float32 ``(F, D)``.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.float32]], count: int) -> Components:
        """Find the components of largest variance.

        Args:
            rows: ``(N_i, F)`` each.
            count: D, at most F.
        """
        joined = np.concatenate(rows).astype(np.float64)
        mean = joined.mean(0)
        every, axes = np.linalg.eigh(np.cov(joined - mean, rowvar=False, bias=True))
        values, vectors = every[::-1][:count], axes[:, ::-1][:, :count]
        # An eigenvector has no sign of its own.
        largest = np.abs(vectors).argmax(0)
        vectors = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
        scaled = vectors / np.sqrt(np.maximum(values, _FLOOR))
        return cls(mean.astype(np.float32), scaled.astype(np.float32))

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(N, F)`` to ``(N, D)``."""
        led: NDArray[np.float32] = ((rows - self.mean) @ self.axes).astype(np.float32)
        return led


@dataclass(frozen=True)
class Hearing:
    """How sound without known boundaries becomes pieces: a new one where the cluster changes.

    As arXiv:2105.11084, section 3.2, with cepstra in the place of wav2vec 2.0: means of stretches
    of one cluster, then of two neighbouring ones, in principal components.

    Attributes:
        centres: float32 ``(K, F)`` of the clusters.
        components: of the pieces.
    """

    centres: NDArray[np.float32]
    components: Components

    @classmethod
    def of(cls, frames: Sequence[NDArray[np.float32]], clusters: int, dim: int) -> Hearing:
        """Find clusters and components.

        Args:
            frames: ``(N_i, F)`` of each utterance.
            clusters: K, at most as many as there are frames.
            dim: components that are kept.
        """
        centres = cluster_centres(np.concatenate(frames), clusters)
        pieces = [pooled(one, _starts(one, centres)) for one in frames]
        return cls(centres, Components.of(pieces, dim))

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(N, F)`` to pieces ``(S, D)``."""
        return self.components(pooled(frames, _starts(frames, self.centres)))


def _starts(frames: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    return changes(clusters_of(frames, centres))[::_STRETCHES]


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Number of the nearest centre; the length of a point itself decides nothing."""
    return (centres.square().sum(1) - 2.0 * points @ centres.T).argmin(1)

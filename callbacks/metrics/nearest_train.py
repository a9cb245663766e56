"""The nearest training sample of each sample, exactly, without a matrix of all distances.

Candidates are found by products of matrices, in float32 where the features are wide; the distance
to the one that was found is then computed anew in float64, so that a copy has the distance 0 and
not the root of a rounding error.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from callbacks.metrics.augmentations import IDENTITY, Augmentation
from callbacks.metrics.scores import check_features

# Distances held at a time, in numbers: 8 MB of float32.
_BLOCK = 1 << 21
_ROWS = 1024
# Up to this width float64 costs little, and points that lie densely need it.
_NARROW = 64


class Nearest(NamedTuple):
    """The nearest training sample of N samples.

    Attributes:
        distance: float64 ``(N,)``, L2; nan where a sample is not finite.
        row: int64 ``(N,)``, the training sample; 0 where a sample is not finite.
    """

    distance: Tensor
    row: Tensor


class Matches(NamedTuple):
    """The nearest training sample of N samples under the best of several changes.

    Attributes:
        distance: float64 ``(N,)``, the smallest over the changes.
        row: int64 ``(N,)``, the training sample.
        augmentation: int64 ``(N,)``, which of the changes brought the sample there; the first of
            those that are equal.
    """

    distance: Tensor
    row: Tensor
    augmentation: Tensor

    def select(self, rows: Tensor) -> "Matches":
        """Return the matches of some of the samples.

        Args:
            rows: int64 or bool, as for indexing.
        """
        return Matches(self.distance[rows], self.row[rows], self.augmentation[rows])

    @classmethod
    def join(cls, parts: Sequence["Matches"]) -> "Matches":
        """Return the matches of all parts, in their order.

        Args:
            parts: of stacks of samples; may be none.
        """
        blank = cls(torch.empty(0).double(), torch.empty(0).long(), torch.empty(0).long())
        return cls(*(torch.cat(fields) for fields in zip(blank, *parts, strict=True)))


def nearest_train(
    samples: Tensor, train: Tensor, without: Tensor | None = None, device: str = "cpu"
) -> Nearest:
    """Find the nearest row of ``train`` for each row of ``samples``.

    Args:
        samples: float32 ``(N, d)`` features.
        train: float32 ``(M, d)`` features, M at least 1; 2 with ``without``.
        without: int64 ``(N,)``, for each sample the one training sample that does not count:
            itself, where samples are training samples. None: all count.
        device: where products are computed; ``train`` goes there in pieces.

    Returns:
        :class:`Nearest`, on the CPU.

    Raises:
        ValueError: for unlike widths or too few training samples.
    """
    check_features("nearest_train", 1 if without is None else 2, train=train)
    check_features("nearest_train", 0, samples=samples, train=train)
    if not len(samples):
        return Nearest(torch.empty(0).double(), torch.empty(0).long())
    exact = torch.float64 if train.shape[1] <= _NARROW else torch.float32
    stacks = samples.split(_ROWS)
    own = [None] * len(stacks) if without is None else without.split(_ROWS)
    distances, found = [], []
    for stack, excluded in zip(stacks, own, strict=True):
        best = _nearest_row(stack.to(device, exact), train, excluded)
        distances.append((stack.cpu().double() - train[best].double()).norm(dim=1))
        found.append(best)
    return Nearest(torch.cat(distances), torch.cat(found))


def match_train(
    samples: Tensor,
    train: Tensor,
    describe: Callable[[Tensor], Tensor],
    changes: Sequence[Augmentation] = (IDENTITY,),
    device: str = "cpu",
) -> Matches:
    """Find the nearest training sample of each sample, under whichever change brings it closest.

    The changes are made to the samples, never to the training set.

    Args:
        samples: uint8 images ``(N, C, H, W)``, or float points ``(N, 2)``; N at least 1.
        train: float32 ``(M, d)`` features of the training set.
        describe: samples to features ``(N, d)``.
        changes: at least one.
        device: as for :func:`nearest_train`.

    Returns:
        :class:`Matches`, on the CPU.
    """
    best: Matches | None = None
    for number, change in enumerate(changes):
        found = nearest_train(describe(change.apply(samples)), train, device=device)
        own = Matches(*found, torch.full_like(found.row, number))
        if best is None:
            best = own
            continue
        closer = own.distance < best.distance
        best = Matches(*(torch.where(closer, a, b) for a, b in zip(own, best, strict=True)))
    assert best is not None
    return best


def _nearest_row(rows: Tensor, train: Tensor, without: Tensor | None) -> Tensor:
    """Row ``(n,)`` of the nearest training sample, by squares without the samples' own norm."""
    least = torch.full((len(rows),), torch.inf, dtype=rows.dtype, device=rows.device)
    found = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    size = max(1, _BLOCK // len(rows))
    for start in range(0, len(train), size):
        part = train[start : start + size].to(rows.device, rows.dtype)
        squares = torch.addmm(part.square().sum(dim=1)[None], rows, part.T, alpha=-2.0)
        if without is not None:
            own = (without.to(rows.device) - start)[:, None]
            columns = torch.arange(len(part), device=rows.device)[None]
            squares.masked_fill_(columns == own, torch.inf)
        values, places = squares.min(dim=1)
        closer = values < least
        least = torch.where(closer, values, least)
        found = torch.where(closer, places + start, found)
    return found.cpu()

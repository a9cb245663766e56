"""Training parts whose batches hold more than images, and draws of one row for another.

Whatever goes beside an image is a function of (seed, epoch, index), like its augmentation: it does
not depend on the other rows of the batch, so ranks and resumed runs see the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules import draws
from datamodules.sets import TrainingSet

#: Uses of a sample's random key, after those of the base.
PARTNER_STREAM, CHOICE_STREAM = 2, 3


class BatchedSet(TrainingSet):
    """A training part that puts whole batches together; a subclass writes ``__getitems__``.

    Args:
        base: the images and their augmentation.
    """

    def __init__(self, base: TrainingSet) -> None:
        super().__init__(
            base.images,
            base.rows,
            base.labels,
            base.seed,
            base.mirror,
            base.dequantize,
            base.crop,
            base.member,
        )

    def __getitem__(self, item: tuple[int, int]) -> Any:
        """Return one sample, of the (index, epoch) asked for, without the axis of the batch."""
        batch: Any = self.__getitems__([item])
        return {key: value[0] for key, value in batch.items()}

    def plain(self, items: Sequence[tuple[int, int]]) -> Any:
        """Return images, labels and indices, augmented, as :class:`TrainingSet` does."""
        return TrainingSet.__getitems__(self, items)

    def keys(self, items: Sequence[tuple[int, int]], stream: int) -> NDArray[np.uint64]:
        """Return one random key for each (index, epoch) and use: ``(N,)``."""
        pairs = np.array(items, dtype=np.int64).reshape(-1, 2)
        return draws.stream_keys(draws.sample_keys(self.seed, pairs[:, 1], pairs[:, 0]), stream)


class Groups:
    """Rows that belong together, such as the images of a class: draws of a mate or of a stranger.

    Args:
        numbers: ``(N,)`` int64, equal within a group.
    """

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        names, group, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
        self.names = names
        self.group = group.astype(np.int64)
        self.sizes = sizes.astype(np.int64)
        self.order = np.argsort(self.group, kind="stable")
        self.starts = np.cumsum(self.sizes) - self.sizes

    def others(self, rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Draw, for every row, one of another group: uniform over all rows of other groups.

        Args:
            rows: ``(n,)``, each 0 to N - 1.
            keys: ``(n,)`` random keys.

        Returns:
            ``(n,)`` rows; there must be at least two groups.
        """
        group = self.group[rows]
        start, size = self.starts[group], self.sizes[group]
        place = below(keys, len(self.order) - size)
        return self.order[place + np.where(place >= start, size, 0)]

    def members(self, names: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Draw, for every name of a group, one of its rows: ``(n,)`` to ``(n,)``."""
        group = np.searchsorted(self.names, names)
        return self.order[self.starts[group] + below(keys, self.sizes[group])]


def below(keys: NDArray[np.uint64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn 64-bit keys into integers 0 to bound - 1; the excess of some values is below 2**-32."""
    return (keys % bounds.astype(np.uint64)).astype(np.int64)

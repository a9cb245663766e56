"""Stacked MNIST: three digits as the channels of one image, 1,000 modes that can be counted.

The set-up of unrolled GANs (arXiv:1611.02163), VEEGAN (arXiv:1705.07761, 128,000 triples) and
PacGAN (arXiv:1712.04086), built from the 5,000 real digits of :mod:`datamodules.mnist` instead of
the 60,000 or 70,000 of MNIST.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import DataModule
from datamodules.cache import LabelledImages, content_hash
from datamodules.mnist import MNIST5k, split_digits

_DRAW_SEED = 20170522
_DIGITS, _PLACES = 10, 3
MODES = _DIGITS**_PLACES


class StackedImages:
    """Triples of grey images, put together when they are asked for: behaves as one array.

    128,000 triples would be 393 MB at 32 px; here they are 3 MB of row numbers.

    Args:
        grey: images ``(M, 1, H, W)``.
        triples: ``(N, 3)`` rows of ``grey``, for red, green and blue.
    """

    def __init__(self, grey: LabelledImages, triples: NDArray[np.int64]) -> None:
        self.grey, self.triples = grey, triples
        self.dtype = grey.array.dtype
        self.shape = (len(triples), _PLACES, *grey.array.shape[2:])

    def __len__(self) -> int:
        """Number of triples."""
        return len(self.triples)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """One row number to ``(3, H, W)``, n of them to ``(n, 3, H, W)``; a new array each time."""
        return self.grey.array[self.triples[rows], 0]


class StackedMNIST(DataModule):
    """RGB images of three digits; the label is the number that they read, 0 to 999.

    Triples are a fixed draw with replacement, the same for every run. Those that are held out are
    made of digits that no training triple has.

    Args:
        size: edge in pixels; see :class:`datamodules.mnist.MNIST5k`.
        length: number of training triples; VEEGAN and PacGAN take 128,000.
        **kwargs: see :class:`DataModule`. A classifier of 1,000 classes is not learned from so few
            digits: score with ``--evaluation.space rand_vgg``.

    Raises:
        ValueError: when there are fewer triples than modes, or ``size`` is below 4.
    """

    def __init__(self, size: int = 32, length: int = 128_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if length < MODES:
            raise self._refusal(
                "length", f"be at least the {MODES} modes", length, "set length: 128000"
            )
        self.digits = MNIST5k(size)
        self.size, self.length = size, length

    def slug(self) -> str:
        """stacked-mnist-<size>."""
        return f"stacked-mnist-{self.size}"

    @property
    def attribution(self) -> str:
        """Source of the digits."""
        return self.digits.attribution

    def load(self) -> LabelledImages:
        """Draw the triples; see :class:`DataModule`."""
        grey = self.digits.load()
        assert grey.labels is not None
        unseen, tests = split_digits(grey.labels, self.held_out_share, self.length)
        draws = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        train = draws.choice(np.flatnonzero(~unseen), (self.length, _PLACES))
        parts = [train]
        if tests:
            parts.append(draws.choice(np.flatnonzero(unseen), (tests, _PLACES)))
        triples = np.concatenate(parts)
        labels = triple_labels(torch.from_numpy(grey.labels[triples])).numpy()
        held_out = np.arange(len(triples)) >= self.length
        source = np.frombuffer(grey.content.encode(), np.uint8)
        return LabelledImages(
            # It answers to all that is asked of the array of a data set.
            images=cast(NDArray[Any], StackedImages(grey, triples)),
            labels=labels,
            class_names=tuple(f"{number:0{_PLACES}}" for number in range(MODES)),
            families=None,
            held_out=held_out,
            content=content_hash(source, triples, labels, held_out),
        )


def triple_labels(digits: Tensor) -> Tensor:
    """Read three digits ``(N, 3)``, each 0 to 9, as one number: int64 ``(N,)``, 0 to 999."""
    places = torch.tensor([100, 10, 1], device=digits.device)
    return (digits.long() * places).sum(1)


@dataclass(frozen=True)
class StackedCount:
    """How many of the 1,000 triples a sample covers, and how evenly.

    Attributes:
        modes: different triples; PacGAN draws 26,000 samples, unrolled GANs 25,600.
        reverse_kl: KL(p || uniform) in nats, p the shares of the triples; log 1000 for one triple.
            A perfect sampler has 0.019 at 26,000 samples.
    """

    modes: int
    reverse_kl: float


def count_stacked_modes(digits: Tensor) -> StackedCount:
    """Count the triples in a sample.

    Args:
        digits: ``(N, 3)`` classes of the three channels, 0 to 9, N at least 1.

    Returns:
        The counts.

    Raises:
        ValueError: when there is no sample, or a class is no digit.
    """
    if digits.ndim != 2 or digits.shape[1] != _PLACES or not len(digits):
        raise ValueError(
            f"count_stacked_modes: digits must have shape (N, 3), got {tuple(digits.shape)}; "
            "classify each channel of at least one sample"
        )
    if not 0 <= int(digits.min()) <= int(digits.max()) < _DIGITS:
        raise ValueError(
            f"count_stacked_modes: digits must lie in 0..9, got {int(digits.min())}.."
            f"{int(digits.max())}; give classes, not scores"
        )
    counts = torch.bincount(triple_labels(digits), minlength=MODES).double()
    shares = counts / counts.sum()
    divergence = torch.special.xlogy(shares, shares * MODES).sum().item()
    return StackedCount(modes=int((counts > 0).sum()), reverse_kl=divergence)

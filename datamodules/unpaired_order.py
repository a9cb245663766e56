"""The order of two sets without pairs: each in its own, on any number of ranks."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules import draws
from datamodules.loading import RankedSampler

SIDES = ("a", "b")


class UnpairedSampler(RankedSampler):
    """Rows of one rank over two sets: (index_a, pass_a, index_b, pass_b).

    Each set is shown in passes: permutations of its own, one after another up to the length of an
    epoch. Over all ranks together an epoch shows every image of a set as often as any other, but
    for one time; which images stand beside each other is drawn anew in every epoch. A pass has a
    number that no other pass of a run has: with it an image that comes back within an epoch is
    augmented anew.

    The source code of CycleGAN draws the partner at random in the workers instead; with one seed on
    all ranks, ranks then draw the same partners.

    Args:
        length_a: images in the training part of ``a``.
        length_b: images in the training part of ``b``.
        batch_size: samples per batch and rank.
        rank: of this process.
        world_size: number of ranks.
        seed: of both orders, at least 0.
        length: samples in an epoch: "max" of the two sets, "min" of them, or a number; filled up to
            a whole number of global batches.

    Raises:
        ValueError: when an argument is out of range, or a set has less than a global batch.
    """

    def __init__(
        self,
        length_a: int,
        length_b: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        length: Literal["max", "min"] | int = "max",
    ) -> None:
        own = {"a": length_a, "b": length_b}
        for side, count in own.items():
            if 0 < batch_size and 0 < world_size and batch_size * world_size > count:
                raise ValueError(
                    f"UnpairedSampler: batch_size must be at most {count // world_size} for the "
                    f"{count} training images of {side} on {world_size} rank(s), got {batch_size}; "
                    "lower batch_size or add data"
                )
        check_length("UnpairedSampler", length)
        asked = max(own.values()) if length == "max" else min(own.values())
        asked = length if isinstance(length, int) else asked
        whole = batch_size * max(world_size, 1)
        filled = -(-asked // whole) * whole if whole > 0 else asked
        super().__init__(max(filled, 1), batch_size, rank, world_size, seed)
        self.own_lengths = own

    @property
    def lengths(self) -> dict[str, int]:
        """Sizes of the data that a position within an epoch holds for."""
        return {"length": self.length, **{f"length_{k}": n for k, n in self.own_lengths.items()}}

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Lay out an epoch of all ranks together.

        Args:
            epoch: number of the epoch, from 0.

        Returns:
            ``(M, 4)`` rows (index_a, pass_a, index_b, pass_b).
        """
        return np.concatenate([self._shown(side, epoch) for side in SIDES], 1)

    def _shown(self, side: str, epoch: int) -> NDArray[np.int64]:
        """Return (index, pass) of one set for a whole epoch."""
        count = self.own_lengths[side]
        passes = -(-self.length // count)
        numbers = np.arange(epoch * passes, (epoch + 1) * passes)
        seed = side_seed(self.seed, side)
        rows = np.concatenate([draws.permutation(seed, int(one), count) for one in numbers])
        return np.stack([rows, np.repeat(numbers, count)], 1)[: self.length]


def side_seed(seed: int, side: str) -> int:
    """Derive the seed of one domain: equal orders of two sets of one size would pair them up."""
    key = draws.sample_keys(seed, 0, np.array([SIDES.index(side)], np.int64))
    return int(key[0] >> np.uint64(1))


def check_length(owner: str, length: Any) -> None:
    """Refuse what is no length of an epoch of two sets."""
    number = isinstance(length, int) and not isinstance(length, bool) and length >= 1
    if length not in ("max", "min") and not number:
        raise ValueError(
            f"{owner}: length must be max, min or a number of samples, got {length!r}; "
            "set length: max"
        )

"""Pairs: an image of one domain beside its counterpart in the other, augmented alike."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.base import held_out_mask
from datamodules.batches import PairedImages
from datamodules.loading import RankedSampler
from datamodules.sets import TrainingSet
from datamodules.two_domains import PairedReference, Split, TwoDomains, single


class PairedSet(Dataset[PairedImages]):
    """The training part: the same crop and mirror for both halves of a pair.

    Args:
        a: inputs.
        b: their counterparts, in the same order and with the same seed.
    """

    def __init__(self, a: TrainingSet, b: TrainingSet) -> None:
        assert len(a) == len(b) and a.seed == b.seed
        self.a, self.b = a, b

    def __len__(self) -> int:
        """Number of pairs, before augmentation."""
        return len(self.a)

    def __getitem__(self, item: tuple[int, int]) -> PairedImages:
        """Return one pair, of the (index, epoch) asked for, without the axis of the batch."""
        return cast(PairedImages, single(cast(dict, self.__getitems__([item]))))

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> PairedImages:
        """Return a whole batch for N pairs (index, epoch)."""
        a = self.a.__getitems__(items)
        return {"a": a["image"], "b": self.b.__getitems__(items)["image"], "index": a["index"]}


class PairedDataModule(TwoDomains):
    """Pairs with a part held out; row i of ``b`` is the counterpart of row i of ``a``.

    Batches are :class:`datamodules.batches.PairedImages`. Pairs of one family, as the images of
    ``a`` say it, stay on one side of the split.
    """

    def preview(self, count: int = 2) -> PairedImages:
        """Return some training pairs as batches hold them, without a loader and its workers.

        Args:
            count: how many; no more than there are.
        """
        part = self._training_set()
        return part.__getitems__([(index, 0) for index in range(min(count, len(part)))])

    def paired_reference(self, split: Split) -> PairedReference:
        """Return the pairs of one side of the split, without augmentation.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        return PairedReference(self.reference(split, "a"), self.reference(split, "b"))

    def _split(self) -> dict[str, dict[str, NDArray[np.int64]]]:
        images = self._opened().images["a"]
        held_out = held_out_mask(len(images.array), self.held_out_share, families=images.families)
        rows = {"train": np.flatnonzero(~held_out), "held_out": np.flatnonzero(held_out)}
        return {"a": rows, "b": rows}

    def _training_set(self) -> PairedSet:
        return PairedSet(self._side("a", self.seed), self._side("b", self.seed, member=1))

    def _sampler(self) -> RankedSampler:
        rank, world_size = self._rank_and_world_size()
        length = len(self._parts("a")["train"])
        return RankedSampler(length, self.batch_size, rank, world_size, self.seed)

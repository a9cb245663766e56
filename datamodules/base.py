"""One set of images or points: the held-out part, batches, and the reference for evaluation."""

import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules import draws
from datamodules.batches import Images
from datamodules.cache import LabelledImages
from datamodules.loading import RankedSampler
from datamodules.sets import LEVELS, ReferenceSet, TrainingSet
from datamodules.sets import to_unit_range as to_unit_range
from datamodules.source import DataSource

#: The split never depends on a run's seed: runs of a study share it, and with it their reference.
_SPLIT_SEED = 20140610


class DataModule(DataSource):
    """Images or points with a part held out: the base of every data set.

    A subclass says where the images come from (:meth:`load`) and what they are called
    (:meth:`slug`).

    Args:
        **kwargs: see :class:`datamodules.source.DataSource`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._images: LabelledImages | None = None
        self._parts: dict[str, NDArray[np.int64]] = {}

    def load(self) -> LabelledImages:
        """Open the whole set, and make its cache first where that is missing.

        Raises:
            ValueError: when the data cannot be used; the message says why.
            FileNotFoundError: when they are not where they should be.
        """
        own = type(self).__name__
        raise self._refusal("class", "override load()", own, "choose one that has its own images")

    def prepare_data(self) -> None:
        """Make the cache; Lightning calls this on one process of a machine, before the others."""
        self.load()

    def preview(self, count: int = 2) -> Images:
        """Return some training images as batches hold them, without a loader and its workers.

        Args:
            count: how many; no more than there are.
        """
        part = self._training_set()
        return part.__getitems__([(index, 0) for index in range(min(count, len(part)))])

    def _training_set(self) -> TrainingSet:
        images, rows = self._opened(), self._part("train")
        labels = None if images.labels is None else images.labels[rows]
        return TrainingSet(images, rows, labels, self.seed, self.mirror, self.dequantize)

    def reference(self, split: Literal["train", "held_out"]) -> ReferenceSet:
        """Return one side of the split, without augmentation.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        if split not in ("train", "held_out"):
            raise self._refusal("split", "be train or held_out", split, "ask for one of the two")
        rows = self._part(split)
        if not len(rows):
            raise self._refusal(
                "held_out_share",
                f"hold out some of the {len(self._opened().array)} images",
                self.held_out_share,
                "set held_out_share: 0.1 or more, or add images",
            )
        return ReferenceSet(self._opened(), rows)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of every image, or (2,) of every point."""
        return tuple(self._opened().array.shape[1:])

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Name of every class, in the order of the labels; None where there are no classes."""
        return self._opened().class_names

    def fingerprint(self) -> str:
        """Return 16 digits that change with the images, their preprocessing or their split."""
        digest = hashlib.sha256(self._opened().content.encode())
        for split in ("train", "held_out"):
            digest.update(np.ascontiguousarray(self._part(split)).data)
        return digest.hexdigest()[:16]

    def _opened(self) -> LabelledImages:
        if self._images is None:
            self._images = self.load()
            self._check_augmentation(self._images.array)
        return self._images

    def _check_augmentation(self, images: NDArray[Any]) -> None:
        if self.dequantize and images.dtype.name not in LEVELS:
            raise self._refusal(
                "dequantize", "be false for data without levels", True, "set dequantize: false"
            )

    def _part(self, split: str) -> NDArray[np.int64]:
        """Return the rows of one side of the split."""
        if not self._parts:
            images = self._opened()
            held_out = images.held_out
            if held_out is None:
                count = len(images.array)
                held_out = held_out_mask(count, self.held_out_share, images.labels, images.families)
            self._parts = {
                "train": np.flatnonzero(~held_out),
                "held_out": np.flatnonzero(held_out),
            }
        return self._parts[split]

    def _sampler(self) -> RankedSampler:
        rank, world_size = self._rank_and_world_size()
        return RankedSampler(len(self._part("train")), self.batch_size, rank, world_size, self.seed)


def held_out_mask(
    count: int,
    share: float,
    labels: NDArray[np.int64] | None = None,
    families: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Choose what is never trained on: the same images every time, class by class, whole families.

    Args:
        count: number of images N.
        share: part to hold out, 0 to below 1.
        labels: ``(N,)`` classes, each of which gives its share; None: one class.
        families: ``(N,)`` numbers of groups that must not be torn apart; None: all differ. A family
            of several classes counts with the class of its first image.

    Returns:
        ``(N,)`` True for an image that is held out. Every class gives its share to the nearest
        image, or as many more as its last family has.
    """
    units = np.arange(count) if families is None else families
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    sizes = np.bincount(unit)
    classes = np.zeros(len(first), np.int64) if labels is None else labels[first]
    order = draws.permutation(_SPLIT_SEED, 0, len(first))
    held_out = np.zeros(len(first), bool)
    for one in np.unique(classes):
        members = order[classes[order] == one]
        wanted = round(share * int(sizes[members].sum()))
        before = np.cumsum(sizes[members]) - sizes[members]
        held_out[members[before < wanted]] = True
    return held_out[unit]

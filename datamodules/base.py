"""What all data modules share: the held-out part, batches, and the reference for evaluation."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules import draws
from datamodules.batches import Images, from_uint8, to_uint8
from datamodules.cache import LabelledImages
from datamodules.loading import RankedSampler, ResumableLoader

#: The split never depends on a run's seed: runs of a study share it, and with it their reference.
_SPLIT_SEED = 20140610
_MIRROR_STREAM, _NOISE_STREAM = 0, 1
_LEVELS = {"uint8": 255, "uint16": 65535}


class TrainingSet(Dataset[Images]):
    """The training part, with its augmentation drawn from f(seed, epoch, index).

    Args:
        images: the whole set, see :class:`LabelledImages`.
        rows: ``(N,)`` which of them belong to this part.
        labels: ``(N,)`` of this part, or None.
        seed: of the augmentation.
        mirror: flip half of the images left to right.
        dequantize: spread each level over its width, see :class:`DataModule`.
    """

    def __init__(
        self,
        images: LabelledImages,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        seed: int,
        mirror: bool,
        dequantize: bool,
    ) -> None:
        self.images = images
        self.rows = rows
        self.labels = labels
        self.seed = seed
        self.mirror = mirror
        self.dequantize = dequantize

    def __len__(self) -> int:
        """Number of images, before augmentation."""
        return len(self.rows)

    def __getitem__(self, item: tuple[int, int]) -> Images:
        """Return one image, of the (index, epoch) asked for, without the axis of the batch."""
        batch = self.__getitems__([item])
        single: Images = {"image": batch["image"][0]}
        if "label" in batch:
            single["label"] = batch["label"][0]
        single["index"] = batch["index"][0]
        return single

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Images:
        """Return a whole batch at once, which the DataLoader prefers.

        Args:
            items: N pairs (index, epoch), as :class:`RankedSampler` yields them.

        Returns:
            N images ``(N, C, H, W)`` in [-1, 1], or N points.
        """
        pairs = np.array(items, dtype=np.int64).reshape(-1, 2)
        indices, epochs = pairs[:, 0], pairs[:, 1]
        pixels = self.images.array[self.rows[indices]]
        keys = draws.sample_keys(self.seed, epochs, indices)
        if self.mirror:
            flipped = draws.coins(draws.stream_keys(keys, _MIRROR_STREAM))
            pixels[flipped] = pixels[flipped, ..., ::-1]
        batch: Images = {
            "image": _dequantized(pixels, draws.stream_keys(keys, _NOISE_STREAM))
            if self.dequantize
            else to_unit_range(torch.from_numpy(pixels))
        }
        if self.labels is not None:
            batch["label"] = torch.from_numpy(self.labels[indices])
        batch["index"] = torch.from_numpy(indices.copy())
        return batch


class ReferenceSet(Dataset[dict[str, Any]]):
    """One side of the split as it is, without augmentation: what generated images are held against.

    Item i is ``{"image": uint8 (C, H, W), "label": int}``, without the label where there are no
    classes; for points, ``image`` is float32 ``(2,)``.

    Args:
        images: the whole set.
        rows: ``(N,)`` which of them belong to this part.
    """

    def __init__(self, images: LabelledImages, rows: NDArray[np.int64]) -> None:
        self.images = images
        self.rows = rows

    def __len__(self) -> int:
        """Number of images."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield all items, in the order of the files."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one image as bytes."""
        row = self.rows[index]
        pixels = torch.from_numpy(np.array(self.images.array[row]))
        if pixels.ndim == 3 and pixels.dtype != torch.uint8:
            pixels = to_uint8(to_unit_range(pixels))
        item: dict[str, Any] = {"image": pixels}
        if self.images.labels is not None:
            item["label"] = int(self.images.labels[row])
        return item


class DataModule(pl.LightningDataModule):
    """Images or points with a part held out: the base of every data set.

    A subclass says where the images come from (:meth:`load`) and what they are called
    (:meth:`slug`).

    Args:
        batch_size: images per batch and rank.
        num_workers: processes that prepare batches; the images are ready in memory, so 0, the main
            process, is seldom the slower choice.
        seed: of the order and the augmentation, not of the split; None takes the run's own
            (``seed_everything``), or 0 where none was set.
        held_out_share: part of the images that is never trained on, 0 to below 1; drawn class by
            class where there are classes, the same for every run.
        mirror: flip half of the images left to right, drawn anew in every epoch.
        dequantize: train on x / 128 - 1 + U(0, 1/128) of the level x, as the public code of WGAN-GP
            (arXiv:1704.00028) and SNGAN (arXiv:1802.05957) does, drawn anew in every epoch.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int | None = None,
        held_out_share: float = 0.1,
        mirror: bool = False,
        dequantize: bool = False,
    ) -> None:
        super().__init__()
        if seed is None:
            seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise self._refusal(name, f"be at least {least}", value, f"set {name}: {least}")
        if not 0.0 <= held_out_share < 1.0:
            raise self._refusal(
                "held_out_share", "lie in [0, 1)", held_out_share, "set held_out_share: 0.1"
            )
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.held_out_share = held_out_share
        self.mirror = mirror
        self.dequantize = dequantize
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

    @property
    def name(self) -> str:  # type: ignore[override]  # Lightning declares a plain attribute.
        """Short name for files and tables, such as mnist5k-32."""
        return self.slug()

    def slug(self) -> str:
        """Say what the set is called: the one name of a data set and its size."""
        raise NotImplementedError

    @property
    def attribution(self) -> str:
        """Source and licence, to be shown beside published images; "" where we know of none."""
        return ""

    def prepare_data(self) -> None:
        """Make the cache; Lightning calls this on one process of a machine, before the others."""
        self.load()

    def setup(self, stage: str | None = None) -> None:
        """Open and split the data, and refuse what could not be trained on.

        Raises:
            ValueError: when a global batch is larger than the training part; see :meth:`load`.
        """
        self._sampler()

    def train_dataloader(self) -> ResumableLoader:
        """Return this rank's batches of :class:`Images` or :class:`Points`."""
        strategy = getattr(self.trainer, "strategy", None)
        on_gpu = strategy is not None and strategy.root_device.type == "cuda"
        return ResumableLoader(
            self._training_set(), self._sampler(), self.num_workers, pin_memory=on_gpu
        )

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
        if self.dequantize and images.dtype.name not in _LEVELS:
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

    def _rank_and_world_size(self) -> tuple[int, int]:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        if self.trainer is not None:
            return self.trainer.global_rank, self.trainer.world_size
        return 0, 1

    def _refusal(self, argument: str, rule: str, value: object, remedy: str) -> ValueError:
        """Put an error into the library's one form."""
        return ValueError(f"{type(self).__name__}: {argument} must {rule}, got {value!r}; {remedy}")


def to_unit_range(images: Tensor) -> Tensor:
    """Bring stored images to the range that networks see.

    Args:
        images: uint8, uint16, or float32 in [-1, 1]; any shape.

    Returns:
        float32 of the same shape in [-1, 1], at the full precision of the source.
    """
    if images.dtype == torch.uint8:
        return from_uint8(images)
    if images.dtype == torch.uint16:
        return images.to(torch.float32).div_(32767.5).sub_(1.0)
    return images


def _dequantized(pixels: NDArray[Any], keys: NDArray[np.uint64]) -> Tensor:
    """Spread each level over its width: [-1, 1) in steps of 2 / levels, plus U(0, 2 / levels)."""
    levels = _LEVELS[pixels.dtype.name] + 1
    noise = draws.words(keys, pixels[0].size).reshape(pixels.shape)
    # 16 bits of noise below 8 bits of level just fill float32's 24 bits.
    values = torch.from_numpy(noise).to(torch.float32).mul_(2.0**-16)
    values.add_(torch.from_numpy(pixels).to(torch.float32))
    return values.mul_(2.0 / levels).sub_(1.0)


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

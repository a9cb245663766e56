"""One part of a split: for training, with its augmentation, and as a reference without it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules import draws
from datamodules.batches import Images, from_uint8, to_uint8
from datamodules.cache import LabelledImages

#: Uses of a sample's random key; those of subclasses lie between.
_MIRROR_STREAM, _NOISE_STREAM, _CROP_STREAM = 0, 1, 8
#: Types that have levels, and the highest of them.
LEVELS = {"uint8": 255, "uint16": 65535}


class TrainingSet(Dataset[Images]):
    """The training part, with its augmentation drawn from f(seed, epoch, index).

    Args:
        images: the whole set, see :class:`LabelledImages`.
        rows: ``(N,)`` which of them belong to this part.
        labels: ``(N,)`` of this part, or None.
        seed: of the augmentation.
        mirror: flip half of the images left to right.
        dequantize: spread each level over its width, see :class:`datamodules.base.DataModule`.
        crop: edge in pixels of a square that is cut out at a random place; None: the whole image.
        member: of several images that are cut and mirrored alike, such as a pair, which this is;
            they differ in the noise of ``dequantize`` alone.
    """

    def __init__(
        self,
        images: LabelledImages,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        seed: int,
        mirror: bool,
        dequantize: bool,
        crop: int | None = None,
        member: int = 0,
    ) -> None:
        self.images = images
        self.rows = rows
        self.labels = labels
        self.seed = seed
        self.mirror = mirror
        self.dequantize = dequantize
        self.crop = crop
        self.member = member

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
        if self.crop is not None:
            pixels = _random_crops(pixels, self.crop, draws.stream_keys(keys, _CROP_STREAM))
        if self.mirror:
            flipped = draws.coins(draws.stream_keys(keys, _MIRROR_STREAM))
            pixels[flipped] = pixels[flipped, ..., ::-1]
        batch: Images = {
            "image": dequantized(pixels, draws.stream_keys(keys, _NOISE_STREAM + 16 * self.member))
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


def dequantized(pixels: NDArray[Any], keys: NDArray[np.uint64]) -> Tensor:
    """Spread each level over its width: [-1, 1) in steps of 2 / levels, plus U(0, 2 / levels).

    Args:
        pixels: ``(N, C, H, W)`` uint8 or uint16.
        keys: ``(N,)`` random keys.

    Returns:
        float32 of the same shape.
    """
    levels = LEVELS[pixels.dtype.name] + 1
    noise = draws.words(keys, pixels[0].size).reshape(pixels.shape)
    # 16 bits of noise below 8 bits of level just fill float32's 24 bits.
    values = torch.from_numpy(noise).to(torch.float32).mul_(2.0**-16)
    values.add_(torch.from_numpy(pixels).to(torch.float32))
    return values.mul_(2.0 / levels).sub_(1.0)


def _random_crops(pixels: NDArray[Any], size: int, keys: NDArray[np.uint64]) -> NDArray[Any]:
    """Cut a square out of every image ``(N, C, H, W)``, each at a place of its own."""
    room = np.array(pixels.shape[2:]) - size + 1
    places = draws.words(keys, 2).astype(np.int64) * room >> 16
    return np.stack(
        [
            one[:, top : top + size, left : left + size]
            for one, (top, left) in zip(pixels, places.tolist(), strict=True)
        ]
    )

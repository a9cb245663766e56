"""What all sets of short clips share: windows of frames, and other clips to hold against them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules import draws
from datamodules.base import DataModule
from datamodules.batched import PARTNER_STREAM, BatchedSet, Groups
from datamodules.batches import Videos
from datamodules.cache import LabelledImages
from datamodules.loading import RankedSampler
from datamodules.sets import TrainingSet, to_unit_range

_MIRROR_STREAM = 4


class ClipSet(BatchedSet):
    """Training clips; see :class:`Videos`.

    Args:
        base: the frames.
        starts: ``(N,)`` row of the first frame of every clip.
        videos: ``(N,)`` video of every clip; a mismatched clip comes from another one.
        frames: length T of a clip.
    """

    def __init__(
        self, base: TrainingSet, starts: NDArray[np.int64], videos: NDArray[np.int64], frames: int
    ) -> None:
        super().__init__(base)
        self.starts, self.frames = starts, frames
        self.groups = Groups(videos)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.starts)

    def __getitems__(  # type: ignore[override]
        self, items: Sequence[tuple[int, int]]
    ) -> Videos:
        """Return a batch for N pairs (index, epoch)."""
        pairs = np.array(items, dtype=np.int64).reshape(-1, 2)
        strangers = self.groups.others(pairs[:, 0], self.keys(items, PARTNER_STREAM))
        return {
            "frames": self._clips(pairs[:, 0], pairs[:, 1]),
            "mismatched": self._clips(strangers, pairs[:, 1]),
            "index": torch.from_numpy(pairs[:, 0].copy()),
        }

    def _clips(self, indices: NDArray[np.int64], epochs: NDArray[np.int64]) -> Tensor:
        rows = self.starts[indices][:, None] + np.arange(self.frames)
        pixels = np.array(self.images.array[rows.ravel()])
        pixels = pixels.reshape(*rows.shape, *pixels.shape[1:])
        if self.mirror:
            keys = draws.sample_keys(self.seed, epochs, indices)
            flipped = draws.coins(draws.stream_keys(keys, _MIRROR_STREAM))
            pixels[flipped] = pixels[flipped, ..., ::-1]
        return to_unit_range(torch.from_numpy(pixels))


class ReferenceClips(Dataset[dict[str, Tensor]]):
    """One side of the split as clips: item i is ``{"frames": uint8 (T, C, H, W)}``.

    Args:
        images: all frames.
        starts: ``(N,)`` row of the first frame of every clip.
        frames: length T of a clip.
    """

    def __init__(self, images: LabelledImages, starts: NDArray[np.int64], frames: int) -> None:
        self.images, self.starts, self.frames = images, starts, frames

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.starts)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one clip as bytes."""
        rows = np.arange(self.frames) + self.starts[index]
        return {"frames": torch.from_numpy(np.array(self.images.array[rows]))}


class ClipData(DataModule):
    """Short clips: batches of :class:`Videos`, and frames as the reference of images.

    :meth:`load` returns all frames, uint8, video after video, and the number of the video as the
    family: so a video lies on one side of the split.

    Args:
        frames: length T of a clip: those that are given and those to be predicted.
        stride: frames from the start of a clip to the start of the next one of its video.
        **kwargs: see :class:`DataModule`; ``mirror`` flips whole clips.

    Raises:
        ValueError: when ``frames`` is below 2, ``stride`` below 1, or ``dequantize`` is set.
    """

    def __init__(self, frames: int = 8, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if frames < 2:
            raise self._refusal("frames", "be at least 2", frames, "set frames: 8")
        if stride < 1:
            raise self._refusal("stride", "be at least 1", stride, "set stride: 1")
        if self.dequantize:
            raise self._refusal("dequantize", "be false for clips", True, "set dequantize: false")
        self.frames, self.stride = frames, stride

    def clips(self, split: Literal["train", "held_out"]) -> ReferenceClips:
        """Return the clips of one side of the split, without augmentation.

        Args:
            split: which side.

        Raises:
            ValueError: when the name is another one, or nothing is held out.
        """
        images = self.reference(split).images
        return ReferenceClips(images, self._windows(split)[0], self.frames)

    def _windows(self, split: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return first row and video of every clip of a split."""
        rows, families = self._part(split), self._opened().families
        assert families is not None
        videos = np.split(rows, np.flatnonzero(np.diff(families[rows])) + 1)
        own = [
            run[first]
            for run in videos
            for first in range(0, len(run) - self.frames + 1, self.stride)
        ]
        found = np.array(own, np.int64)
        return found, families[found]

    def _training_set(self) -> ClipSet:
        base = super()._training_set()
        starts, videos = self._windows("train")
        if len(np.unique(videos)) < 2:
            raise self._refusal(
                "data",
                "hold at least two training videos, for mismatched clips",
                len(np.unique(videos)),
                f"add videos of at least {self.frames} frames",
            )
        return ClipSet(base, starts, videos, self.frames)

    def _sampler(self) -> RankedSampler:
        rank, world_size = self._rank_and_world_size()
        count = len(self._windows("train")[0])
        return RankedSampler(count, self.batch_size, rank, world_size, self.seed)

"""Clips of the user's own: sub-folders of numbered frames, or animated GIF, WebP and PNG."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from datamodules.cache import Contents, LabelledImages, cached_images, progress
from datamodules.clips import ClipData
from datamodules.decoding import (
    CHANNEL_MODES,
    SUFFIXES,
    centre_crop_resize,
    convert_channels,
    read_pixels,
)

_ANIMATED = (".gif", ".webp", ".png", ".apng")


class VideoFolder(ClipData):
    """Videos found in a folder, decoded once to a cache that is mapped.

    A video is a sub-folder whose images, in the order of the numbers in their names, are its frames
    (of 8 bits; deeper ones are reduced), or an animated .gif, .webp or .png in the folder itself.
    Every frame is cut to its centred square and resized. A video lies on one side of the split.

    Args:
        folder: where to look.
        size: edge in pixels of every frame.
        channels: 1 grey or 3 RGB, alpha over white.
        frames: length of a clip.
        stride: frames from the start of a clip to the start of the next one of its video.
        **kwargs: see :class:`datamodules.base.DataModule`.

    Raises:
        ValueError: when an argument is out of range, there is no video, a video has fewer frames
            than a clip, or a file cannot be read.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(
        self,
        folder: str,
        size: int = 64,
        channels: int = 3,
        frames: int = 8,
        stride: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(frames, stride, **kwargs)
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise FileNotFoundError(
                f"{type(self).__name__}: folder must be a folder of videos, got {folder!r}; "
                "give the path of an existing folder"
            )
        if size < 1:
            raise self._refusal("size", "be at least 1", size, "set size: 64")
        if channels not in (1, 3):
            raise self._refusal("channels", "be 1 or 3", channels, "set channels: 3")
        self.size, self.channels = size, channels

    def slug(self) -> str:
        """<folder>-<size>."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return f"{slug or 'videos'}-{self.size}"

    def load(self) -> LabelledImages:
        """Open the frames, decoded once; see :class:`datamodules.base.DataModule`."""
        videos = self._videos()
        if not videos:
            raise self._refusal(
                "folder",
                "hold videos",
                str(self.folder),
                "put sub-folders of frames or animated .gif, .webp or .png into it",
            )
        stamps = [
            (str(file.relative_to(self.folder)), stat.st_size, stat.st_mtime_ns)
            for video in videos
            for file in video
            for stat in [file.stat()]
        ]
        key = {
            "data": "videos",
            "folder": str(self.folder.resolve()),
            "files": stamps,
            "size": self.size,
            "channels": self.channels,
            "frames": self.frames,
        }
        return cached_images(self.slug(), key, lambda: self._decode(videos))

    def _videos(self) -> list[list[Path]]:
        """Files of every video: its frames, or the one animated file."""
        found = []
        for entry in sorted(self.folder.iterdir(), key=_natural):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                inside = [file for file in entry.iterdir() if file.suffix.lower() in SUFFIXES]
                if inside:
                    found.append(sorted(inside, key=_natural))
            elif entry.suffix.lower() in _ANIMATED:
                found.append([entry])
        return found

    def _decode(self, videos: Sequence[Sequence[Path]]) -> Contents:
        lengths = [len(files) if len(files) > 1 else self._count(files[0]) for files in videos]
        for files, length in zip(videos, lengths, strict=True):
            if length < self.frames:
                where = files[0] if files[0].parent == self.folder else files[0].parent
                raise self._refusal(
                    "frames",
                    "be at most the frames of every video",
                    f"{self.frames} where {where} has {length}",
                    f"set frames: {max(2, length)}, or move short videos away",
                )
        return Contents(
            rows=progress(self._rows(videos), sum(lengths), f"{self.folder.name}: reading frames"),
            count=sum(lengths),
            shape=(self.channels, self.size, self.size),
            dtype=np.dtype("uint8"),
            families=np.arange(len(videos)).repeat(lengths),
        )

    def _count(self, file: Path) -> int:
        if file.parent != self.folder:
            return 1
        try:
            with Image.open(file) as image:
                return int(getattr(image, "n_frames", 1))
        except (OSError, ValueError) as error:
            raise self._unreadable(file, error) from error

    def _rows(self, videos: Sequence[Sequence[Path]]) -> Iterator[NDArray[np.uint8]]:
        for files in videos:
            if files[0].parent == self.folder:
                yield from (self._frame(pixels) for pixels in self._animation(files[0]))
            else:
                yield from (self._frame(read_pixels(file)) for file in files)

    def _animation(self, file: Path) -> Iterator[NDArray[np.uint8]]:
        try:
            with Image.open(file) as image:
                for frame in ImageSequence.Iterator(image):
                    yield np.asarray(frame.convert(CHANNEL_MODES[4]))
        except (OSError, ValueError, SyntaxError) as error:
            raise self._unreadable(file, error) from error

    def _unreadable(self, file: Path, error: Exception) -> ValueError:
        return self._refusal(
            "files", "be readable animations", f"{file} ({error})", "repair or remove the file"
        )

    def _frame(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        if pixels.dtype == np.uint16:
            pixels = np.rint(pixels / 257.0).astype(np.uint8)
        if pixels.dtype != np.uint8:
            raise self._refusal(
                "frames", "be images of 8 or 16 bits", str(pixels.dtype), "save them as PNG"
            )
        converted = convert_channels(pixels, self.channels)
        return centre_crop_resize(converted, self.size).transpose(2, 0, 1)


def _natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Order frame 2 before frame 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in parts)

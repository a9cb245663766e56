"""A folder of the user's own images: any channels, 8 or 16 bits, classes from sub-folders."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.base import DataModule
from datamodules.cache import Contents, LabelledImages, cached_images, progress
from datamodules.decoding import (
    CHANNEL_MODES,
    SUFFIXES,
    Header,
    centre_crop_resize,
    convert_channels,
    convert_dtype,
    read_header,
    read_pixels,
)

_CHUNK = 256


@dataclass(frozen=True)
class _Target:
    """What every image of the set becomes."""

    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]


class ImageFolder(DataModule):
    """Images found in a folder and its sub-folders, decoded once to a cache that is mapped.

    Reads PNG, JPEG, BMP, WebP, TIFF and NumPy arrays (``(H, W)``, ``(H, W, C)`` or a stack
    ``(N, H, W, C)``; uint8, uint16 or float). 16-bit images train at their full precision.

    Args:
        folder: where to look.
        size: edge in pixels of the square that every image becomes; None keeps the size that all
            of them must then share.
        resize: how: the largest centred square, resized bicubic and antialiased; or "none", which
            refuses images of another size.
        channels: convert to 1 grey, 2 grey and alpha, 3 RGB (alpha over white) or 4 RGBA; None
            keeps the number that all images must then share.
        labels: take the sub-folders, where there are at least two, as classes.
        float_range: values in float arrays and float TIFF that mean black and white; None: -1 and
            1, and arrays without a negative value are refused as doubtful.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when an argument is out of range, the folder holds no image, or its images
            cannot be read, differ in size or in channels, hold NaN or leave ``float_range``.
        FileNotFoundError: when there is no such folder.
    """

    def __init__(
        self,
        folder: str,
        size: int | None = None,
        resize: Literal["center_crop", "none"] = "center_crop",
        channels: int | None = None,
        labels: bool = True,
        float_range: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise FileNotFoundError(
                f"{type(self).__name__}: folder must be a folder of images, got {folder!r}; "
                "give the path of an existing folder"
            )
        if size is not None and size < 1:
            raise self._refusal("size", "be at least 1", size, "set size: 64")
        if resize not in ("center_crop", "none"):
            raise self._refusal(
                "resize", "be center_crop or none", resize, "set resize: center_crop"
            )
        if channels is not None and channels not in CHANNEL_MODES:
            raise self._refusal("channels", "be 1, 2, 3 or 4", channels, "set channels: 3")
        if float_range is not None and not float_range[0] < float_range[1]:
            raise self._refusal(
                "float_range", "rise from black to white", float_range, "set float_range: [0, 1]"
            )
        self.size = size
        self.resize = resize
        self.channels = channels
        self.labels = labels
        self.float_range = float_range

    def slug(self) -> str:
        """<folder>-<height>, or <folder>-<height>x<width>."""
        _, height, width = self.image_shape
        return f"{self._folder_slug()}-{height}" + ("" if height == width else f"x{width}")

    def load(self) -> LabelledImages:
        """Open the images, decoded once; see :class:`DataModule`."""
        try:
            files = sorted(_image_files(self.folder))
        except OSError as error:
            raise self._refusal(
                "folder", "be readable", str(error), "change its permissions"
            ) from error
        if not files:
            raise self._refusal(
                "folder",
                "hold images",
                str(self.folder),
                f"put files in it that end in {', '.join(SUFFIXES)}",
            )
        stamps = [
            (str(file.relative_to(self.folder)), stat.st_size, stat.st_mtime_ns)
            for file in files
            for stat in [file.stat()]
        ]
        key = {
            "data": "folder",
            "folder": str(self.folder.resolve()),
            "files": stamps,
            "size": self.size,
            "resize": self.resize,
            "channels": self.channels,
            "labels": self.labels,
            "float_range": self.float_range,
        }
        return cached_images(self._folder_slug(), key, lambda: self._decode(files))

    def _folder_slug(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return slug or "images"

    def _decode(self, files: Sequence[Path]) -> Contents:
        with ThreadPoolExecutor() as pool:
            headers = list(pool.map(read_header, files))
        target = self._target(files, headers)
        places = [
            (file, position)
            for file, header in zip(files, headers, strict=True)
            for position in range(header.count)
        ]
        labels, class_names = self._classes([file for file, _ in places])
        return Contents(
            rows=progress(
                self._rows(places, target), len(places), f"{self.folder.name}: reading images"
            ),
            count=len(places),
            shape=(target.channels, target.height, target.width),
            dtype=target.dtype,
            labels=labels,
            class_names=class_names,
        )

    def _target(self, files: Sequence[Path], headers: Sequence[Header]) -> _Target:
        """Find what all images can become, or refuse."""
        first = headers[0]
        for file, header in zip(files, headers, strict=True):
            self._check_size(files[0], first, file, header)
            self._check_channels(files[0], first, file, header)
        return _Target(
            height=self.size or first.height,
            width=self.size or first.width,
            channels=self.channels or first.channels,
            dtype=max((header.dtype for header in headers), key=lambda dtype: dtype.itemsize),
        )

    def _check_size(self, first_file: Path, first: Header, file: Path, header: Header) -> None:
        have = f"{file} ({header.width}x{header.height})"
        if self.size is None and (header.height, header.width) != (first.height, first.width):
            raise self._refusal(
                "size",
                "be set where images differ in size",
                f"{first_file} ({first.width}x{first.height}) and {have}",
                f"set size: {min(first.height, first.width, header.height, header.width)}",
            )
        wanted = (self.size, self.size)
        if self.size and self.resize == "none" and (header.height, header.width) != wanted:
            raise self._refusal(
                "resize",
                f"be center_crop where an image is not {self.size}x{self.size}",
                have,
                "set resize: center_crop",
            )

    def _check_channels(self, first_file: Path, first: Header, file: Path, header: Header) -> None:
        if self.channels is None and header.channels != first.channels:
            raise self._refusal(
                "channels",
                "be set where images differ in channels",
                f"{first_file} ({first.channels}) and {file} ({header.channels})",
                "set channels: 3 for RGB or 1 for grey",
            )
        if self.channels is not None and header.channels not in CHANNEL_MODES:
            raise self._refusal(
                "channels",
                f"be left out where an image has {header.channels} of them",
                f"{self.channels} for {file}",
                "leave out channels",
            )

    def _classes(
        self, files: Sequence[Path]
    ) -> tuple[NDArray[np.int64] | None, tuple[str, ...] | None]:
        """Take the first sub-folder of every image as its class."""
        tops = [file.relative_to(self.folder).parts for file in files]
        names = sorted({parts[0] for parts in tops if len(parts) > 1})
        if not self.labels or len(names) < 2:
            return None, None
        for file, parts in zip(files, tops, strict=True):
            if len(parts) == 1:
                raise self._refusal(
                    "labels",
                    "be false where an image lies beside the sub-folders of the classes",
                    str(file),
                    "move it to a class, or set labels: false",
                )
        number = {name: index for index, name in enumerate(names)}
        return np.array([number[parts[0]] for parts in tops], np.int64), tuple(names)

    def _rows(self, places: Sequence[tuple[Path, int]], target: _Target) -> Iterator[NDArray[Any]]:
        """Decode in threads, a chunk at a time so that memory holds no more than that."""
        lowest = np.inf
        pending = iter(places)
        with ThreadPoolExecutor() as pool:
            while chunk := list(islice(pending, _CHUNK)):
                for row, least in pool.map(
                    lambda place: self._row(place[0], place[1], target), chunk
                ):
                    lowest = min(lowest, least)
                    yield row
        if self.float_range is None and 0.0 <= lowest < np.inf:
            raise self._refusal(
                "float_range",
                "be set where float images have no negative value",
                f"a least value of {lowest:g} in {self.folder}",
                "set float_range: [0, 1], or [-1, 1] if that is what they hold",
            )

    def _row(self, file: Path, position: int, target: _Target) -> tuple[NDArray[Any], float]:
        """Return one image ``(C, H, W)`` of the set, and its least value if it holds floats."""
        pixels, least = read_pixels(file, position), np.inf
        if pixels.dtype.kind == "f":
            black, white = self.float_range or (-1.0, 1.0)
            least = float(pixels.min())
            if least < black or pixels.max() > white:
                raise self._refusal(
                    "float_range",
                    f"hold every value, here {black:g} to {white:g}",
                    f"{least:g} to {pixels.max():g} in {file}",
                    "set float_range to the values of black and white",
                )
            pixels = ((pixels - black) / (white - black) * 2.0 - 1.0).astype(np.float32)
        pixels = convert_dtype(pixels, target.dtype)
        pixels = convert_channels(pixels, target.channels)
        if self.size is not None:
            pixels = centre_crop_resize(pixels, self.size)
        return pixels.transpose(2, 0, 1), least


def _image_files(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder; follows links, but goes into no folder twice."""

    def fail(error: OSError) -> None:
        raise error

    seen = set()
    for place, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        stat = os.stat(place)
        if (stat.st_dev, stat.st_ino) in seen:
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place) / name

"""Files of a user to images of one shape: where they are found, and what they all become."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.cache import progress
from datamodules.decoding import (
    CHANNEL_MODES,
    SUFFIXES,
    Header,
    UnreadableImage,
    centre_crop_resize,
    convert_channels,
    convert_dtype,
    read_header,
    read_pixels,
)
from datamodules.source import refusal

_CHUNK = 256


@dataclass(frozen=True)
class ImageFile:
    """A file, or the left or right half of one.

    Attributes:
        path: see :func:`datamodules.decoding.read_header`.
        half: which half of every image; None: the whole.
    """

    path: Path
    half: Literal["left", "right"] | None = None

    def header(self) -> Header:
        """Read shape and precision without decoding; see :func:`datamodules.decoding.read_header`.

        Raises:
            ValueError: also when there is no middle to halve it at.
        """
        whole = read_header(self.path)
        if self.half is None:
            return whole
        if whole.width % 2:
            reason = f"its width of {whole.width} pixels is odd and has no halves"
            raise UnreadableImage(self.path, reason, f"width must be even, got {self.path}")
        return Header(whole.height, whole.width // 2, whole.channels, whole.dtype, whole.count)

    def pixels(self, position: int = 0) -> NDArray[Any]:
        """Decode one image; see :func:`datamodules.decoding.read_pixels`."""
        whole = read_pixels(self.path, position)
        middle = whole.shape[1] // 2
        if self.half is None:
            return whole
        return whole[:, :middle] if self.half == "left" else whole[:, middle:]


@dataclass(frozen=True)
class Target:
    """What every image of a set becomes.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: number of them.
        dtype: uint8, uint16 or float32.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class ImageReader:
    """Turns files of any size and kind into images of one shape, or says why it cannot.

    Attributes:
        owner: class that asks, for the messages.
        size: edge in pixels of the square that every image becomes: the largest centred square,
            resized bicubic and antialiased; None keeps the size that all must then share.
        resize: "none" refuses images of another size instead.
        channels: 1 grey, 2 grey and alpha, 3 RGB (alpha over white) or 4 RGBA; None keeps the
            number that all images must then share.
        float_range: values in float images that mean black and white; None: -1 and 1, and sets
            without a negative value are refused as doubtful.
        channels_argument: what ``channels`` is called by the owner.
    """

    owner: str
    size: int | None = None
    resize: Literal["center_crop", "none"] = "center_crop"
    channels: int | None = None
    float_range: tuple[float, float] | None = None
    channels_argument: str = "channels"

    def check(self) -> None:
        """Refuse options that are out of range."""
        if self.size is not None and self.size < 1:
            raise self._refusal("size", "be at least 1", self.size, "set size: 64")
        if self.resize not in ("center_crop", "none"):
            raise self._refusal(
                "resize", "be center_crop or none", self.resize, "set resize: center_crop"
            )
        if self.channels is not None and self.channels not in CHANNEL_MODES:
            name = self.channels_argument
            raise self._refusal(name, "be 1, 2, 3 or 4", self.channels, f"set {name}: 3")
        if self.float_range is not None and not self.float_range[0] < self.float_range[1]:
            raise self._refusal(
                "float_range",
                "rise from black to white",
                self.float_range,
                "set float_range: [0, 1]",
            )

    def target(self, files: Sequence[Path], headers: Sequence[Header]) -> Target:
        """Find what all images can become.

        Args:
            files: N paths, at least one, for the messages.
            headers: what they say of themselves.

        Raises:
            ValueError: when they differ in size or channels and no option says what to do.
        """
        first = headers[0]
        for file, header in zip(files, headers, strict=True):
            self._check_size(files[0], first, file, header)
            self._check_channels(files[0], first, file, header)
        return Target(
            height=self.size or first.height,
            width=self.size or first.width,
            channels=self.channels or first.channels,
            dtype=max((header.dtype for header in headers), key=lambda dtype: dtype.itemsize),
        )

    def rows(
        self, places: Sequence[tuple[ImageFile, int]], target: Target, what: str
    ) -> Iterator[NDArray[Any]]:
        """Decode images in threads, a chunk at a time so that memory holds no more than that.

        Args:
            places: files, and which of their images.
            target: from :meth:`target`.
            what: is being read, for the line that tells how far it has come.

        Yields:
            Images ``(C, H, W)``.

        Raises:
            ValueError: when a file cannot be decoded or its floats leave ``float_range``.
        """
        return progress(self._rows(places, target), len(places), what)

    def _rows(
        self, places: Sequence[tuple[ImageFile, int]], target: Target
    ) -> Iterator[NDArray[Any]]:
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
                f"a least value of {lowest:g} in {places[0][0].path.parent}",
                "set float_range: [0, 1], or [-1, 1] if that is what they hold",
            )

    def _row(self, file: ImageFile, position: int, target: Target) -> tuple[NDArray[Any], float]:
        """Return one image ``(C, H, W)`` of the set, and its least value if it holds floats."""
        pixels, least = file.pixels(position), np.inf
        if pixels.dtype.kind == "f":
            black, white = self.float_range or (-1.0, 1.0)
            least = float(pixels.min())
            if least < black or pixels.max() > white:
                raise self._refusal(
                    "float_range",
                    f"hold every value, here {black:g} to {white:g}",
                    f"{least:g} to {pixels.max():g} in {file.path}",
                    "set float_range to the values of black and white",
                )
            pixels = ((pixels - black) / (white - black) * 2.0 - 1.0).astype(np.float32)
        pixels = convert_dtype(pixels, target.dtype)
        pixels = convert_channels(pixels, target.channels)
        if self.size is not None:
            pixels = centre_crop_resize(pixels, self.size)
        return pixels.transpose(2, 0, 1), least

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
        name = self.channels_argument
        if self.channels is None and header.channels != first.channels:
            raise self._refusal(
                name,
                "be set where images differ in channels",
                f"{first_file} ({first.channels}) and {file} ({header.channels})",
                f"set {name}: 3 for RGB or 1 for grey",
            )
        if self.channels is not None and header.channels not in CHANNEL_MODES:
            raise self._refusal(
                name,
                f"be left out where an image has {header.channels} of them",
                f"{self.channels} for {file}",
                f"leave out {name}",
            )

    def _refusal(self, argument: str, rule: str, value: object, remedy: str) -> ValueError:
        return refusal(self.owner, argument, rule, value, remedy)


def image_files(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder; follows links, but goes into no folder twice.

    Raises:
        OSError: when a folder cannot be read.
    """

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


def sorted_files(owner: str, argument: str, folder: Path) -> list[Path]:
    """List the images below a folder, in the order of their paths.

    Args:
        owner: class that asks, for the messages.
        argument: what it calls the folder.
        folder: where to look.

    Raises:
        ValueError: when the folder cannot be read or holds no image.
    """
    try:
        files = sorted(image_files(folder))
    except OSError as error:
        raise refusal(
            owner, argument, "be readable", str(error), "change its permissions"
        ) from error
    if not files:
        raise refusal(
            owner,
            argument,
            "hold images",
            str(folder),
            f"put files in it that end in {', '.join(SUFFIXES)}",
        )
    return files


def existing_folder(owner: str, argument: str, folder: str) -> Path:
    """Return the path of a folder.

    Raises:
        FileNotFoundError: when there is no such folder.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(
            f"{owner}: {argument} must be a folder of images, got {folder!r}; "
            "give the path of an existing folder"
        )
    return path


def file_stamps(files: Sequence[Path], root: Path) -> list[tuple[str, int, int]]:
    """Tell files by their path below a root, size and time: part of the key of a cache."""
    return [
        (str(file.relative_to(root)), stat.st_size, stat.st_mtime_ns)
        for file in files
        for stat in [file.stat()]
    ]

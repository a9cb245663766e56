"""A folder of the user's own images: any channels, 8 or 16 bits, classes from sub-folders."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.base import DataModule
from datamodules.cache import Contents, LabelledImages, cached_images
from datamodules.decoding import read_header
from datamodules.reading import ImageFile, ImageReader, existing_folder, file_stamps, sorted_files
from datamodules.reading import image_files as _image_files  # noqa: F401


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
        self.folder = existing_folder(type(self).__name__, "folder", folder)
        self.reader = ImageReader(type(self).__name__, size, resize, channels, float_range)
        self.reader.check()
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
        files = sorted_files(type(self).__name__, "folder", self.folder)
        key = {
            "data": "folder",
            "folder": str(self.folder.resolve()),
            "files": file_stamps(files, self.folder),
            "size": self.size,
            "resize": self.resize,
            "channels": self.channels,
            "labels": self.labels,
            "float_range": self.float_range,
        }
        return cached_images(self._folder_slug(), key, lambda: self._decode(files))

    def _folder_slug(self) -> str:
        return slug_of(self.folder)

    def _decode(self, files: Sequence[Path]) -> Contents:
        with ThreadPoolExecutor() as pool:
            headers = list(pool.map(read_header, files))
        target = self.reader.target(files, headers)
        places = [
            (ImageFile(file), position)
            for file, header in zip(files, headers, strict=True)
            for position in range(header.count)
        ]
        labels, class_names = self._classes([file.path for file, _ in places])
        return Contents(
            rows=self.reader.rows(places, target, f"{self.folder.name}: reading images"),
            count=len(places),
            shape=(target.channels, target.height, target.width),
            dtype=target.dtype,
            labels=labels,
            class_names=class_names,
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


def slug_of(path: Path) -> str:
    """Turn the name of a folder or file into one for tables: lower case, digits and dashes."""
    slug = re.sub(r"[^a-z0-9]+", "-", path.resolve().name.lower()).strip("-")
    return slug or "images"

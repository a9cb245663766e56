"""The data sets of torchvision, over the same cache, split and loader as all others.

Nothing is downloaded unless ``download: true`` says so. The part that the publisher set aside for
testing is the held-out part; the training part is then trained on as a whole, as papers do.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.base import DataModule
from datamodules.cache import Contents, LabelledImages, cached_images, progress
from datamodules.decoding import centre_crop_resize, convert_channels

_CHUNK = 256


@dataclass(frozen=True)
class Part:
    """One of torchvision's data sets.

    Attributes:
        images: items are (PIL image, whatever).
        labels: class of every image, or None.
        class_names: name of every class, or None.
    """

    images: Any
    labels: Sequence[int] | None = None
    class_names: Sequence[str] | None = None


class TorchvisionSet(DataModule):
    """Base of the sets below, which say which torchvision class serves them.

    Args:
        folder: root under which torchvision keeps its data.
        size: edge in pixels; the largest centred square is resized, bicubic and antialiased. None
            keeps the set's own size.
        channels: 1 grey or 3 RGB; None keeps the set's own.
        download: fetch missing data from the place that torchvision names.
        held_out: "official" holds out the publisher's test part; "share" ignores that part and
            takes ``held_out_share`` of the training images.
        **kwargs: see :class:`DataModule`.

    Raises:
        ValueError: when an argument is out of range or the data cannot be read.
        FileNotFoundError: when the data are missing and ``download`` is off.
    """

    #: Where the set lies, below ``folder``.
    place = ""
    #: Black border that is added before a resize; 2 makes 28 px digits 32 px, as is usual.
    border = 0

    def __init__(
        self,
        folder: str = "data",
        size: int | None = None,
        channels: int | None = None,
        download: bool = False,
        held_out: Literal["official", "share"] = "official",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size is not None and size < 4:
            raise self._refusal("size", "be at least 4", size, "set size: 32")
        if channels not in (None, 1, 3):
            raise self._refusal("channels", "be 1 or 3", channels, "set channels: 3")
        if held_out not in ("official", "share"):
            raise self._refusal(
                "held_out", "be official or share", held_out, "set held_out: official"
            )
        self.folder = Path(folder).expanduser()
        self.size = size
        self.channels = channels
        self.download = download
        self.held_out = held_out

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        raise NotImplementedError

    def slug(self) -> str:
        """<set>-<size>."""
        return f"{type(self).__name__.lower()}-{self.image_shape[-1]}"

    def load(self) -> LabelledImages:
        """Open the images, decoded once; see :class:`DataModule`."""
        place = self.folder / self.place
        if not place.exists() and not self.download:
            raise FileNotFoundError(self._missing("nothing of that name"))
        key = {
            "data": type(self).__name__,
            "options": self._options(),
            "folder": str(place.resolve()),
            "size": self.size,
            "channels": self.channels,
            "held_out": self.held_out,
        }
        if not place.exists():
            self._open_parts()
        stamps = [
            (str(path.relative_to(place)), stat.st_size, stat.st_mtime_ns)
            for path in sorted(place.rglob("*"))
            if path.is_file()
            for stat in [path.stat()]
        ]
        return cached_images(type(self).__name__.lower(), {**key, "files": stamps}, self._decode)

    def _options(self) -> list[str]:
        """Name what else the images depend on."""
        return []

    def _remedy(self) -> str:
        return "set download: true, or folder to where the data are"

    def _missing(self, reason: str) -> str:
        return (
            f"{type(self).__name__}: folder must hold {self.place}, got {str(self.folder)!r} "
            f"({' '.join(reason.split())}); {self._remedy()}"
        )

    def _open_parts(self) -> list[Part]:
        try:
            train = self.part(train=True)
            return [train, self.part(train=False)] if self.held_out == "official" else [train]
        except ImportError as error:
            raise self._refusal(
                "data", "have the package that reads them", str(error), f"pip install {error.name}"
            ) from error
        except Exception as error:
            raise FileNotFoundError(self._missing(str(error))) from error

    def _decode(self) -> Contents:
        parts = self._open_parts()
        first = self._pixels(parts[0].images, 0)
        count = sum(len(part.images) for part in parts)
        held_out = np.arange(count) >= len(parts[0].images)
        labels = None
        if all(part.labels is not None for part in parts):
            labels = np.concatenate([np.asarray(part.labels, np.int64) for part in parts])
        names = parts[0].class_names
        return Contents(
            rows=progress(
                self._rows(parts, first.shape), count, f"{type(self).__name__}: reading images"
            ),
            count=count,
            shape=first.shape,
            dtype=first.dtype,
            labels=labels,
            class_names=tuple(names) if names is not None and labels is not None else None,
            held_out=held_out if self.held_out == "official" else None,
        )

    def _rows(self, parts: Sequence[Part], shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
        places = iter([(part.images, i) for part in parts for i in range(len(part.images))])
        with ThreadPoolExecutor() as pool:
            while chunk := list(islice(places, _CHUNK)):
                for row in pool.map(lambda place: self._pixels(*place), chunk):
                    if row.shape != shape:
                        raise self._refusal(
                            "size", "be set where images differ in size", self.size, "set size: 64"
                        )
                    yield row

    def _pixels(self, images: Any, index: int) -> NDArray[np.uint8]:
        """Decode one image to ``(C, H, W)``."""
        try:
            pixels = np.asarray(images[index][0])
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise self._refusal(
                "data",
                "be readable",
                f"image {index} under {self.folder / self.place} ({reason})",
                "repair the data",
            ) from error
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if self.channels is not None:
            pixels = convert_channels(pixels, self.channels)
        if self.size not in (None, pixels.shape[0]):
            edge = (self.border, self.border)
            pixels = np.pad(pixels, (edge, edge, (0, 0)))
        if self.size is not None:
            pixels = centre_crop_resize(pixels, self.size)
        return pixels.transpose(2, 0, 1)


class MNIST(TorchvisionSet):
    """60,000 grey digits, 28 px, and 10,000 held out; see :class:`TorchvisionSet`."""

    place = "MNIST/raw"
    border = 2

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        from torchvision import datasets

        opened = datasets.MNIST(str(self.folder), train=train, download=self.download)
        return Part(opened, opened.targets.tolist(), opened.classes)


class FashionMNIST(TorchvisionSet):
    """60,000 grey clothes, 28 px, and 10,000 held out; see :class:`TorchvisionSet`."""

    place = "FashionMNIST/raw"
    border = 2

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        from torchvision import datasets

        opened = datasets.FashionMNIST(str(self.folder), train=train, download=self.download)
        return Part(opened, opened.targets.tolist(), opened.classes)


class CIFAR10(TorchvisionSet):
    """50,000 colour images of 10 classes, 32 px, and 10,000 held out; see the base."""

    place = "cifar-10-batches-py"

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        from torchvision import datasets

        opened = datasets.CIFAR10(str(self.folder), train=train, download=self.download)
        return Part(opened, opened.targets, opened.classes)


class CIFAR100(TorchvisionSet):
    """50,000 colour images of 100 classes, 32 px, and 10,000 held out; see the base."""

    place = "cifar-100-python"

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        from torchvision import datasets

        opened = datasets.CIFAR100(str(self.folder), train=train, download=self.download)
        return Part(opened, opened.targets, opened.classes)


class STL10(TorchvisionSet):
    """Colour images of 96 px; 8,000 of the 13,000 with a class are held out.

    Args:
        split: which training part: the 100,000 without classes, on which GAN papers train, the
            5,000 with classes, or both without classes.
        size: see the base; 48 is what GAN papers take.
        **kwargs: see :class:`TorchvisionSet`.
    """

    place = "stl10_binary"

    def __init__(
        self,
        split: Literal["unlabeled", "train", "train+unlabeled"] = "unlabeled",
        size: int | None = 48,
        **kwargs: Any,
    ) -> None:
        super().__init__(size=size, **kwargs)
        if split not in ("unlabeled", "train", "train+unlabeled"):
            raise self._refusal(
                "split", "be unlabeled, train or train+unlabeled", split, "set split: unlabeled"
            )
        self.split = split

    def part(self, train: bool) -> Part:
        """Open the chosen training part, or the test part."""
        from torchvision import datasets

        split = self.split if train else "test"
        opened = datasets.STL10(str(self.folder), split=split, download=self.download)
        return Part(opened, opened.labels if self.split == "train" else None, opened.classes)

    def _options(self) -> list[str]:
        return [self.split]


class CelebA(TorchvisionSet):
    """162,770 aligned faces and 19,962 held out, cut to their central square of 178 px.

    Args:
        size: edge in pixels.
        **kwargs: see :class:`TorchvisionSet`.
    """

    place = "celeba"

    def __init__(self, size: int | None = 64, **kwargs: Any) -> None:
        super().__init__(size=size, **kwargs)

    def part(self, train: bool) -> Part:
        """Open the publisher's training part, or the test part."""
        from torchvision import datasets

        split = "train" if train else "test"
        return Part(datasets.CelebA(str(self.folder), split=split, download=self.download))


class LSUN(TorchvisionSet):
    """Scenes of one category, from the publisher's LMDB; ``held_out_share`` of them is held out.

    Reads the database by itself: torchvision's class leaves a pickle in the working directory.

    Args:
        category: such as bedroom or church_outdoor.
        size: edge in pixels.
        **kwargs: see :class:`TorchvisionSet`; ``download`` must be off and ``held_out`` "share".

    Raises:
        ValueError: when the package lmdb is missing, ``download`` is asked for, or ``held_out`` is
            "official": the publisher's part of 300 images is too small to hold scores against.
    """

    def __init__(
        self,
        category: str = "bedroom",
        size: int | None = 64,
        held_out: Literal["official", "share"] = "share",
        **kwargs: Any,
    ) -> None:
        super().__init__(size=size, held_out=held_out, **kwargs)
        if self.download:
            raise self._refusal(
                "download", "be false: torchvision cannot fetch it", True, self._remedy()
            )
        if held_out != "share":
            raise self._refusal("held_out", "be share", held_out, "set held_out: share")
        self.category = category
        self.place = f"{category}_train_lmdb"

    def slug(self) -> str:
        """lsun-<category>-<size>."""
        return f"lsun-{self.category.replace('_', '-')}-{self.image_shape[-1]}"

    def part(self, train: bool) -> Part:
        """Open the training part."""
        import lmdb

        place = str(self.folder / self.place)
        return Part(_LmdbImages(lmdb.open(place, readonly=True, lock=False, readahead=False)))

    def _remedy(self) -> str:
        return "unpack the publisher's archive there, or set folder to where the data are"


class _LmdbImages:
    """Encoded images of an LMDB environment, in the order of their keys."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        with environment.begin() as transaction:
            self.keys = list(transaction.cursor().iternext(keys=True, values=False))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> tuple[Image.Image, None]:
        with self.environment.begin() as transaction:
            data = transaction.get(self.keys[index])
        return Image.open(BytesIO(data)).convert("RGB"), None

"""Decoded images kept on disk: made once, mapped into memory by every rank and worker.

An entry is a folder of .npy files and ``meta.json``. It is written beside its final place, flushed
to the disk and renamed, so a killed run leaves no half an entry behind; an entry whose files do not
have the sizes that ``meta.json`` tells is made again.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

_FORMAT = 1
_DEAD_AFTER_SECONDS = 3600.0
_LINE_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """What an entry is made of.

    Attributes:
        rows: images ``(C, H, W)``, one after another; consumed once.
        count: how many there are.
        shape: (C, H, W) of every image.
        dtype: uint8 (0 to 255), uint16 (0 to 65535) or float32 (-1 to 1).
        labels: class index of every image, or None.
        class_names: name of every class, or None.
        families: images that must stay on one side of a split share a number; None: all differ.
        held_out: which images the publisher has set aside for testing, or None.
    """

    rows: Iterable[NDArray[Any]]
    count: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    families: NDArray[np.int64] | None = None
    held_out: NDArray[np.bool_] | None = None


class MappedArray:
    """A .npy file, mapped read-only; travels to another process as its path alone.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        mapped = np.load(path, mmap_mode="r")
        #: The array, without the cost that ``np.memmap`` adds to every indexing.
        self.array: NDArray[Any] = np.asarray(mapped)

    def __reduce__(self) -> tuple[type["MappedArray"], tuple[Path]]:
        """Rebuild from the path, so that a spawned worker maps the file instead of copying it."""
        return MappedArray, (self.path,)


@dataclass(frozen=True)
class LabelledImages:
    """A whole set of images, before it is split.

    Attributes:
        images: ``(N, C, H, W)`` uint8, uint16 or float32 (in [-1, 1]); points: float32 ``(N, 2)``.
        labels: ``(N,)`` int64, or None.
        class_names: name of every class, or None.
        families: ``(N,)`` int64, or None; see :class:`Contents`.
        held_out: ``(N,)`` bool, or None; see :class:`Contents`.
        content: hash of all of the above.
    """

    images: MappedArray | NDArray[Any]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...] | None
    families: NDArray[np.int64] | None
    held_out: NDArray[np.bool_] | None
    content: str

    @property
    def array(self) -> NDArray[Any]:
        """The images, wherever they lie."""
        return self.images.array if isinstance(self.images, MappedArray) else self.images


def cache_folder() -> Path:
    """Return the folder of all caches: GANAGERIE_CACHE, or ``.cache/ganagerie`` in the home."""
    chosen = os.environ.get("GANAGERIE_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "ganagerie"


def content_hash(*arrays: NDArray[Any] | None) -> str:
    """Hash what arrays hold, with their shapes and types, to 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update(b"|")
    return digest.hexdigest()


def progress(rows: Iterable[Any], count: int, what: str) -> Iterator[Any]:
    """Show on stderr how far the making of an entry has come; off a terminal, now and then."""
    if sys.stderr.isatty():
        yield from track(rows, what, count, console=Console(stderr=True))
        return
    told = time.monotonic()
    for number, row in enumerate(rows):
        if time.monotonic() - told > _LINE_SECONDS:
            told = time.monotonic()
            _log.info("%s: %d of %d", what, number, count)
        yield row


def cached_images(
    name: str, key: Mapping[str, Any], make: Callable[[], Contents]
) -> LabelledImages:
    """Open an entry, and make it first where it is missing or damaged.

    Args:
        name: beginning of the entry's file name, for people who look into the folder.
        key: everything that the entry depends on, as plain data.
        make: reads or renders the images; called only when needed.

    Returns:
        The images, mapped from the disk.

    Raises:
        ValueError: when the cache cannot be written; and whatever ``make`` raises.
    """
    text = json.dumps({"format": _FORMAT, **key}, sort_keys=True)
    entry = cache_folder() / "datasets" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    found = _open(entry, text)
    if found is not None:
        return found
    contents = make()
    try:
        _write(entry, text, contents)
    except OSError as error:
        raise ValueError(
            f"cache: folder must be writable and have room, got {entry.parent} "
            f"({error.strerror or error}); set GANAGERIE_CACHE to another folder"
        ) from error
    made = _open(entry, text)
    if made is None:
        raise ValueError(
            f"cache: entry must be readable after it was written, got {entry}; "
            "set GANAGERIE_CACHE to a folder on another disk"
        )
    return made


def _open(entry: Path, key: str) -> LabelledImages | None:
    """Map an entry, or return None where it is not whole."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        sizes = {name: (entry / name).stat().st_size for name in meta["bytes"]}
        if meta["key"] != key or sizes != meta["bytes"]:
            return None
        small = {name: np.load(entry / name) for name in sizes if name != "images.npy"}
        return LabelledImages(
            images=MappedArray(entry / "images.npy"),
            labels=small.get("labels.npy"),
            class_names=tuple(meta["class_names"]) if meta["class_names"] else None,
            families=small.get("families.npy"),
            held_out=small.get("held_out.npy"),
            content=meta["content"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        # Damaged in whatever way: the source of the images is at hand, so make the entry again.
        return None


def _write(entry: Path, key: str, contents: Contents) -> None:
    """Write an entry beside its place, and rename it there."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    _sweep(entry)
    work = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        images = _write_rows(work / "images.npy", contents)
        small = {
            "labels": contents.labels,
            "families": contents.families,
            "held_out": contents.held_out,
        }
        for name, array in small.items():
            if array is not None:
                with open(work / f"{name}.npy", "wb") as file:
                    np.save(file, array)
                    _flush(file)
        meta = {
            "key": key,
            "bytes": {path.name: path.stat().st_size for path in sorted(work.iterdir())},
            "class_names": contents.class_names,
            "content": hashlib.sha256(
                (images + content_hash(*small.values()) + str(contents.class_names)).encode()
            ).hexdigest(),
        }
        with open(work / "meta.json", "w", encoding="utf-8") as file:
            json.dump(meta, file)
            _flush(file)
        if entry.exists() and _open(entry, key) is None:
            # A rename does not replace a folder that holds files.
            shutil.rmtree(entry)
        try:
            work.rename(entry)
        except OSError:
            # Another run was faster; its entry holds the same.
            if _open(entry, key) is None:
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sweep(entry: Path) -> None:
    """Delete what killed makers of this entry left behind; a living one writes all the time."""
    for leftover in entry.parent.glob(f".{entry.name}-*"):
        try:
            written = [path.stat().st_mtime for path in (leftover, *leftover.iterdir())]
        except FileNotFoundError:
            # Its maker is done and renames it at this very moment.
            continue
        if time.time() - max(written) > _DEAD_AFTER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _write_rows(path: Path, contents: Contents) -> str:
    """Stream the images to a .npy file and return their hash.

    Plain writes, not a mapped file: on a full disk a mapping kills the process without a word.
    """
    digest = hashlib.sha256()
    header = {
        "descr": np.lib.format.dtype_to_descr(contents.dtype),
        "fortran_order": False,
        "shape": (contents.count, *contents.shape),
    }
    digest.update(str(sorted(header.items())).encode())
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row in contents.rows:
            assert row.shape == contents.shape and row.dtype == contents.dtype
            data = np.ascontiguousarray(row).data
            file.write(data)
            digest.update(data)
        _flush(file)
    return digest.hexdigest()


def _flush(file: Any) -> None:
    """Wait until the disk has it, so that a rename never points to data that a crash loses."""
    file.flush()
    os.fsync(file.fileno())

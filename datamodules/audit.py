"""What a user's files hold, told before training: counts, sizes, channels, and what is wrong.

Every file is decoded once for it. The findings are kept beside the caches of images, and found
again as long as no file changes.
"""

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from datamodules.cache import cache_folder, progress
from datamodules.decoding import Header, UnreadableImage
from datamodules.reading import ImageFile

_FORMAT = 1
_SHOWN = 3


@dataclass(frozen=True)
class Inspection:
    """What one file holds.

    Attributes:
        file: which.
        header: what it says of itself; None where it cannot be read.
        prints: hash of the decoded pixels of every image in it.
        fault: why it cannot be read, or "".
    """

    file: ImageFile
    header: Header | None
    prints: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class DomainAudit:
    """What one domain holds.

    Attributes:
        title: what the domain is called.
        count: images that can be used.
        sizes: how many images have which size, such as "64x48" (width first).
        channels: how many images have which number of channels.
        precisions: how many images are uint8, uint16 or float32.
        repeated: images whose pixels another image of the domain has.
    """

    title: str
    count: int
    sizes: Mapping[str, int]
    channels: Mapping[int, int]
    precisions: Mapping[str, int]
    repeated: int = 0

    def line(self) -> str:
        """Say it in one line."""
        kinds = ", ".join(
            _shares(shares)
            for shares in (
                self.sizes,
                {_channel_word(number): count for number, count in self.channels.items()},
                self.precisions,
            )
        )
        again = f", {self.repeated} repeated" if self.repeated else ""
        images = "image" if self.count == 1 else "images"
        return f"{self.title}: {self.count:,} {images}, {kinds}{again}"


@dataclass(frozen=True)
class Audit:
    """What both domains hold, and what is wrong with them.

    Attributes:
        domains: of ``a`` and ``b``.
        unreadable: files that cannot be decoded, with the reason.
        unmatched: files without a partner, where partners are needed.
        misaligned: pairs that differ in size.
        shared: pairs of files, one in each domain, with the same pixels.
    """

    domains: Mapping[str, DomainAudit]
    unreadable: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    misaligned: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        lines = [f"{name} = {domain.line()}" for name, domain in self.domains.items()]
        if self.unreadable:
            lines.append(f"left out, unreadable: {told(self.unreadable)}")
        if self.unmatched:
            lines.append(f"left out, without a partner: {told(self.unmatched)}")
        if self.misaligned:
            lines.append(f"left out, halves differ in size: {told(self.misaligned)}")
        if self.shared:
            pairs = [f"{one} = {other}" for one, other in self.shared]
            lines.append(f"the same picture in both domains: {told(pairs)}")
        return lines


def told(names: Sequence[str]) -> str:
    """Name a few of many."""
    rest = len(names) - _SHOWN
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{f' and {rest} more' if rest > 0 else ''})"


def inspect_files(
    name: str, key: Mapping[str, Any], files: Sequence[ImageFile]
) -> list[Inspection]:
    """Decode every file, or take what was found before.

    Args:
        name: beginning of the record's file name.
        key: everything that the findings depend on, as plain data.
        files: what to inspect.

    Returns:
        One finding for each file.

    Raises:
        ValueError: when the folder of caches cannot be written.
    """

    def make() -> list[Any]:
        with ThreadPoolExecutor() as pool:
            what = f"{name}: inspecting {len(files):,} files"
            return list(progress(pool.map(_inspect, files), len(files), what))

    found = _kept_record(name, key, make)
    return [_inspection(file, one) for file, one in zip(files, found, strict=True)]


def audit_domain(title: str, usable: Sequence[Inspection]) -> DomainAudit:
    """Count what the readable files of a domain hold.

    Args:
        title: what the domain is called.
        usable: findings without a fault.
    """
    sizes: Counter[str] = Counter()
    channels: Counter[int] = Counter()
    precisions: Counter[str] = Counter()
    prints: list[str] = []
    for one in usable:
        assert one.header is not None
        sizes[f"{one.header.width}x{one.header.height}"] += one.header.count
        channels[one.header.channels] += one.header.count
        precisions[one.header.dtype.name] += one.header.count
        prints.extend(one.prints)
    repeated = len(prints) - len(set(prints))
    return DomainAudit(title, len(prints), sizes, channels, precisions, repeated)


def shared_pictures(
    ones: Sequence[Inspection], others: Sequence[Inspection]
) -> tuple[tuple[str, str], ...]:
    """Find pictures that both domains have, whatever their files are called."""
    where = {mark: str(one.file.path) for one in reversed(ones) for mark in one.prints}
    return tuple(
        (where[mark], str(other.file.path))
        for other in others
        for mark in other.prints
        if mark in where
    )


def _inspection(file: ImageFile, found: list[Any] | str) -> Inspection:
    if isinstance(found, str):
        return Inspection(file, None, fault=found)
    height, width, channels, dtype, prints = found
    header = Header(height, width, channels, np.dtype(dtype), len(prints))
    return Inspection(file, header, tuple(prints))


def _inspect(file: ImageFile) -> list[Any] | str:
    try:
        header = file.header()
        prints = [_print(file, position) for position in range(header.count)]
    except UnreadableImage as error:
        return error.reason
    return [header.height, header.width, header.channels, header.dtype.name, prints]


def _print(file: ImageFile, position: int) -> str:
    pixels = np.ascontiguousarray(file.pixels(position))
    digest = hashlib.blake2b(f"{pixels.shape}{pixels.dtype.name}".encode(), digest_size=12)
    digest.update(pixels.data)
    return digest.hexdigest()


def _kept_record(name: str, key: Mapping[str, Any], make: Callable[[], list[Any]]) -> list[Any]:
    """Read a record of plain data, or make and keep it."""
    text = json.dumps({"format": _FORMAT, **key}, sort_keys=True)
    folder = cache_folder() / "audits"
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["key"] == text:
            return list(record["found"])
    except (OSError, ValueError, KeyError, TypeError):
        # Missing or damaged: the files are at hand.
        pass
    found = make()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            part = os.path.join(work, path.name)
            with open(part, "w", encoding="utf-8") as file:
                json.dump({"key": text, "found": found}, file)
            os.replace(part, path)
    except OSError as error:
        raise ValueError(
            f"cache: folder must be writable and have room, got {folder} "
            f"({error.strerror or error}); set GANAGERIE_CACHE to another folder"
        ) from error
    return found


def _shares(counts: Mapping[str, int]) -> str:
    """Say "64x64", or "64x64 (12), 32x32 (3) and 2 other" where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    common = Counter(counts).most_common()
    shown = ", ".join(f"{name} ({count})" for name, count in common[:_SHOWN])
    rest = len(common) - _SHOWN
    return shown + (f" and {rest} other" if rest > 0 else "")


def _channel_word(channels: int) -> str:
    names = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGBA"}
    return names.get(channels, f"{channels} channels")

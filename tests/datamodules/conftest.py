"""A cache of its own for every test, and files that Pillow cannot write."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANAGERIE_CACHE", str(folder))
    return folder


@pytest.fixture
def write_deep_png() -> Callable[[Path, NDArray[Any]], None]:
    """Return a writer of 16-bit PNG from ``(H, W, C)`` uint16, C from 1 to 4."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    def write(path: Path, pixels: NDArray[Any]) -> None:
        height, width, channels = pixels.shape
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines))
            + chunk(b"IEND", b"")
        )

    return write


@pytest.fixture
def write_deep_tiff() -> Callable[..., None]:
    """Return a writer of 16-bit TIFF from ``(H, W, C)`` uint16, C from 1 to 4."""

    def write(
        path: Path,
        pixels: NDArray[Any],
        order: str = "<",
        deflate: bool = False,
        planes: bool = False,
    ) -> None:
        height, width, channels = pixels.shape
        data = np.moveaxis(pixels, -1, 0) if planes else pixels
        strips = [part.astype(f"{order}u2").tobytes() for part in (data if planes else [data])]
        strips = [zlib.compress(strip) for strip in strips] if deflate else strips
        tags: dict[int, tuple[str, list[int]]] = {
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [16] * channels),
            259: ("H", [8 if deflate else 1]),
            262: ("H", [2 if channels > 2 else 1]),
            273: ("I", [0] * len(strips)),
            277: ("H", [channels]),
            278: ("I", [height]),
            279: ("I", [len(strip) for strip in strips]),
            284: ("H", [2 if planes else 1]),
            **({338: ("H", [2])} if channels in (2, 4) else {}),
        }
        after = 8 + 2 + 12 * len(tags) + 4
        long = sum(len(v) * struct.calcsize(k) for k, v in tags.values() if len(v) > 1)
        first = after + long
        tags[273] = ("I", [first + sum(map(len, strips[:i])) for i in range(len(strips))])
        entries, extra = b"", b""
        for tag, (kind, values) in sorted(tags.items()):
            packed = struct.pack(f"{order}{len(values)}{kind}", *values)
            if len(packed) > 4:
                extra, packed = extra + packed, struct.pack(f"{order}I", after + len(extra))
            head = struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values))
            entries += head + packed.ljust(4, b"\0")
        path.write_bytes(
            {"<": b"II*\0", ">": b"MM\0*"}[order]
            + struct.pack(f"{order}I", 8)
            + struct.pack(f"{order}H", len(tags))
            + entries
            + bytes(4)
            + extra.ljust(long, b"\0")
            + b"".join(strips)
        )

    return write


@pytest.fixture
def noise() -> Callable[..., NDArray[Any]]:
    """Return a source of uint8 or uint16 arrays that use the whole range of levels."""
    generator = np.random.default_rng(0)

    def draw(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
        return generator.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    return draw

"""Files and folders for the tests of paired and unpaired data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datamodules.batches import to_uint8
from datamodules.two_domains import TwoDomains


def save(path: Path, pixels: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels.squeeze()).save(path)


def ramp(number: int, height: int = 12, width: int = 12, channels: int = 3) -> NDArray[np.uint8]:
    """An image that tells its number, and where a crop of it was made and whether it was flipped.

    Channel 0 counts columns, the second rows, the third is the number; a grey one counts both.
    """
    rows, columns = np.indices((height, width))
    planes = {
        1: [rows * 16 + columns],
        3: [columns * 8, rows * 8, np.full((height, width), number)],
    }[channels]
    return np.stack(planes, -1).astype(np.uint8)


def pairs(root: Path, count: int = 20, channels_a: int = 3) -> tuple[str, str]:
    """Folders whose images are pairs: equal ramps but for the third channel."""
    for number in range(count):
        save(root / "in" / f"{number:02d}.png", ramp(number, channels=channels_a))
        save(root / "out" / f"{number:02d}.png", ramp(100 + number))
    return str(root / "in"), str(root / "out")


def levels(images: Any) -> NDArray[np.int64]:
    """Images of a batch as levels."""
    return to_uint8(images).numpy().astype(np.int64)


def refused(make: Any, *parts: str) -> str:
    """The message with which data are refused before training; always one line."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        module = make()
        assert isinstance(module, TwoDomains)
        module.prepare_data()
        module.setup()
    message = str(caught.value)
    assert "\n" not in message and ", got " in message and "; " in message, message
    for part in parts:
        assert part in message, message
    return message

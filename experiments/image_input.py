"""Images that a user hands to a command, as the networks of a run want them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datamodules.decoding import (
    SUFFIXES,
    centre_crop_resize,
    convert_channels,
    convert_dtype,
    read_pixels,
)
from experiments.errors import CommandError


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The image files that are named, and those in the folders that are named, sorted there.

    Raises:
        CommandError: a path is missing, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in sorted(path.iterdir()) if p.suffix.lower() in SUFFIXES]
            if not inside:
                known = " ".join(SUFFIXES)
                raise CommandError(f"{path} must hold images, got none; known endings are {known}")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise CommandError(f"{path} must be an image or a folder of them, got no such file")
    return found


def read_images(files: Sequence[Path], shape: Sequence[int]) -> Tensor:
    """Read files as a run's images: the centred square, resized, in the run's channels.

    Args:
        files: images of any size and kind.
        shape: (C, H, W) of the run, H equal to W.

    Returns:
        float32 ``(N, C, H, W)`` in [-1, 1].

    Raises:
        CommandError: the run has other channels than grey, RGB and their alpha.
        ValueError: a file cannot be read.
    """
    channels, size = shape[0], shape[1]
    if channels > 4:
        raise CommandError(
            f"run must make images of 1 to 4 channels to be given files, got {channels}; "
            "choose another run"
        )
    stack = []
    for file in files:
        pixels: Any = convert_channels(read_pixels(file), channels)
        squared = centre_crop_resize(convert_dtype(pixels, np.dtype("float32")), size)
        stack.append(torch.from_numpy(np.ascontiguousarray(squared)).permute(2, 0, 1))
    return torch.stack(stack)

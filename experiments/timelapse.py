"""``ganagerie timelapse``: the pictures that a run made while it trained, as a GIF or an MP4."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from callbacks.durable import replacing
from callbacks.media import gif
from callbacks.run_folder import RunFolder
from datamodules.decoding import convert_channels, convert_dtype, read_pixels
from experiments.arguments import OneLineParser, count
from experiments.errors import CommandError
from experiments.interpolate import check_fps, write_mp4


def main(argv: Sequence[str]) -> int:
    """Read and write; the ending of ``--out`` says which kind of moving picture."""
    parser = OneLineParser(
        "ganagerie timelapse",
        description="Show a run's pictures of all moments one after another, the last a second.",
    )
    parser.add_argument("run", help="run folder")
    parser.add_argument("--out", type=Path, help=".gif or .mp4 (RUN/training.gif)")
    parser.add_argument("--key", default="samples", help="which pictures of RUN/media (samples)")
    parser.add_argument("--fps", type=float, default=8.0, help="pictures in a second (8)")
    parser.add_argument(
        "--edge", type=count, default=1024, help="longest edge in pixels; larger ones shrink (1024)"
    )
    options = parser.parse_args(argv)
    check_fps(options.fps, 8)
    run = RunFolder.open(options.run)
    out: Path = options.out or run.path / "training.gif"
    if out.suffix.lower() not in (".gif", ".mp4"):
        raise CommandError(f"--out must end in .gif or .mp4, got {out}; the ending says which kind")
    files = _pictures(run, options.key)
    if not files:
        keys = [key for key in run.media_keys() if _pictures(run, key)]
        known = ", ".join(keys) or "none; train it with sample_grid.every_n_images set"
        raise CommandError(
            f"--key must be of pictures that the run has, got {options.key!r}; there is {known}"
        )
    frames = frames_of(files, options.edge)
    still = frames[-1:].expand(max(0, round(options.fps) - 1), -1, -1, -1)
    frames = torch.cat([frames, still])
    with replacing(out) as stream:
        if out.suffix.lower() == ".gif":
            stream.write(gif(frames, options.fps)[0])
        else:
            write_mp4(frames, stream, options.fps)
    print(f"{len(files)} pictures of {run.path / 'media' / options.key}: {out}", file=sys.stderr)
    return 0


def _pictures(run: RunFolder, key: str) -> list[Path]:
    return [file for _, file in run.media_files(key) if file.suffix == ".png"]


def frames_of(files: Sequence[Path], edge: int) -> Tensor:
    """Pictures as frames of one size: that of the largest, or less.

    A network that grows makes smaller pictures at first; these are enlarged by copies of pixels.

    Args:
        files: in the order of training.
        edge: longest edge that a frame may have.

    Returns:
        uint8 ``(T, 3, H, W)``.

    Raises:
        ValueError: a file cannot be read.
    """
    shown: list[Image.Image] = []
    for file in files:
        pixels = convert_dtype(read_pixels(file), np.dtype("uint8"))
        image = Image.fromarray(np.ascontiguousarray(convert_channels(pixels, 3)))
        # Reduced one by one: memory holds no more than what is written.
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        shown.append(image)
    size = max(image.width for image in shown), max(image.height for image in shown)
    fitted = [ImageOps.pad(image, size, Image.Resampling.NEAREST, color="white") for image in shown]
    return torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in fitted])

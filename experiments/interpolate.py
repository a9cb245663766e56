"""``ganagerie interpolate``: walks between latents or styles, as a grid, a GIF or an MP4."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor
from torchvision.utils import make_grid

from callbacks.drawing import labels_in_turn
from callbacks.durable import replacing
from callbacks.media import gif
from datamodules.batches import to_uint8
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.latents import WAYS, add_space, space_of
from experiments.opening import open_run, require_images
from experiments.sample import grid_of


def main(argv: Sequence[str]) -> int:
    """Walk and write; the ending of ``--out`` says which kind of picture."""
    parser = run_parser("interpolate", "Walk between latents of a run, or between its styles.")
    parser.add_argument("--out", type=Path, help=".png, .gif or .mp4 (RUN/interpolation.png)")
    add_space(parser)
    parser.add_argument("--way", choices=tuple(WAYS), help="slerp in z, lerp in w")
    parser.add_argument("--walks", type=count, default=6, help="pairs of latents (6)")
    parser.add_argument("--steps", type=count, help="images of a walk (9; moving pictures 32)")
    parser.add_argument("--fps", type=float, default=16.0, help="of a moving picture (16)")
    options = parser.parse_args(argv)
    check_fps(options.fps, 16)
    suffix = (options.out or Path("a.png")).suffix.lower()
    if suffix not in (".png", ".gif", ".mp4"):
        raise CommandError(
            f"--out must end in .png, .gif or .mp4, got {options.out}; the ending says which kind"
        )
    opened = open_run(options.run, options.checkpoint, options.device)
    require_images(opened)
    out: Path = options.out or opened.run.path / "interpolation.png"
    steps = options.steps or (9 if suffix == ".png" else 32)
    own = torch.Generator().manual_seed(options.seed)
    space = space_of(opened, options.space)
    way = options.way or space.way
    ends = space.draw(2 * options.walks, own)
    walks = walk(ends[: options.walks], ends[options.walks :], steps, way)
    # A walk stays in its class.
    rows = torch.arange(options.walks).repeat_interleave(steps)
    labels = labels_in_turn(opened.module, rows)
    with torch.no_grad():
        images = space.images(walks.flatten(0, 1), *labels).float().cpu()
    images = images.unflatten(0, (options.walks, steps))
    with replacing(out) as file:
        if suffix == ".png":
            grid_of(images.flatten(0, 1), steps).save(file, format="PNG")
        elif suffix == ".gif":
            file.write(gif(as_frames(images), options.fps)[0])
        else:
            write_mp4(as_frames(images), file, options.fps)
    print(f"{options.walks} walks of {steps} steps ({way} in {space.name}): {out}", file=sys.stderr)
    return 0


def check_fps(fps: float, default: int) -> None:
    """Refuse what no player shows.

    Raises:
        CommandError: naming the default.
    """
    if not 0 < fps <= 120:
        raise CommandError(f"--fps must lie in (0, 120], got {fps}; {default} is the default")


def walk(start: Tensor, end: Tensor, steps: int, way: str) -> Tensor:
    """Latents ``(N, steps, D)`` from ``start`` to ``end`` ``(N, D)``, ends included."""
    if steps == 1:
        return start[:, None]
    positions = torch.linspace(0.0, 1.0, steps, device=start.device, dtype=start.dtype)
    return torch.stack([WAYS[way](start, end, float(t)) for t in positions], dim=1)


def as_frames(images: Tensor) -> Tensor:
    """Walks ``(N, T, C, H, W)`` side by side as ``(2T - 2, 3, h, w)`` bytes, there and back."""
    columns = max(1, int(len(images) ** 0.5 + 0.999))
    there = [
        make_grid(images[:, t], nrow=columns, padding=2, pad_value=1.0)
        for t in range(images.shape[1])
    ]
    return to_uint8(torch.stack(there + there[-2:0:-1]))


def write_mp4(frames: Tensor, file: BinaryIO, fps: float) -> None:
    """Encode ``(T, 3, H, W)`` bytes as H.264; sides are padded to even numbers."""
    from fractions import Fraction

    import av

    height, width = (side + side % 2 for side in frames.shape[2:])
    padded = torch.zeros(len(frames), height, width, 3, dtype=torch.uint8)
    padded[:, : frames.shape[2], : frames.shape[3]] = frames.permute(0, 2, 3, 1)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in padded.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())

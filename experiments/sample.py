"""``ganagerie sample``: draw images from a run, as PNG files and one grid."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torchvision.utils import make_grid

from callbacks.media import picture
from experiments.arguments import OneLineParser, count
from experiments.errors import CommandError
from experiments.opening import open_run, writing_to


def main(argv: Sequence[str]) -> int:
    """Draw and write; the same seed gives the same images for any number of them."""
    parser = OneLineParser("ganagerie sample", description="Draw images from a run.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=count, default=64, help="number of images (64)")
    parser.add_argument("--out", type=Path, help="folder for the images (RUN/samples)")
    parser.add_argument(
        "--checkpoint", default="best", help="best, pre-collapse, last, a step or images=N"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the latents (0)")
    parser.add_argument("--columns", type=count, default=8, help="of the grid (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(argv)
    opened = open_run(options.run, options.checkpoint, options.device)
    out: Path = options.out or opened.run.path / "samples"
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out must be a folder, got {out}, a file; choose another name")
    own = torch.Generator().manual_seed(options.seed)
    drawn, left = [], options.n
    while left > 0:
        # One latent at a time from the generator: image i does not depend on --n.
        z = torch.cat([opened.module.draw_latents(1, generator=own) for _ in range(min(left, 256))])
        drawn.append(opened.module.decode(z).float().cpu())
        left -= len(z)
    with writing_to(out):
        written = write(torch.cat(drawn), out, options.columns)
    print(f"{written} of {opened.entry['path']}: {out}", file=sys.stderr)
    return 0


def write(drawn: torch.Tensor, out: Path, columns: int) -> str:
    """Write one PNG an image and ``grid.png``, or ``points.csv``.

    Args:
        drawn: images ``(N, C, H, W)`` in [-1, 1], or points ``(N, 2)``.
        out: the folder, made when missing.
        columns: of the grid.

    Returns:
        What was written, in words.
    """
    out.mkdir(parents=True, exist_ok=True)
    if drawn.ndim == 2:
        rows = "".join(f"{x:.6g},{y:.6g}\n" for x, y in drawn.tolist())
        (out / "points.csv").write_text(f"x,y\n{rows}")
        return f"{len(drawn)} points"
    for number, image in enumerate(drawn):
        picture(image).save(out / f"{number:06d}.png")
    grid_of(drawn[:256], columns).save(out / "grid.png")
    return f"{len(drawn)} images"


def grid_of(images: torch.Tensor, columns: int) -> Image.Image:
    """Images ``(N, C, H, W)`` in [-1, 1] side by side, grey where they are grey."""
    grid = make_grid(images, nrow=columns, padding=2, pad_value=1.0)
    return picture(grid[: images.shape[1]] if images.shape[1] == 1 else grid)

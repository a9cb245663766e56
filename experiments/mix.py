"""``ganagerie mix``: the coarse styles of one image with the fine styles of another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from callbacks.durable import replacing
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.latents import WSpace, add_out, open_images, space_of
from experiments.sample import grid_of


def main(argv: Sequence[str]) -> int:
    """The sources stand in the first row and the first column."""
    parser = run_parser(
        "mix",
        "Style mixing (arXiv:1812.04948, section 3.1): each image takes its first styles from the "
        "source on its left and the rest from the source above it.",
    )
    add_out(parser, "mixing.png")
    parser.add_argument("--rows", type=count, default=4, help="sources of the first styles (4)")
    parser.add_argument("--columns", type=count, default=6, help="sources of the rest (6)")
    parser.add_argument("--cutoff", type=count, help="first styles kept from the left (half)")
    parser.add_argument("--psi", type=float, default=1.0, help="truncation in w (1)")
    options = parser.parse_args(argv)
    opened = open_images(options)
    space = space_of(opened, "w")
    assert isinstance(space, WSpace)
    cutoff = options.cutoff or space.layers // 2
    if cutoff >= space.layers:
        raise CommandError(
            f"--cutoff must be below the {space.layers} styles of an image, got {cutoff}; with 1 "
            "only the coarsest style comes from the left"
        )
    own = torch.Generator().manual_seed(options.seed)
    points = space.truncated(space.draw(options.rows + options.columns, own), options.psi)
    with torch.no_grad():
        cells = mixing_grid(space, points[: options.rows], points[options.rows :], cutoff)
    out: Path = options.out or opened.run.path / "mixing.png"
    with replacing(out) as file:
        grid_of(cells.float().cpu(), options.columns + 1).save(file, format="PNG")
    print(f"first {cutoff} of {space.layers} styles from the left: {out}", file=sys.stderr)
    return 0


def mixed(first: Tensor, rest: Tensor, layers: int, cutoff: int) -> Tensor:
    """Styles ``(N, layers, w_dim)``: the first ``cutoff`` of ``first``, the others of ``rest``."""
    from_first = torch.arange(layers, device=first.device)[None, :, None] < cutoff
    return torch.where(from_first, first[:, None], rest[:, None])


def mixing_grid(space: WSpace, left: Tensor, above: Tensor, cutoff: int) -> Tensor:
    """Images ``((R + 1) * (C + 1), C, H, W)``, row by row, with an empty corner."""
    sources = space.images(torch.cat([left, above]))
    of_left, of_above = sources[: len(left)], sources[len(left) :]
    rows = [torch.cat([torch.ones_like(of_above[:1]), of_above])]
    for style, image in zip(left, of_left, strict=True):
        styles = mixed(style.expand_as(above), above, space.layers, cutoff)
        rows.append(torch.cat([image[None], space.images(styles)]))
    return torch.cat(rows)

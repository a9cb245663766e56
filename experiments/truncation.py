"""``ganagerie truncation``: the same latents at several truncations, quality against variety."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from callbacks.drawing import labels_in_turn
from callbacks.durable import replacing
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.latents import WSpace, add_out, add_space, open_images, space_of
from experiments.sample import grid_of
from gan_modules.engine.standing import standing_statistics

#: In z a truncation of 2 changes little; in w 1 changes nothing.
_SWEEPS = {"z": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, float("inf")), "w": (0.0, 0.3, 0.5, 0.7, 0.85, 1.0)}


def main(argv: Sequence[str]) -> int:
    """Rows are latents, columns truncations."""
    parser = run_parser(
        "truncation",
        "Draw the same latents at several truncations: in z the normal law cut at psi standard "
        "deviations (BigGAN), in w the pull towards the mean style (StyleGAN).",
    )
    add_out(parser, "truncation.png")
    add_space(parser)
    parser.add_argument(
        "--psi", type=float, nargs="+", help="truncations, by the space's own scale"
    )
    parser.add_argument("--n", type=count, default=8, help="latents (8)")
    parser.add_argument(
        "--standing", type=int, default=0, help="batches to take BatchNorm's statistics anew (0)"
    )
    options = parser.parse_args(argv)
    opened = open_images(options)
    space = space_of(opened, options.space)
    sweep = tuple(options.psi or _SWEEPS[space.name])
    if not all(psi >= 0 for psi in sweep):
        raise CommandError(f"--psi must be at least 0, got {min(sweep)}; 0 gives one image")
    if options.standing < 0 or (options.standing and isinstance(space, WSpace)):
        raise CommandError(
            f"--standing must be 0 in w and at least 0 in z, got {options.standing}; styles "
            "have no batch statistics"
        )
    points = space.draw(options.n, torch.Generator().manual_seed(options.seed))
    space.truncated(points, sweep[0])  # Refuses latents that are bounded already.
    labels = labels_in_turn(opened.module, torch.arange(options.n))
    columns = []
    for psi in sweep:
        standing = (
            standing_statistics(opened.module, truncation=psi, batches=options.standing)
            if options.standing
            else nullcontext()
        )
        with torch.no_grad(), standing:
            columns.append(space.images(space.truncated(points, psi), *labels).float().cpu())
    images = torch.stack(columns, dim=1).flatten(0, 1)
    out: Path = options.out or opened.run.path / "truncation.png"
    with replacing(out) as file:
        grid_of(images, len(sweep)).save(file, format="PNG")
    shown = ", ".join(f"{psi:g}" for psi in sweep)
    print(f"{options.n} latents at psi {shown} in {space.name}: {out}", file=sys.stderr)
    return 0

"""``ganagerie sample``: draw images from a run, as PNG files and one grid; or sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision.utils import make_grid

from callbacks.drawing import labels_in_turn
from callbacks.durable import replacing
from callbacks.media import picture
from callbacks.offers import speaks
from experiments.arguments import count, run_parser, seed
from experiments.asked import rows_asked, sentence
from experiments.errors import CommandError
from experiments.opening import open_run, require_latents, writing_to
from experiments.sentences import TEXT, say

STACK = 256
PICTURE = ".png"


def main(argv: Sequence[str]) -> int:
    """Draw and write; the same seed gives the same images for any number of them."""
    parser = run_parser("sample", "Draw images from a run, or sentences, which are printed.")
    parser.add_argument("--n", type=count, default=64, help="number of samples (64)")
    parser.add_argument(
        "--out",
        type=Path,
        help="new folder for the images, its grid beside it (RUN/samples); a .png for the grid "
        "alone; a .txt for sentences",
    )
    parser.add_argument(
        "--temperature", type=float, help="of sentences: below 1 more certain, above 1 less (1)"
    )
    parser.add_argument("--class", dest="label", type=seed, help="number of a class (each in turn)")
    parser.add_argument(
        "--text",
        dest="texts",
        action="append",
        default=[],
        type=sentence,
        metavar="SENTENCE",
        help="of what, for a run that is told sentences; several take turns",
    )
    parser.add_argument(
        "--audio",
        dest="sounds",
        action="append",
        default=[],
        type=Path,
        metavar="WAV",
        help="a file that is heard, for a run that is told sounds; several take turns",
    )
    parser.add_argument("--columns", type=count, help="of the grid (8)")
    options = parser.parse_args(argv)
    if options.out and not is_picture(options.out) and options.out.suffix.lower() != TEXT:
        refuse_taken(options.out)
    opened = open_run(options.run, options.checkpoint, options.device)
    require_latents(opened.module)
    if speaks(opened.module):
        return say(opened, options)
    if options.temperature is not None:
        raise CommandError(
            f"--temperature must be left out for a {type(opened.module).__name__}, got "
            f"{options.temperature:g}; only sentences have one"
        )
    alone = is_picture(options.out)
    if options.out and not alone:
        refuse_taken(options.out)
    rows = rows_asked(opened, options)
    out: Path = options.out or opened.run.path / "samples"
    if not options.out and out.is_dir():
        # What was drawn there before would stand among the new images.
        for file in [*out.glob("[0-9]*.png"), out / "points.csv"]:
            file.unlink(missing_ok=True)
    drawn, columns = draw(opened.module, options.n, options.seed, rows), options.columns or 8
    with writing_to(out):
        written = (write_grid if alone else write)(drawn, out, columns)
    print(f"{written} of {opened.entry['path']}: {out}", file=sys.stderr)
    return 0


def is_picture(out: Path | None) -> bool:
    """Whether one picture is asked for: a name that ends as one, and is no folder."""
    return out is not None and out.suffix.lower() == PICTURE and not out.is_dir()


def refuse_taken(out: Path) -> None:
    """Drawn images among others would be taken for them.

    Raises:
        CommandError: there is something at ``out``, or where its grid goes.
    """
    found = ""
    if out.is_dir():
        found = ", which holds files" if any(out.iterdir()) else ""
    elif out.exists():
        found = ", a file"
    if not found and (grid := grid_path(out)).exists():
        found = f", beside which there is {grid.name}"
    if found:
        raise CommandError(
            f"--out must be a new or empty folder, got {out}{found}; choose another name"
        )


def grid_path(out: Path) -> Path:
    """Where the grid of a folder goes: not among the images, which ``evaluate --fake`` reads."""
    whole = out.absolute()
    return whole.with_name(f"{whole.name}-grid.png")


def draw(
    module: Any, n: int, seed: int, rows: torch.Tensor | None = None
) -> Iterator[torch.Tensor]:
    """``n`` samples in stacks of at most 256; image i does not depend on ``n``.

    Args:
        module: has ``draw_latents`` and ``decode``.
        n: how many.
        seed: of the latents.
        rows: what they are told, in turn; None: what the module tells them.
    """
    own = torch.Generator().manual_seed(seed)
    for start in range(0, n, STACK):
        # One latent at a time: a generator fills larger requests in another order.
        each = [module.draw_latents(1, generator=own) for _ in range(min(STACK, n - start))]
        numbers = torch.arange(start, start + len(each))
        told = labels_in_turn(module, numbers) if rows is None else (rows[numbers % len(rows)],)
        yield module.decode(torch.cat(each), *told).float().cpu()


def write(drawn: Iterator[torch.Tensor], out: Path, columns: int) -> str:
    """Write one PNG an image and a grid of the first 256, or ``points.csv``.

    Args:
        drawn: stacks of images ``(N, C, H, W)`` in [-1, 1], or of points ``(N, 2)``; each is
            written before the next is asked for.
        out: the folder, made when missing.
        columns: of the grid.

    Returns:
        What was written, in words.
    """
    out.mkdir(parents=True, exist_ok=True)
    first = next(drawn)
    stacks = chain([first], drawn)
    if first.ndim == 2:
        return f"{write_points(stacks, out / 'points.csv')} points"
    number = 0
    for image in chain.from_iterable(stacks):
        picture(image).save(out / f"{number:06d}.png")
        number += 1
    with replacing(grid_path(out)) as file:
        grid_of(first, columns).save(file, format="PNG")
    return f"{number} images"


def write_grid(drawn: Iterator[torch.Tensor], out: Path, columns: int) -> str:
    """Write all images as one grid, over what was there.

    Args:
        drawn: see :func:`write`.
        out: the picture.
        columns: of it.

    Returns:
        What was written, in words.

    Raises:
        CommandError: points are drawn.
    """
    images = torch.cat(list(drawn))
    if images.ndim == 2:
        raise CommandError(
            f"--out must be a folder for points, got {out}; they are written as a table"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as file:
        grid_of(images, columns).save(file, format="PNG")
    return f"{len(images)} images"


def write_points(stacks: Iterable[torch.Tensor], path: Path) -> int:
    """Write points ``(N, 2)`` as a table; returns how many."""
    number = 0
    with open(path, "w") as file:
        file.write("x,y\n")
        for x, y in chain.from_iterable(stack.tolist() for stack in stacks):
            file.write(f"{x:.6g},{y:.6g}\n")
            number += 1
    return number


def grid_of(images: torch.Tensor, columns: int) -> Image.Image:
    """Images ``(N, C, H, W)`` in [-1, 1] side by side, grey where they are grey."""
    grid = make_grid(images, nrow=columns, padding=2, pad_value=1.0)
    return picture(grid[: images.shape[1]] if images.shape[1] == 1 else grid)

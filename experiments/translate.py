"""``ganagerie translate``: the user's own images from one domain of a run into another.

Of a run of sentences, the user's own sentences: see ``experiments/rewrite.py``; of a run of speech,
the phonemes of the user's own WAV files: see ``experiments/transcribe.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from callbacks.durable import replacing
from callbacks.media import picture
from callbacks.offers import rewrites, transcribes, translates
from callbacks.randomness import same_randomness
from datamodules.batches import to_uint8
from datamodules.decoding import convert_channels, convert_dtype, read_pixels
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.image_input import files_of
from experiments.opening import open_run, writing_to
from experiments.sample import refuse_taken
from experiments.tiling import tiled
from experiments.ways import Domains


def main(argv: Sequence[str]) -> int:
    """Translate every image, at its own size, under its own name."""
    parser = run_parser(
        "translate",
        "Lead images from one domain of a run into another. They keep their size, name and alpha; "
        "large ones are translated in tiles of the size that the run was trained on. Of a run of "
        "sentences: sentences in quotes, or text files with one a line. Of a run of speech: WAV "
        "files, or folders of them, whose phonemes are printed.",
    )
    parser.add_argument(
        "inputs", nargs="+", help="image files, or folders of them; sentences, or .txt files"
    )
    parser.add_argument("--to", help="domain to lead them to (where there is only one)")
    parser.add_argument("--from", dest="source", help="domain that they are of (the other one)")
    parser.add_argument(
        "--out", type=Path, help="new folder for the images (RUN/translated); new text file"
    )
    parser.add_argument("--tile", type=count, help="edge of a tile in pixels (as trained)")
    options = parser.parse_args(argv)
    opened = open_run(options.run, options.checkpoint, options.device)
    if rewrites(opened.module):
        from experiments.rewrite import rewrite

        return rewrite(opened, options)
    if transcribes(opened.module):
        from experiments.transcribe import transcribe

        return transcribe(opened, options)
    files = files_of([Path(given) for given in options.inputs])
    if not translates(opened.module):
        raise CommandError(
            f"run must be of a translation, got {type(opened.module).__name__}; "
            "use ganagerie sample"
        )
    domains = Domains.of(opened)
    source, target = domains.chosen(options.source, options.to)
    edge = options.tile or domains.edge
    out: Path = options.out or opened.run.path / "translated"
    if options.out:
        refuse_taken(out)
    else:
        refuse_inputs_in(out, files)
    names = names_of(files)
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        for file, name in zip(files, names, strict=True):
            pixels = read_pixels(file)
            image = to_domain(pixels, domains.channels(source), file)
            with same_randomness(options.seed, opened.module.device):
                made = tiled(
                    image, partial(led, opened.module, source, target), edge, max(1, edge // 4)
                )
            with replacing(out / name) as stream:
                with_alpha(made, pixels).save(stream, format="PNG")
        # What was translated there before would stand among the new images.
        for old in set(out.glob("*.png")) - {out / name for name in names}:
            old.unlink()
    titles = f"{domains.titles[source]} to {domains.titles[target]}"
    print(f"{len(files)} images, {titles}, by {opened.entry['path']}: {out}", file=sys.stderr)
    return 0


def led(module: Any, source: str, target: str, images: Tensor) -> Tensor:
    """One stack of tiles through the translator."""
    made: Tensor = module.translate(images, source, target)
    return made


def to_domain(pixels: np.ndarray[Any, Any], channels: int, file: Path) -> Tensor:
    """Pixels of a file as a domain's image ``(C, H, W)`` in [-1, 1].

    Raises:
        CommandError: the file has channels that have no colour.
    """
    if pixels.shape[-1] > 4:
        raise CommandError(
            f"{file} must have 1 to 4 channels, got {pixels.shape[-1]}; save it as grey or colour"
        )
    if pixels.dtype.kind == "f" and np.abs(pixels).max() > 1.0:
        raise CommandError(
            f"{file} must lie in [-1, 1], got values up to {np.abs(pixels).max():.3g}; scale it"
        )
    converted = convert_dtype(convert_channels(pixels, channels), np.dtype("float32"))
    return torch.from_numpy(np.ascontiguousarray(converted)).permute(2, 0, 1)


def with_alpha(made: Tensor, pixels: np.ndarray[Any, Any]) -> Image.Image:
    """A translation as a picture, under the alpha of the file that it came from."""
    shown = picture(made)
    if pixels.shape[-1] not in (2, 4) or len(made) in (2, 4):
        return shown
    alpha = convert_dtype(np.ascontiguousarray(pixels[..., -1]), np.dtype("float32"))
    shown = shown.convert("LA" if shown.mode == "L" else "RGBA")
    shown.putalpha(Image.fromarray(to_uint8(torch.from_numpy(alpha)).numpy()))
    return shown


def refuse_inputs_in(out: Path, files: Sequence[Path]) -> None:
    """The folder of a run's translations is cleared of older ones: nothing else may be lost.

    Raises:
        CommandError: an image that is to be translated lies there.
    """
    for file in files:
        if file.resolve().parent == out.resolve():
            raise CommandError(
                f"images must lie elsewhere than {out}, where new ones take the place of old ones, "
                f"got {file.name}; give another folder with --out"
            )


def names_of(files: Sequence[Path]) -> list[str]:
    """Their own names, as PNG.

    Raises:
        CommandError: two files would get one name.
    """
    names = [f"{file.stem}.png" for file in files]
    for name in names:
        if names.count(name) > 1:
            raise CommandError(
                f"images must differ in their names, got {name} twice; translate them one folder "
                "at a time"
            )
    return names

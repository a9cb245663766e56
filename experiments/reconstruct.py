"""``ganagerie reconstruct``: images through the codes of a model that has them, and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from callbacks.durable import replacing
from callbacks.metrics.reading import read_samples, strided_indices
from datamodules.batches import from_uint8
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.image_input import files_of, read_images
from experiments.latents import add_out, open_images
from experiments.sample import grid_of


def main(argv: Sequence[str]) -> int:
    """Each image stands left of its reconstruction."""
    parser = run_parser(
        "reconstruct", "Encode and decode images: given ones, or some that were held out."
    )
    parser.add_argument("images", nargs="*", type=Path, help="files or folders (held-out images)")
    add_out(parser, "reconstruction.png")
    parser.add_argument("--n", type=count, default=32, help="held-out images (32)")
    parser.add_argument("--columns", type=count, default=4, help="pairs in a row (4)")
    options = parser.parse_args(argv)
    files = files_of(options.images)
    opened = open_images(options)
    module = opened.module
    if not hasattr(module, "reconstruct"):
        raise CommandError(
            f"run must be of a model with an encoder, got {type(module).__name__}; ganagerie "
            "project searches the latents of any generator"
        )
    if files:
        shape = module.sample(1, generator=torch.Generator().manual_seed(0)).shape[1:]
        images = read_images(files, shape)
    else:
        held_out = opened.data().reference("held_out")
        rows = strided_indices(len(held_out), options.n)
        images = from_uint8(torch.cat(list(read_samples(held_out, rows))))
    images = images.to(module.device, module.float_dtype)
    back = module.reconstruct(images)
    error = float((back - images).square().mean())
    out: Path = options.out or opened.run.path / "reconstruction.png"
    pairs = torch.stack([images, back], dim=1).flatten(0, 1).detach().float().cpu()
    with replacing(out) as file:
        grid_of(pairs, 2 * options.columns).save(file, format="PNG")
    print(f"{len(images)} images and their reconstructions: {out}", file=sys.stderr)
    print(json.dumps({"images": len(images), "mean_squared_error": error}))
    return 0

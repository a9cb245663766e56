"""``ganagerie memorization``: does a run's generator give back its training images?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.drawing import weights_judged
from callbacks.durable import write_atomically
from callbacks.memorization import KEY, describe, headline, write_record
from callbacks.memorization_picture import draw_finding, to_png
from callbacks.memorization_probe import LEAST, MemorizationProbe, MemorizationSettings
from callbacks.metrics.spaces import CHOICES, choose_space
from callbacks.offers import speaks
from callbacks.run_folder import RunFolder
from experiments.arguments import OneLineParser, count, seed
from experiments.errors import CommandError
from experiments.opening import open_run, require_latents, writing_to

_ROWS = (
    ("twin_rate", "samples that match one training image 3 times better than its neighbours do"),
    ("twin_rate_lower", "surely at least (99 % bound)"),
    ("tolerated_twin_rate", "what fresh images may reach"),
    ("copy_rate", "samples as near to a training image as 1 % of held-out ones"),
    ("copy_rate_lower", "surely at least (99 % bound)"),
    ("tolerated_rate", "what fresh images may reach"),
    ("flip_share", "of the copies, mirrored"),
    ("ct", "C_T: below -3 copying, above 3 under-fitting"),
    ("ct_with_changes", "C_T under mirror, shifts, light and crop"),
    ("weakest_z", "lowest z of a cell: below -5 copying there"),
    ("weakest_cell", "that cell"),
    ("authentic", "share of authentic samples"),
    ("held_out_authentic", "the same of held-out images"),
    ("nearest_ratio", "distance to the match over the match's to its neighbour"),
)


def main(argv: Sequence[str]) -> int:
    """Judge, write memorization.json and the picture, print a table or one JSON object."""
    parser = OneLineParser(
        "ganagerie memorization", description="Ask whether samples are copies of training images."
    )
    parser.add_argument("run", help="run folder")
    parser.add_argument("--checkpoint", default="best", help="best, last, a step or images=N")
    parser.add_argument("--samples", type=count, default=1000, help="generated images (1000)")
    parser.add_argument(
        "--augment",
        choices=("full", "flip", "none"),
        default="full",
        help="changes under which a copy is sought (full: mirror, shifts, light, crop)",
    )
    parser.add_argument("--space", choices=CHOICES, default="auto", help="feature space (auto)")
    parser.add_argument("--inception-weights", help="path of the published Inception weights")
    parser.add_argument(
        "--no-holdout", action="store_true", help="judge without held-out images: weak"
    )
    parser.add_argument("--seed", type=seed, default=1, help="of the latents (1)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--out", type=Path, help="folder for the record and the picture (RUN)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    if options.samples < LEAST:
        raise CommandError(
            f"--samples must be at least {LEAST}, got {options.samples}; 1000 is the default"
        )
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise CommandError(f"--out must be a folder, got {options.out}, a file; choose another")
    result = judge(options)
    if options.json:
        print(json.dumps(result, allow_nan=False))
    else:
        print_table(result)
        print(f"picture: {(options.out or Path(options.run)) / result['picture']}")
        print_notes(result)
    return 0


def judge(options: Any) -> dict[str, Any]:
    """The verdict on one checkpoint, written down."""
    opened = open_run(options.run, options.checkpoint, options.device)
    require_latents(opened.module)
    if speaks(opened.module):
        raise CommandError(
            f"run must make images or points, got {options.run}, which makes sentences; the score "
            "copy_rate of ganagerie evaluate says how many are of the training part"
        )
    data, device = opened.data(), opened.module.device
    space = choose_space(data, options.inception_weights, options.space).to(device)
    settings = MemorizationSettings(options.samples, options.augment, options.seed)
    probe = MemorizationProbe(data, space, device, settings, held_out=not options.no_holdout)
    finding = probe.judge(opened.module)
    moment = int(opened.entry["images_seen"])
    target = opened.run if options.out is None else RunFolder(options.out)
    picture = target.media_file(KEY, moment)
    result = {
        "run": str(opened.run.path),
        "checkpoint": opened.entry["path"],
        "images_seen": moment,
        "generator": weights_judged(opened.module),
        **describe(finding, settings),
        "picture": picture.relative_to(target.path).as_posix(),
    }
    figure = draw_finding(finding, data.reference("train"), headline(result))
    with writing_to(target.path):
        write_atomically(picture, to_png(figure))
        write_record(target, result)
    return result


def print_table(result: Mapping[str, Any]) -> None:
    """The verdict and its reasons, then the numbers of each space beside each other."""
    print(headline(result))
    for reason in result["reasons"]:
        print(f"  {reason}")
    if result["notes"]:
        print("  near the training set, but not copies of single images (blurred or collapsed?):")
    for note in result["notes"]:
        print(f"  {note}")
    spaces: Mapping[str, Mapping[str, Any]] = result["spaces"]
    widths = [max(len(name), 18) for name in spaces]
    heads = "  ".join(f"{name:>{width}}" for name, width in zip(spaces, widths, strict=True))
    rows = [
        (key, meaning)
        for key, meaning in (*_ROWS, *_informed(spaces))
        if any(one.get(key) is not None for one in spaces.values())
    ]
    longest = max(len(key) for key, _ in rows)
    print(f"{'':<{longest}}  {heads}")
    for key, meaning in rows:
        cells = [_cell(one.get(key)) for one in spaces.values()]
        row = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{key:<{longest}}  {row}  {meaning}")


def print_notes(result: Mapping[str, Any]) -> None:
    """What a reader of the verdict must know, on stderr."""
    if result["dropped"]:
        print(f"note: {result['dropped']} samples were not finite and left out", file=sys.stderr)
    if result["weak"]:
        print(
            "note: nothing was held out, so only wholesale copying would be seen", file=sys.stderr
        )


def _informed(spaces: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    names = [name for one in spaces.values() for name in one if name.startswith(("mifd", "mifid"))]
    return [(name, "Frechet distance, penalised where samples copy") for name in names]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.4g}"

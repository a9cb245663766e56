"""``ganagerie probe``: does a translation hide its input, use it, and tell its domain in codes?"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from callbacks.durable import write_atomically
from callbacks.input_use import InputUseProbe
from callbacks.memorization_picture import to_png
from callbacks.probe_images import ProbeImages, directions_of
from callbacks.run_folder import RunFolder
from callbacks.run_lines import storable
from callbacks.steganography import SteganographyProbe
from callbacks.translation_probe import TranslationProbe
from experiments.arguments import count, run_parser
from experiments.errors import CommandError
from experiments.opening import OpenedRun, open_run, writing_to
from experiments.probe_codes import look_at_codes


def main(argv: Sequence[str]) -> int:
    """Look at every direction, write the pictures and the rows, print the verdicts."""
    parser = run_parser(
        "probe", "Ask whether a translation hides its input, and whether and how it uses it."
    )
    parser.add_argument("--samples", type=count, default=256, help="images of each domain (256)")
    parser.add_argument(
        "--direction",
        type=_direction,
        action="append",
        metavar="A:B",
        help="from domain A to B; may be repeated (all; of many domains each to the next)",
    )
    parser.add_argument("--out", type=Path, help="folder for the rows and the pictures (RUN)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise CommandError(f"--out must be a folder, got {options.out}, a file; choose another")
    chosen = {"samples": options.samples, "directions": options.direction, "seed": options.seed}
    probes = [InputUseProbe(**chosen), SteganographyProbe(**chosen)]
    opened = open_run(options.run, options.checkpoint, options.device)
    if not directions_of(opened.module):
        raise CommandError(
            f"run must be of a module that translates, got {type(opened.module).__name__}; "
            "ganagerie memorization judges one that draws samples"
        )
    target = opened.run if options.out is None else RunFolder(options.out)
    found = [row for probe in probes if (row := look(opened, probe, target, options.json))]
    codes = look_at_codes(opened, options.samples, options.seed)
    if options.json:
        shared = {"run": str(opened.run.path), "checkpoint": opened.entry["path"]}
        rows = {row["kind"]: row for row in found}
        if codes is not None:
            rows["codes"] = storable(codes._asdict())
        print(json.dumps({**shared, **rows}, allow_nan=False))
    elif codes is not None:
        print(
            f"codes: a linear classifier names the domain of {100 * codes.accuracy:.0f} % of "
            f"{codes.held_out} (by chance {100 * codes.chance:.0f} %)"
        )
    if len(found) < len(probes):
        print("note: nothing can be hidden where there is no way back", file=sys.stderr)
    return 0


def look(opened: OpenedRun, probe: TranslationProbe, target: RunFolder, quiet: bool) -> Any:
    """One probe's row, written down; None where it can look at no direction."""
    directions = probe.judged_directions(opened.module)
    if not directions:
        return None
    domains = sorted({name for pair in directions for name in pair})
    images = ProbeImages.read(opened.data(), domains, probe.samples)
    began = time.perf_counter()
    findings = probe.examine(opened.module, images)
    moment = int(opened.entry["images_seen"])
    seconds = time.perf_counter() - began
    row = probe.row(opened.module, findings, images, target, moment, seconds)
    picture = target.media_file(probe.key, moment)
    with writing_to(target.path):
        write_atomically(picture, to_png(probe.draw(opened.module, findings, images)))
        target.append_translation(row)
    if not quiet:
        for (source, goal), finding in findings.items():
            print(f"{probe.key.replace('_', ' ')}, {source} to {goal}: {probe.headline(finding)}")
        print(f"  picture: {picture}")
    return row


def _direction(text: str) -> tuple[str, str]:
    source, colon, target = text.partition(":")
    if not (source and colon and target):
        raise ArgumentTypeError(f"must be two domains such as a:b, got {text!r}")
    return source, target

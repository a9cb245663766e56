"""How many words are translated rightly, by each way to a map between two languages.

``python -m benchmarks.words --seeds 3`` draws a made-up language of 3000 words and its rotated
copy, in 10 and in 30 dimensions, and prints one Markdown table of P@1 (CSLS, on a half of the
dictionary that nothing is made from): mean, lowest and highest of the seeds. Runs of the game, and
the best of several, are chosen by the criterion that needs no dictionary. Prints one JSON object
after the table. Ten minutes on one free core.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence

import torch

from benchmarks.words.ways import Setup, precisions

#: By dimension, one dictionary of P@1 by way for each seed.
Found = Mapping[int, Sequence[Mapping[str, float]]]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.words",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plain = Setup()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dim", type=int, nargs="+", default=[10, 30])
    for name in ("words", "restarts", "steps", "every"):
        parser.add_argument(f"--{name}", type=int, default=getattr(plain, name))
    options = parser.parse_args(argv)
    for name, least in (("seeds", 1), ("words", 200), ("restarts", 1), ("steps", 1), ("every", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    if min(options.dim) < 2:
        parser.error(f"--dim must be at least 2, got {min(options.dim)}")
    if options.every > options.steps:
        parser.error(f"--every must be at most --steps, got {options.every} and {options.steps}")
    return options


def table(found: Found) -> str:
    """A row a way, a column a dimension: mean (lowest to highest)."""
    dims = list(found)
    lines = [f"| way to the map | {' | '.join(f'P@1, d={dim}' for dim in dims)} |"]
    lines.append("|" + "---|" * (1 + len(dims)))
    for way in found[dims[0]][0]:
        cells = [[seed[way] for seed in found[dim]] for dim in dims]
        told = [f"{statistics.fmean(c):.3f} ({min(c):.3f} to {max(c):.3f})" for c in cells]
        lines.append(f"| {way} | {' | '.join(told)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Try every way on every seed and dimension."""
    options = parse(argv)
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    began = time.process_time()
    found: dict[int, list[dict[str, float]]] = {}
    for dim in options.dim:
        setup = Setup(options.words, dim, 40, options.restarts, options.steps, options.every)
        found[dim] = []
        for seed in range(options.seeds):
            found[dim].append(precisions(setup, seed))
            print(f"d={dim} seed {seed}: {found[dim][-1]}", file=sys.stderr, flush=True)
    print(table(found))
    spent = round(time.process_time() - began)
    settings = {name: getattr(options, name) for name in ("words", "restarts", "steps", "seeds")}
    print(json.dumps({"benchmark": "words", **settings, "cpu_s": spent, "p1": found}))


if __name__ == "__main__":
    main()

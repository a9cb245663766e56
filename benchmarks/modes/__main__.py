"""How many modes are covered, beside what the papers report.

``python -m benchmarks.modes --set ring grid`` trains GAN, unrolled GAN, VEEGAN, PacGAN and WGAN-GP
on the mixtures of Gaussians, ten seeds each, in two processes of one thread; ``--set
stacked-mnist`` does GAN, PacGAN and the four losses of R3GAN on triples of the real digits that
ship. Each variant plays the set-up of the paper that it is named after, reduced to what two cores
can train (``--size published`` takes networks and budgets of the source). Every finished run is a
line of ``--out``: a benchmark that was stopped goes on. Prints a Markdown table with means and
standard errors, what is far from the published row and the settings behind it, then one JSON
object.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.collapse.pool import WORKERS, shared_out
from benchmarks.modes.playing import VARIANTS, Task
from benchmarks.modes.results import play_and_keep, read, result_of
from benchmarks.modes.stacked import reader
from benchmarks.modes.tables import Line, markdown, ranking

#: Groups of variants, best first, as published.
ORDERS = {
    "ring": (("PacGAN2", "PacGAN3", "PacGAN4"), ("GAN",)),
    "grid": (("PacGAN2", "PacGAN3", "PacGAN4"), ("GAN",)),
    "stacked-mnist packing": (("PacGAN2",), ("GAN",)),
    "stacked-mnist losses": (("RpGAN+R1+R2",), ("GAN+R1+R2",), ("RpGAN+R1", "GAN+R1")),
}
# The longest first, so that no process is left alone with one at the end.
_SLOW_FIRST = ("PacGAN4", "UnrolledGAN", "WGANGP", "PacGAN3", "VEEGAN", "PacGAN2")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    every = sorted({variant for variants in VARIANTS.values() for variant in variants})
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.modes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", nargs="+", choices=tuple(VARIANTS), default=["ring", "grid"])
    parser.add_argument("--variant", nargs="+", choices=every, help="default: all of the set")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, help="generator steps; default: the set-up's own")
    parser.add_argument("--size", choices=("reduced", "published"), default="reduced")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--out", type=Path, default=Path("runs/modes/results.jsonl"))
    options = parser.parse_args(argv)
    for name, value in (("seeds", options.seeds), ("steps", options.steps)):
        if value is not None and value < 1:
            parser.error(f"--{name} must be at least 1, got {value}")
    if options.workers < 1:
        parser.error(f"--workers must be at least 1, got {options.workers}")
    played = {variant for data in options.set for variant in VARIANTS[data]}
    if unknown := set(options.variant or ()) - played:
        parser.error(f"--variant must be one of {', '.join(played)}, got {sorted(unknown)[0]}")
    return options


def tasks_of(options: argparse.Namespace) -> list[Task]:
    """All runs that were asked for, the longest first."""
    found = [
        Task(data, variant, seed, options.size, options.steps)
        for data in options.set
        for variant in VARIANTS[data]
        for seed in range(options.seeds)
        if options.variant is None or variant in options.variant
    ]
    rank = {variant: place for place, variant in enumerate(_SLOW_FIRST)}
    return sorted(found, key=lambda task: rank.get(task.variant, len(rank)))


def lines_of(tasks: Sequence[Task], path: Path) -> list[Line]:
    """A line for each variant of each data set, in the order of the tables."""
    rows = read(path)
    lines = []
    for data, variants in VARIANTS.items():
        for variant in variants:
            mine = [task for task in tasks if (task.data, task.variant) == (data, variant)]
            runs = [run for task in mine if (run := result_of(task, rows)) is not None]
            if runs:
                lines.append(Line(data, variant, mine[0].setup(), runs))
    return lines


def rankings(lines: Sequence[Line]) -> dict[str, bool]:
    """For each published order whose variants were all played: whether ours is the same."""
    found = {}
    for name, order in ORDERS.items():
        same = ranking([line for line in lines if line.data == name.split()[0]], order)
        if same is not None:
            found[name] = same
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Play what is missing, then print everything that was asked for."""
    options = parse(argv)
    tasks = tasks_of(options)
    torch.set_num_threads(1)
    rows = read(options.out)
    missing = [task for task in tasks if result_of(task, rows) is None]
    result: dict[str, Any] = {"benchmark": "modes", "size": options.size}
    if "stacked-mnist" in options.set:
        # Before the processes start, which read it from the cache then.
        result["classifier_accuracy"] = reader().accuracy
        print(f"digit classifier: {result['classifier_accuracy']:.4f} of held-out digits")
    work = functools.partial(play_and_keep, options.out)
    shared_out(work, missing, "modes", min(options.workers, max(len(missing), 1)))
    lines = lines_of(tasks, options.out)
    print(markdown(lines))
    same = rankings(lines)
    for name, holds in same.items():
        print(f"{name}: the published order {'holds' if holds else 'does not hold'}")
    result["order_holds"] = same
    result["results"] = {
        data: {line.variant: line.to_dict() for line in lines if line.data == data}
        for data in options.set
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

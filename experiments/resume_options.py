"""The options of ``ganagerie resume``, and what follows from them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from experiments.arguments import OneLineParser
from experiments.errors import CommandError


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of ``resume``."""
    parser = OneLineParser("ganagerie resume", description="Go on with a run, or fork it.")
    parser.add_argument("run", help="run folder")
    parser.add_argument(
        "--from",
        dest="source",
        default="last",
        metavar="WHICH",
        help="last (go on in place), pre-collapse, best, a generator step or images=N (fork)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, as in model.init_args.generator_lr=1e-4, or ...generator_lr*=0.5 "
        "for half of the run's own (forks)",
    )
    parser.add_argument("--seed", help="new seed, or +1 for the next (forks)")
    parser.add_argument(
        "--reset-d",
        choices=("no", "opt", "weights"),
        default="no",
        help="let the discriminator, or whoever plays against the generator, start again: with an "
        "empty optimizer, or with new weights as well (forks)",
    )
    parser.add_argument("--out", help="folder of the fork (RUN-fork1, ...)")
    parser.add_argument("--rebuild-index", action="store_true", help="only rebuild index.json")
    options = parser.parse_args(argv)
    for change in options.set:
        if change.partition("=")[0] in ("", "*", change) or change.startswith("-"):
            raise CommandError(
                f"--set must be KEY=VALUE or KEY*=FACTOR, got {change!r}; as in --set "
                "trainer.max_steps=5000"
            )
        if change.partition("=")[0].rstrip("*") == "run_dir":
            raise CommandError(f"--set cannot move a run, got {change!r}; use --out FOLDER")
    return options


def is_fork(options: argparse.Namespace) -> bool:
    """Whether anything differs from the run as it is, which then gets a folder of its own."""
    return (
        bool(options.set)
        or options.seed is not None
        or options.source != "last"
        or options.reset_d != "no"
    )


def new_seed(text: str | None, old: object) -> int | None:
    """``+1`` counts from the run's own seed.

    Raises:
        CommandError: if it is no number of 0 or more.
    """
    if text is None:
        return None
    try:
        number = int(text) + (int(str(old)) if text.startswith("+") else 0)
    except ValueError:
        number = -1
    if number < 0:
        raise CommandError(
            f"--seed must be a number of 0 or more, or +1, got {text!r}; +1 takes the run's own "
            "seed plus one"
        )
    return number

"""An argument parser whose complaint is one line."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

from experiments.errors import CommandError


class OneLineParser(argparse.ArgumentParser):
    """``argparse`` without the usage text in front of an error, and without abbreviations.

    An option that is cut short would be taken for another one as soon as a longer name is added.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise what the dispatcher prints.

        Raises:
            CommandError: always.
        """
        remedy = f"see {self.prog} --help"
        if found := re.match(r"unrecognized arguments: (\S+)", message):
            option = found[1].partition("=")[0]
            close = difflib.get_close_matches(option, self._option_string_actions, n=1)
            message = f"{option} is no option"
            names = [name for name in self._option_string_actions if name.startswith("--")]
            remedy = f"did you mean {close[0]}?" if close else f"there is {', '.join(names)}"
        raise CommandError(f"{self.prog}: {message}; {remedy}")


def run_parser(command: str, description: str) -> OneLineParser:
    """The options of every command that draws from one run."""
    parser = OneLineParser(f"ganagerie {command}", description=description)
    parser.add_argument("run", help="run folder")
    parser.add_argument(
        "--checkpoint", default="best", help="best, pre-collapse, last, a step or images=N"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the latents (0)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def seed(text: str) -> int:
    """A whole number that a generator of torch takes and that means the same for all of them.

    Raises:
        argparse.ArgumentTypeError: otherwise.
    """
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number in 0..2**63-1, got {text!r}")
    return number


def count(text: str) -> int:
    """A whole number of at least 1, also written 5k.

    Raises:
        argparse.ArgumentTypeError: otherwise.
    """
    try:
        number = int(text[:-1]) * 1000 if text.endswith("k") else int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return number

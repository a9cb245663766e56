"""An argument parser whose complaint is one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from experiments.errors import CommandError


class OneLineParser(argparse.ArgumentParser):
    """``argparse`` without the usage text in front of an error."""

    def error(self, message: str) -> NoReturn:
        """Raise what the dispatcher prints.

        Raises:
            CommandError: always.
        """
        raise CommandError(f"{self.prog}: {message}; see {self.prog} --help")


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

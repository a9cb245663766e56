"""How a command fails: one line, exit code 2 for what a user can mend."""

from __future__ import annotations

import sys
import traceback

USER = 2
INTERNAL = 1
PREEMPTED = 143


class CommandError(Exception):
    """A failure that is the user's to mend; its text is the one line."""


def report(error: BaseException, debug: bool) -> int:
    """Print one line on stderr and return the exit code.

    Args:
        error: what ended the command.
        debug: print the traceback as well.
    """
    if debug:
        traceback.print_exception(error)
    line = " ".join(str(error).split()) or type(error).__name__
    if is_user_error(error):
        print(f"ganagerie: error: {line}", file=sys.stderr)
        return USER
    hint = "" if debug else "; --debug shows where, please report it"
    print(f"ganagerie: internal error: {type(error).__name__}: {line}{hint}", file=sys.stderr)
    return INTERNAL


def is_user_error(error: BaseException) -> bool:
    """Whether a user can cause and mend it: bad input, bad settings, a disk, a NaN, lost ranks."""
    if isinstance(error, (CommandError, ValueError, OSError)):
        return True
    # By name: importing Lightning or torch here would cost every command seconds.
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(
        names
        & {
            "ArgumentError",
            "ParserError",
            "MisconfigurationException",
            "NonFiniteError",
            "StorageError",
            "LostRankError",
            "LostWorkerError",
        }
    )

"""How a command fails: one line, exit code 2 for what a user can mend."""

from __future__ import annotations

import os
import re
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
    text = memory_line(error) or compiler_line(error) or path_line(error) or str(error)
    line = " ".join(text.split()) or type(error).__name__
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
    if memory_line(error) or compiler_line(error):
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


def path_line(error: BaseException) -> str | None:
    """What to say of a path that the system refuses; None where the text is ours."""
    if type(error).__module__ != "builtins" or not isinstance(error, OSError):
        return None
    if not error.filename or not error.strerror:
        return None
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    shown = path if len(path) <= 120 else f"{path[:60]} ... ({len(path)} characters)"
    return f"{shown}: {error.strerror.lower()}; choose another name or place, or mend that one"


def compiler_line(error: BaseException) -> str | None:
    """What to say where ``torch.compile`` finds no compiler; None for any other failure."""
    if "No working C++ compiler" in str(error):
        what, lacking = "a C++ compiler", "none that works"
    elif "Cannot find a working triton" in str(error):
        what, lacking = "triton", "none that works"
    else:
        return None
    return (
        f"model.init_args.compile needs {what}, got {lacking}; install it (g++, or pip install "
        "triton), or set compile: off"
    )


def memory_line(error: BaseException) -> str | None:
    """What to say where memory ran out, on the host or on a GPU; None for any other failure."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError":
        found = re.search(r"Tried to allocate ([\d.]+ \w+)", text)
        amount, where = found[1] if found else "more", "the GPU's memory"
    elif "DefaultCPUAllocator" in text:
        found = re.search(r"allocate (\d+) bytes", text)
        amount = f"{int(found[1]) / 1e9:.3g} GB" if found else "more"
        where = "this machine's memory"
    elif isinstance(error, MemoryError):
        found = re.search(r"allocate ([\d.]+ \w+)", text)
        amount, where = found[1] if found else "more", "this machine's memory"
    else:
        return None
    return (
        f"{where} must hold the networks and a batch, got a request for {amount} too much; lower "
        "data.init_args.batch_size or the networks' sizes, or set model.init_args.micro_batches"
    )

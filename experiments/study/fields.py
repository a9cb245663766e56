"""Fields of a study's YAML: each is read by one function, which says what it must be.

All of them raise ``CommandError`` with one line for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from experiments.errors import CommandError
from experiments.study.space import plain


def settings(where: str, given: Any) -> dict[str, Any]:
    """Settings by path, with numbers that are numbers."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise CommandError(
            f"{where} must be settings by path, got {str(given)[:80]}; write "
            "data.init_args.batch_size: 64"
        )
    return {str(path): plain(value) for path, value in given.items()}


def count(values: Mapping[str, Any], name: str, least: int, default: int | None = None) -> int:
    """A whole number of at least ``least``."""
    given = values.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise CommandError(
            f"study: {name} must be a whole number of at least {least}, got {given!r}; "
            + (f"the default is {default}" if default is not None else "there is no default")
        )
    return given


def every(values: Mapping[str, Any]) -> int | None:
    """Images between two evaluations; None where the study does not say."""
    if values.get("every_n_images") is None:
        return None
    every, budget = count(values, "every_n_images", 1), values["budget_images"]
    if isinstance(budget, int) and every > budget:
        raise CommandError(
            f"study: every_n_images must lie within budget_images, got {every} of {budget}; lower "
            "it, or leave it out for ten evaluations a run"
        )
    return every


def seconds(values: Mapping[str, Any]) -> float | None:
    """A time limit; None for none."""
    given = values.get("time_limit_s")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise CommandError(
            f"study: time_limit_s must be seconds above 0, got {given!r}; null sets no limit"
        )
    return float(given)


def flag(values: Mapping[str, Any], name: str) -> bool:
    """True or false; false where nothing is given."""
    given = values.get(name, False)
    if not isinstance(given, bool):
        raise CommandError(f"study: {name} must be true or false, got {given!r}; false is usual")
    return given


def one_of(values: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str) -> Any:
    """One of some words."""
    given = values.get(name, default)
    if given not in choices:
        raise CommandError(
            f"study: {name} must be one of {', '.join(choices)}, got {given!r}; {default} is usual"
        )
    return given


def some_of(
    values: Mapping[str, Any], name: str, choices: tuple[str, ...], default: tuple[str, ...]
) -> tuple[str, ...]:
    """A list of some words."""
    given = values.get(name, default)
    if not isinstance(given, list | tuple):
        raise CommandError(f"study: {name} must be a list, got {given!r}; write {name}: []")
    for one in given:
        if one not in choices:
            raise CommandError(
                f"study: {name} must be some of {', '.join(choices)}, got {one!r}; leave it out"
            )
    return tuple(given)


def meant(word: str, names: Any) -> str:
    """What a misspelt word may have been."""
    close = get_close_matches(word, list(names), n=1)
    return f"did you mean {close[0]}?" if close else f"there is {', '.join(names)}"

"""``--set KEY*=FACTOR``: settings that are changed relative to the run's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.errors import CommandError


def absolute(changes: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Changes of settings with every factor multiplied out.

    Args:
        changes: ``KEY=VALUE`` or ``KEY*=FACTOR``; a later factor multiplies what an earlier change
            of the same key has left.
        settings: of the run, nested as in its YAML.

    Returns:
        One ``KEY=VALUE`` for each, in the same order.

    Raises:
        CommandError: the factor is no number, or the run's value is none.
    """
    done: dict[str, str] = {}
    plain = []
    for change in changes:
        key, _, value = change.partition("=")
        if key.endswith("*"):
            key = key[:-1]
            value = _multiplied(key, done[key] if key in done else _own(key, settings), value)
        done[key] = value
        plain.append(f"{key}={value}")
    return plain


def _multiplied(key: str, own: object, text: str) -> str:
    factor, value = _number(text), _number(own)
    if factor is None:
        raise CommandError(
            f"--set {key}*= must be followed by a number, got {text!r}; as in --set {key}*=0.5"
        )
    if value is None:
        raise CommandError(
            f"--set {key}*={text} must multiply a number, got {own!r} in the run; set it with "
            f"--set {key}=VALUE"
        )
    product = value * factor
    if not math.isfinite(product):
        raise CommandError(
            f"--set {key}*={text} must give a finite number, got {own!r} times {text}; choose a "
            "smaller factor"
        )
    whole = isinstance(value, int) and product == int(product)
    return repr(int(product) if whole else float(product))


def _own(key: str, settings: Mapping[str, Any]) -> object:
    """The run's value of a setting.

    Raises:
        CommandError: the run has no such setting.
    """
    part: Any = settings
    for name in key.split("."):
        if not isinstance(part, Mapping) or name not in part:
            raise CommandError(
                f"--set {key}*= must multiply a setting of the run, got none of this name; its "
                "config.yaml shows them all"
            )
        part = part[name]
    return part


def _number(value: object) -> float | int | None:
    """A finite number; None for anything else. YAML reads 1e-4 as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    for kind in (int, float):
        try:
            number = kind(value) if isinstance(value, str) else value
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None

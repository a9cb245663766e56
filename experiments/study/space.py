"""Distributions of settings, and draws from them that depend on nothing but their names.

The value of a parameter is a function of the study's seed, the variant's label, the number of the
draw and the parameter's path: whichever worker asks, and whatever else is searched.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from experiments.errors import CommandError

Kind = Literal["log_uniform", "uniform", "int_uniform", "choice"]
KINDS: tuple[Kind, ...] = ("log_uniform", "uniform", "int_uniform", "choice")


@dataclass(frozen=True)
class Distribution:
    """What one parameter is drawn from.

    Attributes:
        kind: log_uniform and uniform of numbers in [low, high], int_uniform of whole numbers in
            low..high, choice of values.
        values: low and high, or the values to choose from.
    """

    kind: Kind
    values: tuple[Any, ...]

    def draw(self, share: float) -> Any:
        """The value at a share in [0, 1) of the distribution."""
        if self.kind == "choice":
            return self.values[int(share * len(self.values))]
        low, high = self.values
        if self.kind == "int_uniform":
            return int(low + math.floor(share * (high - low + 1)))
        if self.kind == "uniform":
            return float(low + share * (high - low))
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        return float(min(max(value, low), high))

    def extremes(self) -> tuple[Any, ...]:
        """The ends of a range, or all values: what must be possible if everything between is."""
        return self.values

    def to_dict(self) -> dict[str, list[Any]]:
        """As the YAML has it."""
        return {self.kind: list(self.values)}


def uniform_share(*names: object) -> float:
    """A number in [0, 1) that is a function of the names alone."""
    digest = hashlib.sha256("\n".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def derived_seed(*names: object) -> int:
    """A seed of 31 bits that is a function of the names alone."""
    digest = hashlib.sha256("\n".join(map(str, ("seed", *names))).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def draw_setting(
    space: Mapping[str, Distribution], seed: int, label: str, draw: int
) -> dict[str, Any]:
    """One point of a space, by path."""
    return {
        path: distribution.draw(uniform_share(seed, label, draw, path))
        for path, distribution in space.items()
    }


def read_space(label: str, given: Any) -> dict[str, Distribution]:
    """Distributions by path, as a study's YAML gives them.

    Raises:
        CommandError: there are none, or one is impossible.
    """
    if not isinstance(given, Mapping) or not given:
        raise CommandError(
            f"study: space of variant {label} must name parameters, got {given or 'none'}; write "
            "model.init_args.generator_lr: {log_uniform: [1e-5, 1e-2]}"
        )
    return {str(path): read_distribution(label, str(path), one) for path, one in given.items()}


def read_distribution(label: str, path: str, given: Any) -> Distribution:
    """One distribution.

    Raises:
        CommandError: unknown, or impossible.
    """
    where = f"study: {path} of variant {label}"
    kind = next(iter(given)) if isinstance(given, Mapping) and len(given) == 1 else None
    if kind not in KINDS:
        raise CommandError(
            f"{where} must be one of {', '.join(KINDS)}, got {given}; write "
            "{log_uniform: [1e-5, 1e-2]}"
        )
    values = given[kind]
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise CommandError(f"{where}: {kind} must be a list, got {values}; write {kind}: [A, B]")
    if kind == "choice":
        return _choice(where, values)
    numbers = tuple(number(value) for value in values)
    if len(numbers) != 2 or None in numbers or not all(map(math.isfinite, numbers)):  # type: ignore[arg-type]
        raise CommandError(
            f"{where}: {kind} must be two numbers, got {list(values)}; write {kind}: [LOW, HIGH]"
        )
    low, high = numbers
    assert low is not None and high is not None
    if not low < high:
        raise CommandError(
            f"{where}: {kind} must rise, got {list(values)}; put the lower end first, or set the "
            "one value under set:"
        )
    if kind == "log_uniform" and not low > 0:
        raise CommandError(
            f"{where}: log_uniform must begin above 0, got {low}; raise it, or take uniform"
        )
    if kind == "int_uniform":
        if low != int(low) or high != int(high):
            raise CommandError(
                f"{where}: int_uniform must have whole ends, got {list(values)}; round them"
            )
        low, high = int(low), int(high)
    return Distribution(kind, (low, high))


def number(value: Any) -> float | int | None:
    """A number as YAML gives it, where 1e-4 is text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    for kind in (int, float):
        try:
            return kind(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return None


def plain(value: Any) -> Any:
    """A value whose numbers are numbers, also those that YAML takes for text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    found = number(value)
    return value if found is None else found


def _choice(where: str, values: Sequence[Any]) -> Distribution:
    kept = [plain(value) for value in values]
    if not kept:
        raise CommandError(f"{where}: choice must have values, got none; list two or more")
    twice = [value for n, value in enumerate(kept) if value in kept[:n]]
    if twice:
        raise CommandError(f"{where}: choice must have each value once, got {twice[0]} twice")
    return Distribution("choice", tuple(kept))

"""The score g: how much of the real diversity a generator shows, and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from callbacks.collapse.records import CELL, Band, Signals, Spread

_LEAST = 1e-3


@dataclass(frozen=True)
class Parts:
    """What a probe says, each 1 for real samples.

    Attributes:
        diversity: a, the Vendi score against real samples, at most 1.
        coverage: b, the root of coverage and recall against real samples; with a classifier at most
            the share of classes that are drawn.
        quality: q, the precision against real samples. Not part of the score.
        covered: the coverage alone against real samples. Noise has recall, and covers little.
        score: g, the root of diversity and coverage, the least of all groups that must not fall.
        cells: samples in each cell of the reals, of the whole or of each direction.
    """

    diversity: float
    coverage: float
    quality: float
    covered: float
    score: float
    cells: tuple[tuple[float, ...], ...] = ()


def parts_of(signals: Signals, band: Band) -> Parts | None:
    """Score one probe.

    The whole counts, or, for a translation, the worst of its directions; beside it the classes of a
    conditional generator by their median class. The least of all is the score.

    Args:
        signals: by group and name.
        band: the same for real samples.

    Returns:
        None where a value that is needed is missing or not finite.
    """
    found = {name: _group(signals[name], band.get(name, {})) for name in signals}
    parts = [part for part in found.values() if part is not None]
    if not parts or len(parts) < len(found):
        return None
    classes = [part.score for name, part in found.items() if part and is_class(name)]
    wholes = [part for name, part in found.items() if part and not is_class(name)]
    return Parts(
        diversity=min(part.diversity for part in wholes),
        coverage=min(part.coverage for part in wholes),
        quality=min(part.quality for part in wholes),
        covered=min(part.covered for part in wholes),
        score=min([part.score for part in wholes] + ([median(classes)] if classes else [])),
        cells=tuple(_counts(row) for name, row in signals.items() if not is_class(name)),
    )


def score_noise(band: Band) -> float:
    """Standard deviation of the score that a perfect generator has."""
    return max((band[name]["score"]["sd"] for name in band if "score" in band[name]), default=0.0)


def is_class(group: str) -> bool:
    """Whether a group of signals is of one class."""
    return group.startswith("class ")


def ratio(signals: Mapping[str, float | None], band: Mapping[str, Spread], name: str) -> float:
    """A signal against real samples; NaN where it is missing or not finite."""
    value, spread = signals.get(name), band.get(name)
    if value is None or spread is None or not spread["median"] > 0:
        return math.nan
    return value / spread["median"]


def _group(signals: Mapping[str, float | None], band: Mapping[str, Spread]) -> Parts | None:
    vendi, coverage, recall, precision = (
        ratio(signals, band, name) for name in ("vendi", "coverage", "recall", "precision")
    )
    if any(math.isnan(value) for value in (vendi, coverage, recall, precision)):
        return None
    diversity = min(vendi, 1.0)
    found = math.sqrt(coverage * max(recall, _LEAST))
    modes = ratio(signals, band, "modes")
    if not math.isnan(modes):
        found = min(found, modes)
    # Outputs that do not depend on the input are no diversity, however many inputs there are.
    dependence = ratio(signals, band, "input_dependence")
    if not math.isnan(dependence):
        diversity = min(diversity, max(dependence, 0.0))
    score = math.sqrt(max(diversity, _LEAST) * max(found, _LEAST))
    return Parts(diversity, found, precision, coverage, score)


def _counts(signals: Mapping[str, float | None]) -> tuple[float, ...]:
    return tuple(signals[name] or 0.0 for name in sorted(signals) if name.startswith(CELL))


def robust_sd(values: Sequence[float]) -> float:
    """The standard deviation that a normal sample of this median absolute deviation has."""
    if len(values) < 2:
        return 0.0
    middle = median(values)
    return 1.4826 * median([abs(value - middle) for value in values])

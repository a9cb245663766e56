"""Shares with exact intervals, and quantiles of few values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """How many of how many, with the Clopper-Pearson interval of 95 %.

    Attributes:
        hits: how many.
        total: of how many.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson, 95 %."""
        return clopper_pearson(self.hits, self.total)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        low, high = self.interval
        return {"hits": self.hits, "total": self.total, "low": low, "high": high}


def clopper_pearson(hits: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share.

    Args:
        hits: successes, at most ``total``.
        total: trials.
        level: of confidence.
    """
    from scipy.stats import beta

    if not total:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, total - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, total - hits)) if hits < total else 1.0
    return low, high


def share_of(flags: Sequence[bool]) -> Share:
    """The share of true ones."""
    return Share(sum(flags), len(flags))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan

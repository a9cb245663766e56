"""The best of k settings, exactly: what a budget buys, whatever order the settings came in.

A variant's runs are a table of settings by seeds. A budget of k is k different settings, each run
once. Whatever is chosen by one score may be reported by another: the run with the lowest choosing
score among the k is the one whose reported score counts. With one seed and one score for both this
is E[min of k] = sum_i x_(i) C(n-i, k-1) / C(n, k) over the sorted values of n settings.

Seeds of a setting are not independent draws of a setting, so they are never counted as such: the
number of settings is what a budget is measured in, and a bootstrap draws whole settings anew.
Failed runs have infinite scores and stay in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = Sequence[Sequence[tuple[float, float]]]
"""Settings, of each the (choosing, reported) costs of its runs; lower is better, inf a failure."""


@dataclass(frozen=True)
class Best:
    """The law of the reported cost of the best of k settings.

    Attributes:
        values: reported costs, rising, the infinite ones last.
        weights: their probabilities.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The expectation; infinite as long as all k may fail."""
        positive = self.weights > 0
        return math.fsum(self.values[positive] * self.weights[positive])

    @property
    def failing(self) -> float:
        """The probability that all k fail."""
        return float(self.weights[np.isinf(self.values)].sum())

    def quantile(self, q: float) -> float:
        """The smallest value with at least the share q at or below it."""
        below = np.cumsum(self.weights)
        place = int(np.searchsorted(below, q * below[-1] - 1e-12))
        return float(self.values[min(place, len(self.values) - 1)])


def best_of(table: Table, k: int) -> Best:
    """The exact law of the best of k settings, drawn without replacement, one run each.

    The share of k-subsets with nothing at or below a value is an elementary symmetric polynomial of
    the settings' shares above it, built up as averages: all terms are probabilities, so nothing
    overflows or cancels.

    Args:
        table: at least one setting, none without runs.
        k: from 1 to the number of settings.

    Raises:
        ValueError: k is out of range.
    """
    if not 1 <= k <= len(table):
        raise ValueError(
            f"best_of: k must lie in 1..{len(table)}, the number of settings, got {k}; draw more"
        )
    sizes = np.array([len(runs) for runs in table])
    settings = np.repeat(np.arange(len(table)), sizes)
    costs = np.array([run for runs in table for run in runs], dtype=np.float64)
    order = np.argsort(costs[:, 0], kind="stable")
    # Runs of one choosing score come together, and are equally likely to be taken.
    levels, level_of = np.unique(costs[order, 0], return_inverse=True)
    shares = np.zeros((len(levels), len(table)))
    np.add.at(shares, (level_of, settings[order]), 1.0 / sizes[settings[order]])
    above = np.clip(1.0 - np.cumsum(shares, axis=0), 0.0, 1.0)
    # Sums of thirds must not leave a crumb above the last run of a setting.
    above[above < 1e-12] = 0.0
    tails = np.concatenate([[1.0], _none_of(above, k)])
    own = 1.0 / sizes[settings[order]]
    weights = -np.diff(tails)[level_of] * own / shares.sum(axis=1)[level_of]
    placed = np.argsort(costs[order, 1], kind="stable")
    return Best(costs[order, 1][placed], np.maximum(weights, 0.0)[placed])


def _none_of(shares: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """The mean, over all k-subsets of the columns, of the product of their shares, for each row."""
    rows, columns = shares.shape
    means = np.zeros((rows, k + 1))
    means[:, 0] = 1.0
    for n in range(1, columns + 1):
        taken = np.arange(1, min(n, k) + 1)
        kept = means[:, taken] * ((n - taken) / n)
        means[:, taken] = kept + means[:, taken - 1] * (taken / n) * shares[:, n - 1, None]
    return means[:, k]


def subsampled(table: Table, k: int, draws: int = 5000, seed: int = 0) -> tuple[float, float]:
    """The mean of :func:`best_of` by drawing, and its standard error.

    Without replacement: drawn with it, k of n settings are fewer different ones, and the mean is
    that of a smaller budget.

    Args:
        table: as there.
        k: as there.
        draws: subsets.
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    found = np.empty(draws)
    for n in range(draws):
        some = generator.choice(len(table), k, replace=False)
        runs = [table[i][int(generator.integers(len(table[i])))] for i in some.tolist()]
        least = min(chosen for chosen, _ in runs)
        tied = [reported for chosen, reported in runs if chosen == least]
        found[n] = tied[generator.integers(len(tied))]
    spread = found.std(ddof=1) if np.isfinite(found).all() else math.inf
    return float(found.mean()), float(spread / math.sqrt(draws))


def beats(a: Best, b: Best) -> float:
    """The probability that a draw of ``a`` is lower than one of ``b``; ties count half."""
    values, weights = b.values, b.weights
    below = np.concatenate([[0.0], np.cumsum(weights)])
    lower = below[np.searchsorted(values, a.values, side="left")]
    not_above = below[np.searchsorted(values, a.values, side="right")]
    return float((a.weights * (below[-1] - 0.5 * (lower + not_above))).sum())


@dataclass(frozen=True)
class Interval:
    """A percentile interval of a bootstrap."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies in it, ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Comparison:
    """Two variants at one budget, or two sets of final runs.

    Attributes:
        probability: that the first beats the second, ties half.
        probability_in: its interval.
        difference: of the medians, first less second, in costs: below 0 the first is better.
        difference_in: its interval.
        by_chance: how often settings that are shuffled between the two are as far apart.
        settings: number of settings of either, or of runs for final ones.
        k: the budget; 0 for final runs.
    """

    probability: float
    probability_in: Interval
    difference: float
    difference_in: Interval
    by_chance: float
    settings: tuple[int, int]
    k: int = 0

    @property
    def evidence(self) -> int:
        """-1 where the first is better, 1 where the second is, 0 where neither is shown.

        The interval must not hold 0. With a handful of settings that alone finds a difference in
        one of ten pairs of equals, so shuffling, which is exact, must not find it by chance either.
        """
        inside = self.difference_in
        if inside.holds(0.0) or self.by_chance > 0.05:
            return 0
        return -1 if inside.high < 0 else 1


def resampled_laws(table: Table, k: int, resamples: int = 1000, seed: int = 0) -> list[Best]:
    """The law of :func:`best_of` for each sample of a cluster bootstrap.

    Whole settings are drawn with replacement, with all of their seeds.

    Args:
        table: of a variant.
        k: at most the number of settings.
        resamples: of the bootstrap.
        seed: of the resamples.
    """
    generator = np.random.default_rng(seed)
    draws = generator.integers(len(table), size=(resamples, len(table)))
    return [best_of([table[i] for i in row], k) for row in draws]


def compare(
    a: tuple[Table, Sequence[Best]],
    b: tuple[Table, Sequence[Best]],
    k: int,
    shuffles: int = 300,
    level: float = 0.95,
) -> Comparison:
    """Compare two variants at a budget of k settings.

    Args:
        a: runs of the first variant, and their resampled laws.
        b: of the second; resampled with another seed.
        k: at most the smaller number of settings.
        shuffles: see :func:`by_chance`.
        level: of the intervals.
    """
    laws = best_of(a[0], k), best_of(b[0], k)
    pairs = list(zip(a[1], b[1], strict=True))
    return Comparison(
        probability=beats(*laws),
        probability_in=interval(np.array([beats(*pair) for pair in pairs]), level),
        difference=gap(*laws),
        difference_in=interval(np.array([gap(*pair) for pair in pairs]), level),
        by_chance=by_chance(a[0], b[0], k, shuffles),
        settings=(len(a[0]), len(b[0])),
        k=k,
    )


def by_chance(a: Table, b: Table, k: int, shuffles: int = 300, seed: int = 0) -> float:
    """How often settings shuffled between two variants are as far apart as the variants are.

    Args:
        a: of the first variant.
        b: of the second.
        k: the budget at which they are compared.
        shuffles: of whole settings.
        seed: of the shuffles.

    Returns:
        A p-value of the hypothesis that both have the same law, at least 1 / (shuffles + 1).
    """
    pool, generator = [*a, *b], np.random.default_rng(seed)
    apart = abs(beats(best_of(a, k), best_of(b, k)) - 0.5)
    count = 1
    for _ in range(shuffles):
        mixed = [pool[i] for i in generator.permutation(len(pool)).tolist()]
        chance = beats(best_of(mixed[: len(a)], k), best_of(mixed[len(a) :], k))
        count += abs(chance - 0.5) >= apart - 1e-12
    return count / (shuffles + 1)


def gap(one: Best, other: Best) -> float:
    """The difference of the medians; 0 where both have failed."""
    first, second = one.quantile(0.5), other.quantile(0.5)
    return 0.0 if math.isinf(first) and math.isinf(second) else first - second


def interval(values: NDArray[np.float64], level: float = 0.95) -> Interval:
    """Percentiles of a bootstrap that may hold infinities: values of it, nothing in between."""
    ends = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(values, ends, method="inverted_cdf")
    return Interval(float(low), float(high))

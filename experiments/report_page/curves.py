"""Columns of numbers over images seen: thinned without losing extremes, smoothed, put on axes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

_TREND_FROM = 120
_TREND_POINTS = 240


@dataclass(frozen=True)
class Curve:
    """Values ``y`` over images seen ``x``; as many of both, ``x`` ascends, ``y`` may be NaN."""

    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Axis:
    """A range of values, linear or logarithmic, with its ticks; ``low < high``."""

    low: float
    high: float
    ticks: list[float]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at ``low``, 1 at ``high``, outside [0, 1] beyond them."""
        if self.log:
            # A value of 0 or below has no place on a logarithmic axis: far below its end.
            if value <= 0:
                return -1.0
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)


def thin(curve: Curve, buckets: int = 300) -> Curve:
    """Keep first, last, smallest, largest and first non-finite value of every bucket of rows.

    Args:
        curve: any number of rows; at most four per bucket come back unchanged.
        buckets: number of equal parts; each is about two pixels wide on a page.
    """
    n = len(curve.x)
    if n <= 4 * buckets:
        return curve
    keep: set[int] = set()
    for bucket in range(buckets):
        start, stop = bucket * n // buckets, (bucket + 1) * n // buckets
        keep.update((start, stop - 1))
        finite = [i for i in range(start, stop) if math.isfinite(curve.y[i])]
        if finite:
            value = curve.y.__getitem__
            keep.update((min(finite, key=value), max(finite, key=value)))
        if len(finite) < stop - start:
            keep.add(next(i for i in range(start, stop) if not math.isfinite(curve.y[i])))
    rows = sorted(keep)
    return Curve([curve.x[i] for i in rows], [curve.y[i] for i in rows])


def trend(curve: Curve) -> Curve | None:
    """Centred running mean over 1/30 of the rows; ``None`` for a curve too short to need one.

    At both ends the window is cut, not moved.
    Values that are not finite are left out of the mean, and a stretch without any finite value
    is left out of the trend.
    """
    n = len(curve.x)
    if n < _TREND_FROM:
        return None
    sums = [0.0, *accumulate(v if math.isfinite(v) else 0.0 for v in curve.y)]
    counts = [0, *accumulate(int(math.isfinite(v)) for v in curve.y)]
    half = max(2, n // 60)
    x, y = [], []
    for step in range(_TREND_POINTS + 1):
        row = step * (n - 1) // _TREND_POINTS
        start, stop = max(0, row - half), min(n, row + half + 1)
        if counts[stop] > counts[start]:
            x.append(curve.x[row])
            y.append((sums[stop] - sums[start]) / (counts[stop] - counts[start]))
    return Curve(x, y)


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], about ``about`` of them."""
    step = 10.0 ** math.floor(math.log10((high - low) / about))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _log_axis(low: float, high: float) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, -(-(last - first) // 5))
    ticks = [10.0**k for k in range(first, last + 1, stride)]
    inside = [t for t in ticks if low <= t <= high]
    if len(inside) < 3:
        inside = [m * 10.0**k for k in range(first, last) for m in (1, 2, 5)]
        inside = [t for t in inside if low <= t <= high]
    return Axis(low, high, inside, log=True)


def value_axis(
    curves: Iterable[Curve], *, levels: Iterable[float] = (), from_zero: bool = False
) -> Axis | None:
    """The axis on which all curves read well; ``None`` when no value is finite.

    Positive values whose middle 98 % span more than a factor of 100 get a logarithmic axis. A few
    spikes (a range over eight times that of the middle 98 %) do not flatten the rest: they
    leave the axis, and the caller says so in words.

    Args:
        curves: all that share the axis.
        levels: finite values that lie on the axis too, but do not choose its kind.
        from_zero: start at 0, for rates and the like.
    """
    values = sorted(v for curve in curves for v in curve.y if math.isfinite(v))
    if not values:
        return None
    low, high = values[0], values[-1]
    below, above = values[len(values) // 100], values[-1 - len(values) // 100]
    levels = [*levels]
    if from_zero and low >= 0:
        low = below = 0.0
    elif low > 0 and above > 100 * below:
        ends = [low, high, *(v for v in levels if v > 0)]
        return _log_axis(min(ends) * 0.8, max(ends) * 1.25)
    elif len(values) >= 100 and above > below and high - low > 8 * (above - below):
        margin = 0.25 * (above - below)
        low, high = max(low, below - margin), min(high, above + margin)
    low, high = min([low, *levels]), max([high, *levels])
    if low == high:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    margin = 0.06 * (high - low)
    low = low if from_zero and low == 0 else low - margin
    return Axis(low, high + margin, nice_ticks(low, high + margin, about=6))


def images_axis(ends: Sequence[float]) -> Axis:
    """The common x axis of the page: images seen, from 0 to the end of the longest run."""
    high = max(ends, default=0.0) or 1.0
    return Axis(0.0, high, nice_ticks(0.0, high, about=6))

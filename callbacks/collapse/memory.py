"""What the detector remembers of the probes: plain lists, so that it travels in a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from callbacks.collapse.score import Parts, robust_sd

#: Probes that are kept: more than any rule looks back.
_KEPT = 64
#: Places of a row of parts.
DIVERSITY, COVERAGE, QUALITY = 0, 1, 2
_PARTS = 3
#: Counts are many: as many probes as the refinement of an onset looks back over.
_CELLS = 24
#: Noise of the score of a usual run, as a share of it, and as how many probes it counts.
_USUAL_NOISE, _USUAL = 0.1, 4


@dataclass
class Memory:
    """The latest probes, and the healthy ones among them.

    Attributes:
        moments: images_seen of the latest probes.
        scores: g of the latest probes; the floor of the score where samples were not finite.
        drops: 1 - g / peak of the latest probes since arming.
        rows: diversity, coverage and quality of the latest probes.
        cells: counts of the latest probes, of each group and cell; empty where there are none.
        healthy: g of the latest healthy probes, oldest first.
        healthy_parts: the row of each of these probes.
        healthy_cells: the counts of these probes.
        peak: the healthy level; None before arming.
        armed_at: number of the probe at which there was something to lose; None before that.
        lucky: how many times that turned out to be luck.
        to_beat: distance below which an evaluation has to lie before anything is believed again,
            after evaluations have shown that it was luck; None where there is none (any more).
        junk: whether most samples of healthy times are like nothing real.
        fell_from: the level right before the latest alarm's onset, not above the peak: where a run
            that had settled lower is back at; None before there is one.
        dead: names of dead classes at the latest probe, and of those that ever lived.
        weak: how many successive probes each class was without diversity.
        evaluations: (probe, Frechet distance, coverage or None) of the latest heavy evaluations.
        best_distance: least Frechet distance of a healthy moment; None before there is one.
        unique: share of different sentences at the latest probes; empty for other samples.
        most_unique: the same at the most diverse healthy moment.
        alike: how far self-BLEU-4 lay above that of real sentences at the latest probes.
    """

    moments: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    drops: list[float] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    cells: list[list[list[float]]] = field(default_factory=list)
    healthy: list[float] = field(default_factory=list)
    healthy_parts: list[list[float]] = field(default_factory=list)
    healthy_cells: list[list[list[float]]] = field(default_factory=list)
    peak: float | None = None
    armed_at: int | None = None
    lucky: int = 0
    to_beat: float | None = None
    junk: bool = False
    fell_from: float | None = None
    dead: list[str] = field(default_factory=list)
    lived: list[str] = field(default_factory=list)
    weak: dict[str, int] = field(default_factory=dict)
    evaluations: list[list[float | None]] = field(default_factory=list)
    best_distance: float | None = None
    unique: list[float] = field(default_factory=list)
    most_unique: float = 0.0
    alike: list[float] = field(default_factory=list)

    def hear(self, unique: float, alike: float) -> None:
        """Take what one probe says of the words of sentences."""
        _keep(self.unique, unique)
        _keep(self.alike, alike)

    def see(self, images_seen: int, parts: Parts | None) -> None:
        """Take one probe, whatever the state is."""
        _keep(self.moments, images_seen)
        _keep(self.scores, parts.score if parts else 1e-3)
        _keep(self.rows, _row(parts) if parts else [0.0] * _PARTS)
        _keep(self.cells, _cells(parts) if parts else [], _CELLS)

    def fall(self, drop: float) -> None:
        """Take the fall from the peak that the latest probe shows."""
        _keep(self.drops, drop)

    def down_by(self, probes: int, drop: float) -> bool:
        """Whether so many successive probes were down by a share of the peak."""
        latest = self.drops[-probes:]
        return len(latest) == probes and min(latest) >= drop

    def settle(self, parts: Parts) -> None:
        """Count the latest probe among the healthy ones, and let the peak follow.

        It follows medians of three: a lucky probe must not become the norm.
        """
        _keep(self.healthy, parts.score)
        _keep(self.healthy_parts, _row(parts))
        if parts.cells:
            _keep(self.healthy_cells, _cells(parts), _CELLS)
        level = median(self.scores[-3:])
        self.peak = level if self.peak is None else max(self.peak, level)
        if self.unique:
            self.most_unique = max(self.most_unique, median(self.unique[-3:]))

    def evaluate(self, probe: int, distance: float, coverage: float | None) -> None:
        """Take a heavy evaluation at a probe."""
        if self.to_beat is not None and distance < self.to_beat:
            self.to_beat = None
        _keep(self.evaluations, [float(probe), distance, coverage])

    def disarmed(self, to_beat: float | None = None) -> Memory:
        """The same probes and evaluations, of which none is known to be healthy.

        Args:
            to_beat: see the attribute.
        """
        kept = ("moments", "scores", "rows", "cells", "evaluations", "unique", "alike")
        values = {name: _copied(getattr(self, name)) for name in kept}
        return Memory(**values, lucky=self.lucky + 1, to_beat=to_beat)

    def evaluations_before(self, probe: int) -> list[tuple[float, float]]:
        """Distance and coverage of the five latest heavy evaluations before a probe."""
        found = []
        for at, distance, coverage in self.evaluations:
            if at is not None and at < probe and distance is not None and coverage is not None:
                found.append((distance, coverage))
        return found[-5:]

    def moment(self, probe: int, now: int) -> int:
        """images_seen of a probe, where the latest one is number ``now``."""
        return self.moments[max(probe - now - 1, -len(self.moments))]

    def alarm(self, onset: int, now: int, window: int) -> None:
        """Keep the level of the ``window`` probes before an onset; the latest is number ``now``."""
        if self.peak is None:
            return
        before = self.scores[: max(len(self.scores) - (now - onset) - 1, 0)][-window:]
        self.fell_from = min(self.peak, median(before)) if before else self.peak

    def noise(self, window: int, least: float, lag: int = 0) -> tuple[float, float]:
        """Median and standard deviation of the latest healthy scores.

        Two scores can lie beside each other by chance: while there are fewer than the window, the
        noise is taken together with that of a usual run.

        Args:
            window: how many.
            least: the noise that a perfect generator has.
            lag: how many of the very latest are left out, see :func:`settled`.
        """
        latest = settled(self.healthy, window, lag)
        middle = median(latest)
        return middle, _with_usual(robust_sd(latest), middle, len(latest), window, least)

    def unrest(self, window: int, least: float, lag: int = 0) -> float:
        """Standard deviation of the latest healthy scores about their trend, from their steps.

        Args:
            window: see :meth:`noise`.
            least: see :meth:`noise`.
            lag: see :meth:`noise`.
        """
        latest = settled(self.healthy, window, lag)
        steps = [abs(b - a) for a, b in pairwise(latest)]
        sd = 1.4826 * median(steps) / math.sqrt(2.0) if steps else 0.0
        return _with_usual(sd, median(latest), len(steps), window - 1, least)

    def healthy_before(self, probes: int) -> list[float]:
        """The latest healthy scores, without those that are among so many latest probes."""
        latest, healthy = self.scores[-probes:], list(self.healthy)
        while healthy and latest and healthy[-1] in latest:
            healthy.pop()
        return healthy

    def level(self, which: int, window: int) -> float:
        """Median of one part, of the latest healthy probes."""
        return median([parts[which] for parts in self.healthy_parts][-window:])

    def top(self, which: int) -> float:
        """Mean of the three best healthy values of one part."""
        return fmean(sorted((parts[which] for parts in self.healthy_parts), reverse=True)[:3])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Memory:
        """Return the memory that :meth:`to_dict` wrote."""
        return cls(**{name: _copied(value) for name, value in values.items()})


def settled(values: Sequence[float], window: int, lag: int) -> list[float]:
    """The latest values that are not of a fall which has just begun.

    Args:
        values: of healthy probes, oldest first.
        window: how many are asked for.
        lag: how many of the very latest are left out, where there are enough before them.
    """
    end = len(values) - lag if len(values) >= window + lag else len(values)
    return list(values[max(0, end - window) : end])


def _row(parts: Parts) -> list[float]:
    return [parts.diversity, parts.coverage, parts.quality]


def _cells(parts: Parts) -> list[list[float]]:
    return [list(counts) for counts in parts.cells]


def _keep(values: list[Any], value: Any, most: int = _KEPT) -> None:
    values.append(value)
    del values[:-most]


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


def _with_usual(sd: float, level: float, known: int, enough: int, least: float) -> float:
    if known < enough:
        usual = _USUAL_NOISE * level
        sd = math.sqrt((known * sd**2 + _USUAL * usual**2) / (known + _USUAL))
    return max(sd, least * level)

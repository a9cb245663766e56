"""When a fall began: a cumulative sum that dates it, and a fit of a ramp that refines the date."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from callbacks.collapse.settings import DetectorSettings

# Probes by which the two datings may differ and still speak of the same fall.
_AGREE = 3


@dataclass
class FallSum:
    """One-sided cumulative sum of falls, and where its present excursion from 0 began.

    Attributes:
        value: S, above 0 during an excursion.
        start: probe at which it left 0; None outside an excursion.
    """

    value: float = 0.0
    start: int | None = None

    def add(self, probe: int, fall: float, kappa: float) -> None:
        """Take one probe.

        Args:
            probe: its number.
            fall: log of the level over the value: above 0 for a value below its level.
            kappa: slack: falls up to this are noise.
        """
        self.value = max(0.0, self.value + fall - kappa)
        if self.value == 0.0:
            self.start = None
        elif self.start is None:
            self.start = probe

    def follow(
        self, probe: int, score: float, healthy: Sequence[float], settings: DetectorSettings
    ) -> None:
        """Take the score of one probe, beside the latest healthy ones, if there are any.

        Args:
            probe: its number.
            score: above 0.
            healthy: scores, oldest first.
            settings: of the detector.
        """
        if healthy:
            level = median(healthy[-settings.onset_baseline :])
            self.add(probe, math.log(level / score), settings.onset_kappa)


def date_onset(
    scores: Sequence[float], first: int, summed: int | None, settings: DetectorSettings
) -> int:
    """Say at which probe the fall began that has led to an alarm at the last probe.

    Args:
        scores: of the latest probes, the last one is that of the alarm; each above 0.
        first: number of the first of them.
        summed: start of the excursion of :class:`FallSum`; None where there is none.
        settings: of the detector.

    Returns:
        A probe, at most ``onset_back`` before the last.
    """
    last = first + len(scores) - 1
    earliest = max(first, last - settings.onset_back)
    window = scores[-settings.onset_fit :]
    fitted = ramp_start(window)
    dated = None if fitted is None else last - len(window) + 1 + fitted
    if summed is None:
        chosen = last if dated is None else dated
    elif dated is not None and abs(dated - summed) <= _AGREE:
        chosen = min(dated, summed)
    else:
        chosen = summed
    return min(max(chosen, earliest), last)


def ramp_start(scores: Sequence[float]) -> int | None:
    """Fit "level, ramp, level" to log scores by least squares, and say where the fall begins.

    Args:
        scores: each above 0.

    Returns:
        Index of the first score that is below the first level; None where there are too few
        scores or no fall.
    """
    logs = [math.log(max(score, 1e-3)) for score in scores]
    n = len(logs)
    if n < 4:
        return None
    best: tuple[float, int] | None = None
    for begin in range(1, n):
        high = sum(logs[:begin]) / begin
        for end in range(begin, n):
            low = sum(logs[end:]) / (n - end)
            if low >= high:
                continue
            # The ramp leaves the high level after begin - 1 and is at the low one from end on.
            error = sum((value - high) ** 2 for value in logs[:begin])
            width = end - begin + 1
            for i in range(begin, end):
                level = high + (low - high) * (i - begin + 1) / width
                error += (logs[i] - level) ** 2
            error += sum((value - low) ** 2 for value in logs[end:])
            if best is None or error < best[0] - 1e-12:
                best = (error, begin)
    return None if best is None else best[1]

"""What the heavy evaluations say over time: how distances and coverage move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from callbacks.collapse.memory import Memory
from callbacks.collapse.score import robust_sd
from callbacks.collapse.settings import DetectorSettings
from callbacks.retention import is_frechet

_EVALUATIONS = 6
#: Above the best distance by this factor a generator is not getting better.
_NOT_BETTER = 1.25
_ABOVE_BEST = 1.5
#: Probes that say what has become of a run lately.
LATELY = 10
_LUCKY = 2
#: Noise of the coverage of a larger sample, as a share of it.
_COVERAGE_NOISE = 0.012


def distance_of(scores: Mapping[str, float | None]) -> float | None:
    """The first Frechet distance of an evaluation; None where there is none or it is not finite."""
    value = next((scores[name] for name in scores if is_frechet(name)), None)
    return value if value is not None and math.isfinite(value) else None


def rises(memory: Memory) -> bool:
    """Whether the Frechet distance lies clearly above its best and rises (Theil-Sen slope)."""
    rows = [(row[0], row[1]) for row in memory.evaluations[-_EVALUATIONS:]]
    points = [(x, math.log(y)) for x, y in rows if x is not None and y is not None and y > 0]
    best = memory.best_distance
    if best is None or best <= 0 or len(points) < 2:
        return False
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0])
        for i, a in enumerate(points)
        for b in points[i + 1 :]
        if b[0] > a[0]
    ]
    return bool(slopes) and median(slopes) > 0 and math.exp(points[-1][1]) >= _ABOVE_BEST * best


def is_above_best(memory: Memory) -> bool:
    """Whether the latest Frechet distance lies clearly above the best of all that are kept."""
    distances = [row[1] for row in memory.evaluations if row[1] is not None]
    return bool(distances) and distances[-1] > _NOT_BETTER * min(distances)


def never_improved(memory: Memory, now: int, settings: DetectorSettings) -> bool:
    """Whether nothing has become better over the latest probes: no distance, and no score.

    Args:
        memory: of the detector.
        now: number of the latest probe.
        settings: of the detector.
    """
    rows = [row for row in memory.evaluations if row[1] is not None]
    lately = [row[1] for row in rows if row[0] is not None and row[0] >= now - LATELY]
    before = [row[1] for row in rows if row[0] is not None and row[0] < now - LATELY]
    if lately and before:
        best, least = min(x for x in lately if x), min(x for x in before if x)
        return best > (1.0 - settings.never_gain) * least
    # Without evaluations the score itself has to show it, in medians that noise does not move.
    scores = memory.scores
    if len(scores) < 2 * LATELY:
        return True
    late, early = median(scores[-LATELY // 2 :]), median(scores[-2 * LATELY : -LATELY])
    return late < early * (1.0 + settings.never_gain) or late < settings.never_score


def best_in_vain(memory: Memory) -> float | None:
    """The best distance since arming, where even that is no better than the best one before it.

    A generator that throws its samples here and there covers much at some probes by luck. Two
    evaluations are asked for: one may fall on a bad moment.

    Returns:
        None where the generator has become better since it was armed, or nobody knows.
    """
    rows = [(row[0], row[1]) for row in memory.evaluations]
    known = [(at, x) for at, x in rows if at is not None and x is not None]
    armed = memory.armed_at
    # What has collapsed had been there.
    if armed is None or memory.fell_from is not None:
        return None
    before, since = [x for at, x in known if at <= armed], [x for at, x in known if at > armed]
    in_vain = bool(before) and len(since) >= _LUCKY and min(since) > min(before)
    return min(since) if in_vain else None


def coverage_falls(memory: Memory, settings: DetectorSettings, before: int) -> bool:
    """Whether the coverage of the latest evaluation lies clearly below those before a probe.

    Modes that are lost take the distance with them: where that is no larger than it was, the
    generator only wanders.

    Args:
        memory: of the detector.
        settings: say what is clear.
        before: the probe.
    """
    earlier = memory.evaluations_before(before)
    _, distance, coverage = memory.evaluations[-1]
    if distance is None or coverage is None or not earlier:
        return False
    distances, coverages = zip(*earlier, strict=True)
    if distance <= median(distances):
        return False
    base = median(coverages)
    noise = max(_COVERAGE_NOISE * base, robust_sd(coverages))
    return coverage - base <= settings.partial_confirm_z * noise

"""Falls of the score: which are a collapse, which make a suspicion, and which are noise.

Each rule asks for an effect, the share of the peak that is gone, and for significance: by how many
standard deviations. Noise is of two kinds. The scores of healthy times scatter about their median;
and they move from probe to probe, by much less in a run that slowly wanders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from callbacks.collapse import trend
from callbacks.collapse.memory import COVERAGE, DIVERSITY, QUALITY, Memory, settled
from callbacks.collapse.onset import FallSum
from callbacks.collapse.records import Band
from callbacks.collapse.score import Parts, score_noise
from callbacks.collapse.settings import DetectorSettings

#: Noise of the score that a perfect generator has, where the band does not say.
_LEAST_NOISE = 0.005


class Falls:
    """Holds the scores of the latest probes against their peak and their noise.

    Args:
        memory: of the detector, armed wherever a rule is asked for.
        settings: of the detector.
        band: of real samples.

    Attributes:
        sum: the sum that dates onsets.
    """

    def __init__(self, memory: Memory, settings: DetectorSettings, band: Band) -> None:
        self.memory, self.settings = memory, settings
        self.sum = FallSum()
        self._least = max(score_noise(band), _LEAST_NOISE)

    def drop(self, score: float) -> float:
        """By which share of the peak a score is down."""
        return 1.0 - score / cast(float, self.memory.peak)

    def follow(self, probe: int, score: float) -> float:
        """Take the score of one probe.

        Args:
            probe: its number.
            score: above 0.

        Returns:
            Its :meth:`drop`.
        """
        drop = self.drop(score)
        self.memory.fall(drop)
        self.sum.follow(probe, score, self.memory.healthy, self.settings)
        return drop

    def forget(self) -> None:
        """Begin a new sum, as a fall is over."""
        self.sum = FallSum()

    def of_junk(self) -> bool:
        """Whether most samples of healthy times are like nothing real.

        There is little to lose, and such a generator throws its samples here and there.
        """
        return self.memory.junk

    def look_at_quality(self) -> None:
        """Decide that anew, after a healthy probe.

        A generator gets better in precision and in distance at once. One whose precision rises
        while its Frechet distance lies clearly above its best makes less of the same junk.
        """
        settings, memory = self.settings, self.memory
        low = memory.level(QUALITY, settings.baseline) < settings.least_quality
        memory.junk = low or (memory.junk and trend.is_above_best(memory))

    def collapse(self, parts: Parts, drop: float) -> str:
        """Why the score says that almost everything is gone; empty where it does not."""
        settings, memory = self.settings, self.memory
        part = 1.0 - settings.sudden_part
        both = parts.diversity <= part * memory.top(DIVERSITY) and (
            parts.coverage <= part * memory.top(COVERAGE)
        )
        if drop >= settings.sudden_drop and both and self._sinks(1, settings.full_z):
            return f"the score fell by {drop:.0%} at once"
        certain = self._sinks(2, settings.full_z) and memory.down_by(2, settings.full_drop)
        certain = certain or memory.down_by(settings.full_probes, settings.full_drop)
        return f"the score fell by {drop:.0%}" if certain else ""

    def junk_is_gone(self, drop: float) -> str:
        """Why even little may be gone: a fall by half that stays, or one that takes nearly all.

        Args:
            drop: of the latest probe.
        """
        settings, probes = self.settings, self.settings.full_probes
        stays = self.memory.down_by(probes, settings.full_drop) and (
            self._sinks(probes, settings.full_z)
        )
        course = (settings.suspect_drop, settings.lasting_drop, settings.sudden_drop)
        falls = self._falls_through(course) and self._sinks(len(course), settings.steep_z)
        # One that only jumps has low scores in any order.
        latest = self.memory.drops[-len(course) :]
        falls = falls and latest == sorted(latest)
        return f"the score fell by {drop:.0%}" if stays or falls else ""

    def steep(self, drop: float) -> str:
        """Why a smaller fall is far beyond noise, at two probes or on its way; empty if it is not.

        Args:
            drop: of the latest probe.
        """
        settings = self.settings
        down = self.memory.down_by(2, settings.suspect_drop) and self._beyond(2, settings.steep_z)
        if down and self.sum.value >= settings.steep_sum:
            return f"the score fell by {drop:.0%}, far beyond its noise"
        course = (settings.ramp_start, settings.ramp_drop, settings.suspect_drop)
        noise = self._sinks(len(course), settings.ramp_z) and self._beyond(2, settings.ramp_z)
        if self._falls_through(course) and noise and self._is_below(2, len(course)):
            return f"the score falls on and on, by {drop:.0%} so far"
        return ""

    def is_part(self) -> bool:
        """Whether two probes fell far enough to agree with cells that are empty at once."""
        settings = self.settings
        down = self.memory.down_by(2, settings.part_score)
        return down and self._sinks(2, settings.part_z)

    def is_step(self, drop: float) -> bool:
        """Whether the latest probes form a step: down from all of the healthy times before.

        Args:
            drop: share of the peak that each of them is down by.
        """
        settings, memory = self.settings, self.memory
        probes = settings.step_probes
        down = memory.down_by(probes, drop)
        if not (down and self._sinks(probes, settings.step_z)):
            return False
        before = memory.healthy_before(probes)[-settings.baseline :]
        if len(before) < settings.baseline:
            return False
        return max(memory.scores[-probes:]) < (1.0 - settings.step_margin) * min(before)

    def lasting(self, drop: float, suspected: bool) -> str:
        """Why a smaller fall is one that stays; empty where it may pass.

        Args:
            drop: of the latest probe.
            suspected: whether the score was suspicious at the probe before.
        """
        settings, memory = self.settings, self.memory
        low = sum(d >= settings.suspect_drop for d in memory.drops[-settings.slow_window :])
        if suspected and low >= settings.slow_probes:
            down = f"{settings.suspect_drop:.0%} or more"
            return f"the score has been down by {down} for {low} probes"
        if self.is_step(settings.step_drop):
            return f"the score fell by {drop:.0%}, below all of its healthy times, and stays there"
        return ""

    def suspicion(self, score: float, drop: float, held: bool) -> str:
        """Why the score is suspicious; empty where it is not.

        Args:
            score: of the latest probe.
            drop: of it.
            held: whether it was at the probe before: that ends later than it begins.
        """
        settings = self.settings
        fallen = drop >= settings.suspect_drop and self._z(score) <= settings.suspect_z
        if fallen or (held and drop > settings.healthy_drop):
            return f"the score is down by {drop:.0%}"
        return ""

    def _falls_through(self, course: Sequence[float]) -> bool:
        """Whether the latest probes are down by these shares, the last one of the latest."""
        latest = self.memory.drops[-len(course) :]
        pairs = zip(latest, course, strict=False)
        return len(latest) == len(course) and all(drop >= least for drop, least in pairs)

    def _is_below(self, probes: int, fallen: int) -> bool:
        """Whether the latest probes lie clearly below all healthy ones before a fall.

        Args:
            probes: that are looked at.
            fallen: probes that the fall has.
        """
        settings, memory = self.settings, self.memory
        before = settled(memory.healthy_before(fallen), settings.baseline, settings.baseline_lag)
        if len(before) < settings.baseline:
            return False
        return max(memory.scores[-probes:]) < (1.0 - settings.ramp_margin) * min(before)

    def _beyond(self, probes: int, z: float) -> bool:
        """Whether the scores of so many successive probes are beyond their noise."""
        return all(self._z(score) <= z for score in self.memory.scores[-probes:])

    def _sinks(self, probes: int, z: float) -> bool:
        """Whether so many successive probes fell by far more than the score moves by itself."""
        window, lag = self.settings.baseline, self.settings.baseline_lag
        sd = self.memory.unrest(window, self._least, lag) / cast(float, self.memory.peak)
        return all(-drop / sd <= z for drop in self.memory.drops[-probes:])

    def _z(self, score: float) -> float:
        window, lag = self.settings.baseline, self.settings.baseline_lag
        middle, sd = self.memory.noise(window, self._least, lag)
        return (score - middle) / sd

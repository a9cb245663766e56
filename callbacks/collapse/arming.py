"""Whether there is something to lose: a generator that never was good cannot collapse.

Scores of a generator of an untrained network are those of a collapsed one. And one that throws its
samples here and there, as where rates are much too high, covers much at some probes by luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from callbacks.collapse import trend
from callbacks.collapse.falls import Falls
from callbacks.collapse.memory import Memory
from callbacks.collapse.records import LOST, State
from callbacks.collapse.score import Parts
from callbacks.collapse.settings import DetectorSettings

#: How many times good probes are asked for twice as often.
_DOUBLED = 2
#: The last probe of a run has seen at least this share of its images.
_END = 0.99


@dataclass(frozen=True)
class Plan:
    """What a run was to be when it began.

    Attributes:
        probes: of the whole run.
        images: real images that it ends with; 0 where it has no end.
    """

    probes: int = 100
    images: int = 0


class Arming:
    """Counts good probes before a generator is armed, and takes that back where it was luck.

    Args:
        memory: of the detector.
        settings: of the detector.
        falls: of the detector.

    Attributes:
        above: successive good probes.
    """

    def __init__(self, memory: Memory, settings: DetectorSettings, falls: Falls) -> None:
        self.memory, self.settings, self.falls = memory, settings, falls
        self.above = 0

    def warm_up(self, now: int, parts: Parts, plan: Plan, before: State) -> tuple[State, str]:
        """What a probe is of a generator that is not armed: state and reason.

        Args:
            now: its number.
            parts: of its score.
            plan: of the run.
            before: state at the probe before.
        """
        settings, memory = self.settings, self.memory
        # One that had its time and learned nothing is doubted as after luck, as often as that is.
        doubts = _DOUBLED if before == "never_learned" else min(memory.lucky, _DOUBLED)
        self.above = self.above + 1 if self._is_good(parts, doubts) else 0
        if self.above >= settings.arm_probes * 2**doubts:
            memory.armed_at = now
            return "healthy", ""
        if before == "never_learned" or self._is_hopeless(now, plan) or self._is_over(plan):
            lasting = f"no score of {settings.arm_score:g} that stayed"
            return "never_learned", f"{lasting} in {now + 1} probes"
        return "warmup", ""

    def _is_good(self, parts: Parts, doubts: int) -> bool:
        """Whether a probe is of something that could be lost.

        One that is doubted is believed once most of its samples are like real ones; and where
        evaluations have shown that it was luck, once a later one is better than all of these.
        """
        settings, memory = self.settings, self.memory
        good = parts.score >= settings.arm_score and parts.covered >= settings.arm_coverage
        if not doubts:
            return good
        return good and parts.quality >= settings.least_quality and memory.to_beat is None

    def _is_hopeless(self, now: int, plan: Plan) -> bool:
        """Whether half of the run has passed without any sign of life, and nothing gets better."""
        settings, memory = self.settings, self.memory
        late = now + 1 >= max(settings.never_probes, settings.never_share * plan.probes)
        alive = memory.lucky or median(memory.scores[-trend.LATELY :]) >= settings.never_score
        if not late or alive:
            return False
        return trend.never_improved(memory, now, settings)

    def _is_over(self, plan: Plan) -> bool:
        """Whether a run has ended that had its time to learn."""
        had_time = len(self.memory.moments) >= self.settings.never_probes
        ended = bool(plan.images) and self.memory.moments[-1] >= _END * plan.images
        return had_time and ended

    def was_luck(self, now: int, found: State, before: State) -> str:
        """Why there never was anything to lose; empty where there was.

        Args:
            now: number of the latest probe.
            found: what it is otherwise.
            before: state at the probe before.
        """
        settings, memory = self.settings, self.memory
        young = memory.armed_at is not None and now - memory.armed_at <= settings.hold_probes
        if young and found in LOST and before not in LOST:
            return "it was lost again as soon as it was there"
        fell = [drop >= settings.full_drop for drop in memory.drops[-2:]]
        if found == "healthy" and fell == [True, False] and self.falls.of_junk():
            return "most samples are like nothing real, and half of the score comes and goes"
        return ""

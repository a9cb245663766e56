"""Whether there is something to lose: a generator that never was good cannot collapse.

Scores of a generator of an untrained network are those of a collapsed one. And one that throws its
samples here and there, as where rates are much too high, covers much at some probes by luck.
"""

from __future__ import annotations

from callbacks.collapse import trend
from callbacks.collapse.falls import Falls
from callbacks.collapse.memory import Memory
from callbacks.collapse.records import LOST, State
from callbacks.collapse.score import Parts
from callbacks.collapse.settings import DetectorSettings

#: How many times good probes are asked for twice as often.
_DOUBLED = 2


class Arming:
    """Counts good probes before a generator is armed, and takes that back where it was luck.

    Args:
        memory: of the detector.
        settings: of the detector.
        falls: of the detector.

    Attributes:
        above: successive good probes.
        warm: probes since the beginning, or since arming was taken back.
    """

    def __init__(self, memory: Memory, settings: DetectorSettings, falls: Falls) -> None:
        self.memory, self.settings, self.falls = memory, settings, falls
        self.above, self.warm = 0, 0

    def warm_up(self, now: int, parts: Parts, planned: int, before: State) -> tuple[State, str]:
        """What a probe is of a generator that is not armed: state and reason.

        Args:
            now: its number.
            parts: of its score.
            planned: probes of the whole run.
            before: state at the probe before.
        """
        settings = self.settings
        good = parts.score >= settings.arm_score and parts.coverage >= settings.arm_coverage
        self.above = self.above + 1 if good else 0
        self.warm += 1
        if self.above >= settings.arm_probes * 2 ** min(self.memory.lucky, _DOUBLED):
            self.memory.armed_at = now
            return "healthy", ""
        late = max(settings.never_probes, settings.never_share * planned)
        hopeless = now + 1 >= late and self.warm >= settings.never_probes
        hopeless = hopeless and trend.never_improved(self.memory, now, settings)
        if before == "never_learned" or hopeless:
            lasting = " that stayed" if self.memory.lucky else ""
            reason = f"no score of {settings.arm_score:g}{lasting} in {now + 1} probes"
            return "never_learned", reason
        return "warmup", ""

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

    def evaluations_were_no_better(self) -> str:
        """Why an evaluation says the same of junk; empty where it does not."""
        if self.falls.of_junk() and trend.luckily_armed(self.memory):
            return "no evaluation since it was armed is better than before"
        return ""

"""A fall of the coverage alone: some modes are lost, and the score hardly says so."""

from __future__ import annotations

from callbacks.collapse.memory import Memory
from callbacks.collapse.onset import FallSum
from callbacks.collapse.settings import DetectorSettings

_COVERAGE = 1
#: Noise of the coverage that a perfect generator has at 256 samples: the least that is believed.
PART_NOISE = 0.012
#: Standardised falls below this are noise to the cumulative sum ...
_SLACK = 1.0
#: ... a sum above this is none any more, and one above this is certain.
_SUM, _CERTAIN = 10.0, 25.0


class PartialFall:
    """Watches the coverage of healthy times against its own noise.

    Args:
        memory: of the detector.
        settings: of the detector.
        summed: where the cumulative sum goes on; None begins it.

    Attributes:
        sum: standardised falls of the coverage, cumulated.
    """

    def __init__(
        self, memory: Memory, settings: DetectorSettings, summed: FallSum | None = None
    ) -> None:
        self.memory, self.settings = memory, settings
        self.sum = summed or FallSum()

    def add(self, probe: int, coverage: float) -> None:
        """Take one probe."""
        base, sd = self.noise()
        self.sum.add(probe, (base - coverage) / sd, _SLACK)

    def noise(self) -> tuple[float, float]:
        """Level and standard deviation of the coverage while the generator was healthy."""
        lag = self.settings.partial_window - 1
        base = self.memory.level(_COVERAGE, self.settings.baseline, lag)
        return base, self.memory.wander(lag, PART_NOISE * base)

    def suspicion(self) -> str:
        """Why the latest probes look like a partial collapse; empty where they do not."""
        settings, memory = self.settings, self.memory
        if len(memory.healthy) < settings.partial_after:
            return ""
        base, sd = self.noise()
        recent = memory.coverage[-settings.partial_window :]
        low = [value for value in recent if value <= (1.0 - settings.partial_drop) * base]
        clear = (sum(recent) / len(recent) - base) / sd <= settings.partial_z
        if len(low) >= settings.partial_probes and clear and self.sum.value >= _SUM:
            return f"the coverage is down by {1.0 - sum(low) / len(low) / base:.0%}"
        return ""

    def certainty(self, probes: int) -> str:
        """Why a suspicion has become certain; empty where it has not.

        Args:
            probes: that it has lasted: as long again as it took to arise.
        """
        if probes < self.settings.partial_window or self.sum.value < _CERTAIN:
            return ""
        reason = self.suspicion()
        return f"{reason} and stays there" if reason else ""

    def lost_share(self) -> float:
        """Estimated share of the modes that is lost."""
        return max(0.0, 1.0 - self.memory.coverage[-1] / self.noise()[0])

    def is_over(self, coverage: float) -> bool:
        """Whether the coverage is back at its level."""
        return coverage >= (1.0 - self.settings.partial_drop / 2) * self.noise()[0]

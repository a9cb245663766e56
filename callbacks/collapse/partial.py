"""A fall of one part alone: some modes are lost, and the score hardly says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from callbacks.collapse.memory import Memory
from callbacks.collapse.onset import FallSum
from callbacks.collapse.settings import DetectorSettings

#: The parts that are watched one by one, by their place in a row of the memory.
WATCHED = {1: "coverage", 3: "recall", 4: "balance of the classes"}
#: Noise of a part that a perfect generator has at 256 samples: the least that is believed.
PART_NOISE = 0.012
#: Standardised falls below this are noise to the cumulative sum ...
_SLACK = 1.0
#: ... a sum above this is none any more, and one above this is certain.
_SUM, _CERTAIN = 10.0, 50.0


class PartialFall:
    """Watches one part against its own level and noise in healthy times.

    Args:
        which: of :data:`WATCHED`.
        memory: of the detector.
        settings: of the detector.
        summed: where the cumulative sum goes on; None begins it.

    Attributes:
        sum: standardised falls, cumulated.
    """

    def __init__(
        self,
        which: int,
        memory: Memory,
        settings: DetectorSettings,
        summed: FallSum | None = None,
    ) -> None:
        self.which, self.memory, self.settings = which, memory, settings
        self.sum = summed or FallSum()

    @property
    def values(self) -> list[float]:
        """The part at the latest probes."""
        return [row[self.which] for row in self.memory.rows]

    def add(self, probe: int) -> None:
        """Take the latest probe into the sum."""
        base, sd = self.noise()
        self.sum.add(probe, (base - self.values[-1]) / sd, _SLACK)

    def noise(self) -> tuple[float, float]:
        """Level and standard deviation while the generator was healthy."""
        lag = self.settings.partial_window - 1
        base = self.memory.level(self.which, self.settings.baseline, lag)
        return base, self.memory.wander(self.which, lag, max(PART_NOISE * base, 1e-6))

    def suspicion(self) -> str:
        """Why the latest probes look like a partial collapse; empty where they do not."""
        settings, memory = self.settings, self.memory
        if len(memory.healthy) < settings.partial_after:
            return ""
        base, sd = self.noise()
        recent = self.values[-settings.partial_window :]
        low = [value for value in recent if value <= (1.0 - settings.partial_drop) * base]
        clear = (sum(recent) / len(recent) - base) / sd <= settings.partial_z
        if len(low) >= settings.partial_probes and clear and self.sum.value >= _SUM:
            return f"the {WATCHED[self.which]} is down by {1.0 - sum(low) / len(low) / base:.0%}"
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

    def steep(self) -> float:
        """Share by which the part is down at two successive probes, far beyond its noise; or 0."""
        settings = self.settings
        if len(self.memory.healthy) < settings.partial_after:
            return 0.0
        base, sd = self.noise()
        higher = max(self.values[-2:])
        beyond = (higher - base) / sd <= settings.part_z
        return 1.0 - higher / base if beyond and higher <= (1 - settings.part_drop) * base else 0.0

    def lost_share(self) -> float:
        """Estimated share of the modes that is lost."""
        return max(0.0, 1.0 - self.values[-1] / self.noise()[0])

    def is_over(self) -> bool:
        """Whether the part is back at its level."""
        return self.values[-1] >= (1.0 - self.settings.partial_drop / 2) * self.noise()[0]


class WatchedParts:
    """All watched parts together.

    Args:
        memory: of the detector.
        settings: of the detector.
        state: of :meth:`to_dict`; None begins anew.

    Attributes:
        parts: by :data:`WATCHED`.
        fallen: those that the present suspicion or collapse rests on.
    """

    def __init__(
        self, memory: Memory, settings: DetectorSettings, state: Mapping[str, Any] | None = None
    ) -> None:
        sums = state["sums"] if state else {}
        self.parts = {
            which: PartialFall(
                which,
                memory,
                settings,
                FallSum(**sums[str(which)]) if sums else None,
            )
            for which in WATCHED
        }
        self.fallen: list[int] = list(state["fallen"]) if state else []

    def add(self, probe: int) -> None:
        """Take the latest probe into all sums."""
        for part in self.parts.values():
            part.add(probe)

    def suspicion(self) -> str:
        """Why there is a suspicion of a partial collapse; empty where there is none."""
        reasons = {which: part.suspicion() for which, part in self.parts.items()}
        fallen = [which for which, reason in reasons.items() if reason]
        if not fallen:
            return ""
        self.fallen = fallen
        return reasons[fallen[0]]

    def certainty(self, probes: int) -> str:
        """Why a suspicion that has lasted so many probes is certain; empty where it is not."""
        reasons = [part.certainty(probes) for part in self.parts.values()]
        return next((reason for reason in reasons if reason), "")

    def steep(self) -> tuple[str, float]:
        """The part that fell most, far beyond its noise: why, and by which share; or nothing."""
        falls = {which: part.steep() for which, part in self.parts.items()}
        worst = max(falls, key=lambda which: falls[which])
        if not falls[worst] > 0:
            return "", 0.0
        self.fallen = [worst]
        return f"the {WATCHED[worst]} fell by {falls[worst]:.0%}, far beyond its noise", falls[
            worst
        ]

    def lost_share(self) -> float:
        """Estimated share of the modes that is lost."""
        return max(part.lost_share() for part in self.parts.values())

    def is_over(self) -> bool:
        """Whether what had fallen is back."""
        return all(self.parts[which].is_over() for which in self.fallen)

    def first(self) -> PartialFall | None:
        """The part that dates a fall; None where none has fallen."""
        return self.parts[self.fallen[0]] if self.fallen else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        sums = {str(which): asdict(part.sum) for which, part in self.parts.items()}
        return {"sums": sums, "fallen": list(self.fallen)}

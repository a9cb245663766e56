"""Modes that are lost while the others stay: the score hardly says so, their places do.

The real samples part their space into cells. A healthy generator draws into a cell now more and now
less often; a mode that is lost leaves its cells empty, the same ones at probe after probe. So what
is watched is the share of the healthy samples whose cells are all but empty now, over several
probes together: chance empties no cell for long, and wandering modes empty others every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.collapse.memory import Memory
from callbacks.collapse.settings import DetectorSettings

#: Counts of a probe: of each group, of each of its cells.
Counts = Sequence[Sequence[float]]


class LostCells:
    """Holds the cells of the latest probes against those of healthy times.

    Args:
        memory: of the detector.
        settings: of the detector.
        fallen: (group, cell) of what a present suspicion or collapse rests on.
    """

    def __init__(
        self,
        memory: Memory,
        settings: DetectorSettings,
        fallen: Sequence[Sequence[int]] = (),
    ) -> None:
        self.memory, self.settings = memory, settings
        self.fallen = [(int(group), int(cell)) for group, cell in fallen]

    def lost(self, probes: int) -> float:
        """Share of the healthy samples whose cells are empty in the latest probes.

        Args:
            probes: that are looked at together.
        """
        return self._worst(probes, self.settings.cell_left)[0]

    def suspicion(self) -> str:
        """Why the latest probes look like a partial collapse; empty where they do not."""
        return self._said(self.settings.partial_window, self.settings.partial_drop, "gone")[0]

    def certainty(self, probes: int) -> str:
        """Why a suspicion has become certain; empty where it has not.

        Args:
            probes: that it has lasted: as long again as it took to arise.
        """
        if probes < self.settings.partial_window:
            return ""
        window = 2 * self.settings.partial_window
        return self._said(window, self.settings.partial_certain, "gone, and stay away")[0]

    def sudden(self) -> tuple[str, float]:
        """Why two successive probes may be a collapse, and the share lost; or nothing.

        A generator that walks within its modes leaves cells as well: the score must say so too.
        """
        settings = self.settings
        found = self._said(2, settings.part_drop, "gone at once")
        if found[0]:
            return found
        return self._said(2, settings.most_drop, "mostly gone at once", settings.most_left)

    def stepped(self) -> tuple[str, float]:
        """The same of the probes of a step, whose fall says most of it."""
        return self._said(self.settings.step_probes, self.settings.step_cells, "gone in one step")

    def lost_share(self) -> float:
        """Estimated share of the modes that is lost."""
        return self.lost(self.settings.partial_window)

    def course(self) -> list[float]:
        """At the latest probes, what is left of the cells that have fallen: 1 in healthy times."""
        base = self._base(self.settings.partial_window)
        usual = sum(base[group][cell] for group, cell in self.fallen) if base else 0.0
        if not usual > 0:
            return []
        return [
            sum(row[group][cell] for group, cell in self.fallen) / usual if row else 0.0
            for row in self.memory.cells
        ]

    def is_over(self) -> bool:
        """Whether what had fallen is back by half."""
        course = self.course()
        return not course or course[-1] >= 0.5

    def _said(
        self, window: int, share: float, how: str, left: float | None = None
    ) -> tuple[str, float]:
        """Why so large a share of the samples is lost, and the share; or nothing."""
        worst, cells = self._worst(window, self.settings.cell_left if left is None else left)
        if not worst >= share:
            return "", 0.0
        self.fallen = cells
        return f"modes with {worst:.0%} of the samples are {how}", worst

    def _worst(self, window: int, left: float) -> tuple[float, list[tuple[int, int]]]:
        return max(self._empty(window, left), key=lambda one: one[0], default=(0.0, []))

    def _empty(self, window: int, left: float) -> list[tuple[float, list[tuple[int, int]]]]:
        """Of each group the share of the samples in cells that are empty now, and these cells.

        Args:
            window: probes that are looked at together.
            left: share of its healthy samples up to which a cell is empty.
        """
        latest, base = self.memory.cells[-window:], self._base(window)
        if not base or len(latest) < window or not all(latest):
            return []
        found = []
        for group, usual in enumerate(base):
            now = _mean([row[group] for row in latest])
            empty = [
                cell for cell, count in enumerate(usual) if count > 0 and now[cell] <= left * count
            ]
            share = sum(usual[cell] for cell in empty) / max(sum(usual), 1e-9)
            found.append((share, [(group, cell) for cell in empty]))
        return found

    def _base(self, window: int) -> Counts:
        """Mean counts of the latest healthy probes that lie before the window."""
        rows = self.memory.healthy_cells
        rows = rows[: max(len(rows) - window + 1, 0)][-self.settings.baseline :]
        if len(rows) < self.settings.partial_after:
            return ()
        return [_mean([row[group] for row in rows]) for group in range(len(rows[0]))]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"fallen": [list(place) for place in self.fallen]}

    @classmethod
    def from_dict(
        cls, memory: Memory, settings: DetectorSettings, state: Mapping[str, Any]
    ) -> LostCells:
        """Return what :meth:`to_dict` wrote."""
        return cls(memory, settings, state["fallen"])


def _mean(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

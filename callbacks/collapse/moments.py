"""The parts of a run's health: moments, spans of one state, falls, and what broke the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from callbacks.collapse.records import WHOLE, Band, Severity, State, Verdict
from callbacks.collapse.score import Parts, parts_of


@dataclass(frozen=True)
class Moment:
    """One verdict.

    Attributes:
        images_seen: where it was given.
        probe: number of the probe, or of the last one before an evaluation that gave a verdict.
        verdict: see :class:`Verdict`.
        probed: whether a probe gave it, and not an evaluation.
        segment: grows by one with every rollback and rebaseline.
        warnings: leading signs that never alarm.
        signals: by group and name; empty for an evaluation.
        band: for real samples, at that time.
    """

    images_seen: int
    probe: int
    verdict: Verdict
    probed: bool = True
    segment: int = 0
    warnings: tuple[str, ...] = ()
    signals: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    band: Band = field(default_factory=dict)

    @property
    def parts(self) -> Parts | None:
        """Diversity, coverage and quality against real samples; None where they are not finite."""
        return parts_of(self.signals, self.band)

    def group_score(self, group: str) -> float | None:
        """The score of one class or direction alone; None where it is not known."""
        parts = parts_of(
            {WHOLE: self.signals.get(group, {})}, {WHOLE: dict(self.band.get(group, {}))}
        )
        return None if parts is None else parts.score


@dataclass(frozen=True)
class Span:
    """Successive moments of one state; at least one."""

    state: State
    moments: tuple[Moment, ...]

    @property
    def first(self) -> Moment:
        """Where it begins."""
        return self.moments[0]

    @property
    def last(self) -> Moment:
        """Where it ends."""
        return self.moments[-1]

    @property
    def severity(self) -> Severity | None:
        """The worst one in it; None where it is neither a collapse nor a suspicion of a part."""
        if self.state not in ("collapsed", "suspect"):
            return None
        found = {moment.verdict.severity for moment in self.moments}
        return "full" if "full" in found else "partial" if "partial" in found else None

    @property
    def scores(self) -> tuple[float, float] | None:
        """Lowest and highest score; None where none was finite."""
        values = [m.verdict.score for m in self.moments if m.verdict.score is not None]
        return (min(values), max(values)) if values else None

    @property
    def name(self) -> str:
        """The state, with its severity, as a reader wants it."""
        words = self.state.replace("_", " ")
        return words if self.severity is None else f"{words}, {self.severity}"


@dataclass(frozen=True)
class Break:
    """A rollback, a rebaseline, the beginning of a fork, or an error of the monitor.

    Attributes:
        event: see :class:`callbacks.collapse.records.MonitorRow`.
        images_seen: where it happened; for a rollback, where training went back to.
        left: for a rollback, where the lost branch was left.
        note: what happened, in words.
        changes: for a rollback, what was changed.
    """

    event: str
    images_seen: int
    left: int | None = None
    note: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> int:
        """Where on the axis a reader looks for it: where a lost branch was left."""
        return self.images_seen if self.left is None else self.left


@dataclass
class Fall:
    """A collapse or a divergence, from its alarm to its end.

    Attributes:
        alarm: the moment at which it was noticed.
        state: collapsed or diverged, the last that it was.
        severity: the worst that it was.
        onset: images_seen at which it began, as it was dated last.
        onset_probe: the probe of that moment.
        end: how it ended, in words; empty while it lasts.
        branch: number of the rollback by which its branch was left, from 1; None where it was not.
    """

    alarm: Moment
    state: State
    severity: Severity | None
    onset: int | None
    onset_probe: int | None
    end: str = ""
    branch: int | None = None

    @property
    def delay(self) -> int | None:
        """Probes from the onset to the alarm; 0 where the alarm came with the onset."""
        return None if self.onset_probe is None else self.alarm.probe - self.onset_probe

    @property
    def name(self) -> str:
        """Such as ``full collapse``, also one that went on to diverge."""
        if self.alarm.verdict.state == "diverged":
            return "divergence"
        what = f"{self.severity} collapse" if self.severity else "collapse"
        return f"{what}, then divergence" if self.state == "diverged" else what


def spans(moments: Sequence[Moment]) -> list[Span]:
    """Join successive moments of one state; a rollback or a rebaseline in between parts them."""
    parts = groupby(moments, key=lambda moment: (moment.segment, moment.verdict.state))
    return [Span(state, tuple(group)) for (_, state), group in parts]


def extents(parts: Sequence[Span]) -> list[tuple[Span, float, float]]:
    """Where on the axis spans lie: each probe speaks up to half way to its neighbours.

    Returns:
        Each span with the images_seen at which it begins and ends.
    """
    found = []
    for place, span in enumerate(parts):
        start, stop = float(span.first.images_seen), float(span.last.images_seen)
        if place > 0:
            start = (start + parts[place - 1].last.images_seen) / 2
        if place + 1 < len(parts):
            stop = (stop + parts[place + 1].first.images_seen) / 2
        found.append((span, start, stop))
    return found

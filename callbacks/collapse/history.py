"""What happened to a generator: the verdicts in order, spans of one state, falls and breaks.

Made from the rows of ``evaluations.jsonl`` alone, without torch, for ``ganagerie health``, for the
report and for the figures on the dashboards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast, get_args

from callbacks.collapse.moments import Break, Fall, Moment, Span, spans
from callbacks.collapse.records import LOST, WHOLE, Band, State, Verdict
from callbacks.collapse.score import parts_of

STATES: tuple[State, ...] = get_args(State)


@dataclass
class History:
    """All that the monitor wrote about one run.

    Attributes:
        path: the moments that led to the present generator.
        lost: the moments of each branch that a rollback left, after those it shares with ``path``.
        falls: collapses and divergences, in the order in which they were noticed.
        story: spans and breaks in the order in which they happened.
        band: the newest reference band.
        settings: the newest thresholds.
        begun: whether a monitor ever worked here.
    """

    path: list[Moment] = field(default_factory=list)
    lost: list[list[Moment]] = field(default_factory=list)
    falls: list[Fall] = field(default_factory=list)
    story: list[Span | Break] = field(default_factory=list)
    band: Band = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    begun: bool = False

    @property
    def now(self) -> Moment | None:
        """The newest verdict about the present generator."""
        return self.path[-1] if self.path else None

    @property
    def lost_now(self) -> bool:
        """Whether the present generator has collapsed or diverged."""
        return self.now is not None and self.now.verdict.state in LOST

    @property
    def end(self) -> int:
        """The largest images_seen of all branches."""
        moments = [*self.path, *(moment for branch in self.lost for moment in branch)]
        return max((moment.images_seen for moment in moments), default=0)

    @property
    def breaks(self) -> list[Break]:
        """Those of the story."""
        return [part for part in self.story if isinstance(part, Break)]

    @property
    def fall(self) -> Fall | None:
        """The newest fall, if there was one."""
        return self.falls[-1] if self.falls else None

    @property
    def probes(self) -> list[Moment]:
        """The moments of the path that were probes, and not evaluations."""
        return [moment for moment in self.path if moment.probed]

    @property
    def groups(self) -> list[str]:
        """Classes and directions, in the order of the newest probe; the whole is left out."""
        return [name for name in self.probes[-1].signals if name != WHOLE] if self.probes else []

    def remarks(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Findings and warnings of the newest probe that the present fall does not tell already."""
        if self.now is None:
            return (), ()
        told: set[str] = set()
        if self.fall is not None and not self.fall.end:
            told = {*self.fall.alarm.verdict.findings, *self.fall.alarm.warnings}
        findings = tuple(line for line in self.now.verdict.findings if line not in told)
        return findings, tuple(line for line in self.now.warnings if line not in told)

    def group_scores(self) -> list[tuple[str, float | None, float | None]]:
        """Of each class or direction its score now and its best one so far, the lowest first."""
        rows = []
        for name in self.groups:
            scores = [moment.group_score(name) for moment in self.probes]
            finite = [score for score in scores if score is not None]
            rows.append((name, scores[-1], max(finite, default=None)))
        return sorted(rows, key=lambda row: -1.0 if row[1] is None else row[1])

    @property
    def real(self) -> tuple[float, float] | None:
        """Scores that real samples reach in 99 of 100 draws, and in half of them."""
        spread = self.band.get(WHOLE, {}).get("score")
        if spread is not None:
            return spread["low"], spread["median"]
        lows = {
            group: {name: signal["low"] for name, signal in signals.items()}
            for group, signals in self.band.items()
        }
        parts = parts_of(lows, self.band)
        return None if parts is None else (min(parts.score, 1.0), 1.0)


def history_of(rows: Iterable[Mapping[str, Any]]) -> History:
    """Read what the monitor wrote.

    Args:
        rows: of ``evaluations.jsonl``, in order; evaluations without a verdict are passed over.

    Raises:
        ValueError: a row is damaged; the message names its line.
    """
    history, reader = History(), _Reader()
    for number, row in enumerate(rows, start=1):
        try:
            if row.get("kind") == "monitor":
                reader.event(history, row)
            elif row.get("kind") == "probe" or row.get("verdict"):
                reader.verdict(history, row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"History: line {number} of evaluations.jsonl must be a row of the collapse "
                f"monitor, got {' '.join(reason.split())}; delete that line"
            ) from error
    history.story += spans(reader.moments)
    return history


class _Reader:
    """Where the reading of a history stands."""

    def __init__(self) -> None:
        self.segment = 0
        self.probe = -1
        self.open: Fall | None = None
        self.moments: list[Moment] = []

    def verdict(self, history: History, row: Mapping[str, Any]) -> None:
        verdict = _verdict(row["verdict"])
        if verdict.state not in STATES:
            raise ValueError(f"the state {verdict.state!r}")
        for value in (verdict.score, verdict.peak, verdict.drop):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{value} where a finite number belongs")
        if row.get("kind") == "probe":
            self.probe = _whole(row["probe"])
        moment = Moment(
            images_seen=_whole(row["images_seen"]),
            probe=self.probe,
            verdict=verdict,
            probed=row.get("kind") == "probe",
            segment=self.segment,
            warnings=tuple(row.get("warnings") or ()),
            signals=_grouped(row.get("signals") or {}),
            band=history.band,
        )
        history.path.append(moment)
        self.moments.append(moment)
        self._follow(history, moment)

    def _follow(self, history: History, moment: Moment) -> None:
        """Open, date or close a fall."""
        verdict, fall = moment.verdict, self.open
        if verdict.state in LOST:
            if fall is None:
                fall = Fall(moment, verdict.state, None, None, None)
                self.open = fall
                history.falls.append(fall)
            fall.state = verdict.state
            if fall.severity != "full" and verdict.state == "collapsed":
                fall.severity = verdict.severity or fall.severity
            # A partial collapse that becomes a full one is dated again, and is still the same fall.
            if verdict.onset is not None and (fall.onset is None or verdict.onset < fall.onset):
                fall.onset, fall.onset_probe = verdict.onset, verdict.onset_probe
        elif fall is not None:
            fall.end = f"{verdict.state} at {moment.images_seen:,} images"
            self.open = None

    def event(self, history: History, row: Mapping[str, Any]) -> None:
        event = str(row["event"])
        left = row.get("left")
        found = Break(
            event=event,
            images_seen=_whole(row["images_seen"]),
            left=None if left is None else _whole(left),
            note=str(row.get("note") or ""),
            changes=dict(row.get("changes") or {}),
        )
        history.begun = True
        history.band = cast(Band, _grouped(row.get("band") or {})) or history.band
        history.settings = dict(row.get("settings") or {}) or history.settings
        if event == "begin" and found.images_seen == 0:
            return
        history.story += spans(self.moments)
        self.moments = []
        if event in ("rollback", "rebaseline"):
            self.segment += 1
            self._close(found)
        if event == "rollback":
            kept = [m for m in history.path if m.images_seen <= found.images_seen]
            history.lost.append(history.path[len(kept) :])
            history.path = kept
            for fall in history.falls:
                if fall.branch is None and fall.alarm.images_seen > found.images_seen:
                    fall.branch = len(history.lost)
        history.story.append(found)

    def _close(self, found: Break) -> None:
        if self.open is None:
            return
        how = {"rollback": "rolled back to", "rebaseline": "new baseline at"}[found.event]
        self.open.end = f"{how} {found.images_seen:,} images"
        self.open = None


def _verdict(values: Any) -> Verdict:
    if not isinstance(values, dict):
        raise ValueError(f"'{str(values)[:40]}' where a verdict belongs")
    if unknown := sorted(set(values) - {known.name for known in fields(Verdict)}):
        raise ValueError(f"the unknown entry {unknown[0]!r}")
    return Verdict.from_dict(values)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a number from 0 belongs")
    return value


def _grouped(values: Any) -> dict[str, dict[str, Any]]:
    """Groups of named values; anything else is damage."""
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise ValueError(f"'{str(values)[:40]}' where groups of values belong")
    return values

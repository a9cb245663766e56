"""The logged probes, judged once more: under the logged thresholds, or under others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from callbacks.collapse.history import History
from callbacks.collapse.records import State, Verdict
from callbacks.collapse.replaying import follow
from callbacks.collapse.settings import DetectorSettings


@dataclass(frozen=True)
class Judged:
    """One probe with both verdicts."""

    images_seen: int
    probe: int
    logged: Verdict
    replayed: Verdict


@dataclass(frozen=True)
class Stretch:
    """Successive probes that have one state by the log and another one by the replay."""

    logged: State
    replayed: State
    probes: tuple[Judged, ...]


@dataclass(frozen=True)
class Replay:
    """A replay beside the log.

    Attributes:
        changes: thresholds that differ, as (name, logged value, value); empty for a plain replay.
        probes: all of them.
        logged_alarms: as (images_seen, number of the latest probe), also those of evaluations.
        replayed_alarms: the same, as they would have been.
    """

    changes: tuple[tuple[str, Any, Any], ...]
    probes: tuple[Judged, ...]
    logged_alarms: tuple[tuple[int, int], ...]
    replayed_alarms: tuple[tuple[int, int], ...]

    @property
    def different(self) -> list[Judged]:
        """The probes that get another state."""
        return [one for one in self.probes if one.logged.state != one.replayed.state]

    @property
    def unlike(self) -> list[Judged]:
        """The probes that get the same state with another score, severity, onset or reason."""
        return [
            one
            for one in self.probes
            if one.logged.state == one.replayed.state and one.logged != one.replayed
        ]

    @property
    def stretches(self) -> list[Stretch]:
        """Where the states differ, in order."""
        pairs = groupby(self.probes, key=lambda one: (one.logged.state, one.replayed.state))
        return [Stretch(a, b, tuple(group)) for (a, b), group in pairs if a != b]

    def as_record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "changes": {name: {"logged": old, "replayed": new} for name, old, new in self.changes},
            "probes": len(self.probes),
            "equal_states": not self.different,
            "equal_verdicts": not self.different and not self.unlike,
            "different": [
                {
                    "probe": one.probe,
                    "images_seen": one.images_seen,
                    "logged": one.logged.state,
                    "replayed": one.replayed.state,
                }
                for one in self.different
            ],
            "logged_alarms": [images_seen for images_seen, _ in self.logged_alarms],
            "replayed_alarms": [images_seen for images_seen, _ in self.replayed_alarms],
        }


def replayed(
    rows: Sequence[Mapping[str, Any]], history: History, changes: Mapping[str, float]
) -> Replay:
    """Judge the logged probes once more.

    Args:
        rows: all of ``evaluations.jsonl``.
        history: of the same rows.
        changes: thresholds that are to differ from the logged ones; none for a plain replay.

    Raises:
        ValueError: a threshold is out of range, or the log holds one that is not known any more.
    """
    settings = None
    if changes:
        settings = DetectorSettings.from_dict({**history.settings, **changes})
    base = DetectorSettings.from_dict(history.settings).to_dict()
    probes, alarms = [], []
    for row, verdict in follow(rows, settings):
        if row.get("kind") == "probe":
            logged = Verdict.from_dict(row["verdict"])
            probes.append(Judged(row["images_seen"], row["probe"], logged, verdict))
        if verdict.alarm:
            alarms.append((row["images_seen"], probes[-1].probe))
    told = [row for row in rows if row.get("verdict") and row["verdict"].get("alarm")]
    return Replay(
        changes=tuple((name, base[name], value) for name, value in changes.items()),
        probes=tuple(probes),
        logged_alarms=tuple((row["images_seen"], row["probe"]) for row in told),
        replayed_alarms=tuple(alarms),
    )

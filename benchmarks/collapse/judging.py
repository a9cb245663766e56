"""The detector plays a case: what it says at which probe, and which checkpoint it would choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.collapse.cases import Case
from benchmarks.collapse.plan import Run, probes_of
from benchmarks.collapse.tracks import Signals, Track
from callbacks.collapse.arming import Plan
from callbacks.collapse.candidates import pre_collapse
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.health import Health, window_of
from callbacks.collapse.records import CELL, Band, State, Verdict
from callbacks.collapse.settings import DetectorSettings
from callbacks.retention import Retention

#: Signals that can be taken away, to see what each is good for.
ABLATIONS = (
    "vendi",
    "coverage",
    "recall",
    "precision",
    "duplicates",
    "modes",
    "cells",
    "evaluations",
)


@dataclass(frozen=True)
class Alarm:
    """An entry into a collapse or a divergence.

    Attributes:
        probe: at which.
        onset: the probe that it names.
        severity: of the collapse.
        chosen: probe of the checkpoint that it would go back to; None where there is none.
    """

    probe: int
    onset: int | None
    severity: str | None
    chosen: int | None


@dataclass
class Outcome:
    """What was said of a case.

    Attributes:
        case: which.
        states: after each probe.
        alarms: in order.
        severities: after each probe.
        findings: first probe of any finding; None without one.
        armed: first probe at which the detector was armed.
        chosen: probe of the best checkpoint at the end.
        told: what would be chosen if the true onset were known; None without a collapse.
    """

    case: Case
    states: list[State] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    severities: list[str | None] = field(default_factory=list)
    findings: int | None = None
    armed: int | None = None
    chosen: int | None = None
    told: int | None = None


def play(case: Case, settings: DetectorSettings | None = None, without: str = "") -> Outcome:
    """Let the detector of the product judge a case, with the checkpoints that it would have.

    Args:
        case: with a checkpoint at every evaluation.
        settings: thresholds; None for the defaults.
        without: a signal of :data:`ABLATIONS` that is hidden.
    """
    track, chosen = case.track, settings or DetectorSettings()
    detector = CollapseDetector(track.band, chosen, plan_of(track))
    rows: list[dict[str, Any]] = []
    moments: list[int] = []
    health: Health | None = None
    outcome = Outcome(case)
    segment = 0
    for probe, images in enumerate(track.images_seen):
        if case.rebaseline == probe:
            detector.rebaseline("planned")
            segment = images
            health = Health("warmup", segment=segment)
        signals = hidden(track.signals[probe], track.band, without)
        finite, second = track.finite[probe], None
        if detector.wants_second_look(signals, finite):
            kept = track.second[probe]
            second = None if kept is None else hidden(kept, track.band, without)
        verdict = detector.update(images, signals, second=second, finite=finite)
        moments.append(images)
        window = window_of(moments, chosen.onset_back)
        health = (health or Health("warmup")).seen(verdict, images, window)
        alarm: Verdict | None = verdict if verdict.alarm else None
        if probe in track.heavy:
            rows.append(row_of(probe, images, track.heavy[probe], verdict))
            health = health.after_evaluation()
            if without != "evaluations":
                later = detector.evaluated(images, track.heavy[probe])
                if later is not None:
                    verdict = later
                    health = health.seen(verdict, images, window)
                    alarm = verdict if verdict.alarm else alarm
        outcome.states.append(verdict.state)
        outcome.severities.append(verdict.severity)
        if verdict.findings and outcome.findings is None and probe >= (case.begins or 0):
            outcome.findings = probe
        if outcome.armed is None and detector.armed:
            outcome.armed = probe
        if alarm is not None:
            best = probe_of(pre_collapse(rows, health, Retention()))
            outcome.alarms.append(Alarm(probe, alarm.onset_probe, alarm.severity, best))
    outcome.chosen = probe_of(pre_collapse(rows, health, Retention()))
    if case.onset is not None:
        outcome.told = told(case, rows)
    return outcome


def plan_of(track: Track) -> Plan:
    """What the run of a track was to be: the same for a track that is shorter."""
    probes = probes_of(Run.named(track.run))
    return Plan(probes, probes * track.images_seen[0])


def told(case: Case, rows: Sequence[dict[str, Any]]) -> int | None:
    """What the rule of the product chooses where everything before the true onset is healthy.

    Args:
        case: with a collapse.
        rows: of all checkpoints.
    """
    first = case.onset if case.begins is None else case.begins
    sound = [
        {**row, "state": {**row["state"], "state": "healthy"}}
        for row in rows
        if row["state"]["armed"] and row["state"]["probe"] < (first or 0)
    ]
    return probe_of(pre_collapse(sound, Health("healthy"), Retention()))


def row_of(
    probe: int, images: int, scores: Mapping[str, float | None], verdict: Verdict
) -> dict[str, Any]:
    """A row of ``index.json`` for the checkpoint of an evaluation."""
    armed = verdict.peak is not None
    return {
        "path": f"probe-{probe}",
        "images_seen": images,
        "scores": dict(scores),
        "protocol": None,
        "state": {"state": verdict.state, "probe": probe, "score": verdict.score, "armed": armed},
    }


def probe_of(row: Any) -> int | None:
    """The probe of a row of :func:`row_of`."""
    return None if row is None else int(row["path"].removeprefix("probe-"))


def hidden(signals: Signals, band: Band, name: str) -> Signals:
    """Signals of which one always says what it says of real samples."""
    if not name or name == "evaluations":
        return signals
    changed = {}
    for group, row in signals.items():
        changed[group] = {
            key: value for key, value in row.items() if name != "cells" or not key.startswith(CELL)
        }
        if row.get(name) is not None:
            spread = band.get(group, {}).get(name)
            changed[group][name] = spread["median"] if spread else 0.0
    return changed

"""What the monitor writes down: lines of ``evaluations.jsonl``, numbers for the loggers."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from callbacks.collapse import pictures
from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.probes import Prober, ProbeSignals
from callbacks.collapse.records import MonitorRow, ProbeRow, VerdictRow
from callbacks.run_folder import RunFolder


def note_probe(
    trainer: pl.Trainer,
    module: Any,
    detector: CollapseDetector,
    prober: Prober,
    *,
    signals: ProbeSignals,
    second: ProbeSignals | None,
    finite: bool,
    warnings: list[str],
    seconds: float,
    share: float,
    seed: int,
) -> None:
    """Write the probe that the detector has just judged; on rank 0.

    Args:
        trainer: of the run.
        module: the game.
        detector: whose verdict it is.
        prober: that drew it.
        signals: by group and name.
        second: of a second draw.
        finite: whether everything was finite on all ranks.
        warnings: leading signs.
        seconds: that it took.
        share: of the time so far that probes have taken.
        seed: of the monitor.
    """
    axes = module.axes()
    row: ProbeRow = {
        "kind": "probe",
        "probe": detector.probes - 1,
        "images_seen": axes["images_seen"],
        "generator_steps": axes.get("generator_steps", 0),
        "discriminator_steps": axes.get("discriminator_steps", 0),
        "round": axes["round"],
        "seconds": round(seconds, 4),
        "signals": signals,
        "second": second,
        "finite": finite,
        "warnings": warnings,
        "space": prober.space.id,
        "samples": prober.samples,
        "seed": seed,
        "verdict": detector.verdict.to_dict(),
    }
    RunFolder.of(trainer).append_probe(row)
    shown = pictures.numbers(row, detector.band, share)
    for logger in trainer.loggers:
        logger.log_metrics({**axes, **shown}, step=module.rounds)


def note_verdict(trainer: pl.Trainer, detector: CollapseDetector, images_seen: int) -> None:
    """Write that an evaluation has changed the state; on rank 0."""
    row: VerdictRow = {
        "kind": "verdict",
        "probe": detector.probes - 1,
        "images_seen": images_seen,
        "verdict": detector.verdict.to_dict(),
    }
    RunFolder.of(trainer).append_monitor(row)


def note_event(
    trainer: pl.Trainer,
    detector: CollapseDetector,
    event: str,
    images_seen: int,
    note: str,
    left: int | None = None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Write an event that a replay starts from or passes; on rank 0. See :class:`MonitorRow`."""
    row: MonitorRow = {
        "kind": "monitor",
        "event": event,
        "images_seen": images_seen,
        "note": note,
        "settings": detector.settings.to_dict(),
        "band": {name: dict(group) for name, group in detector.band.items()},
        "detector": detector.state_dict() if event != "evaluation_error" else None,
        "left": left,
        "changes": changes or {},
    }
    RunFolder.of(trainer).append_monitor(row)

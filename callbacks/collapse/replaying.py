"""A run judged again from its file alone: with its own thresholds, or with others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from callbacks.collapse.detector import CollapseDetector
from callbacks.collapse.records import MonitorRow, ProbeRow, Verdict
from callbacks.collapse.settings import DetectorSettings


def replay(
    rows: Sequence[Mapping[str, Any]], settings: DetectorSettings | None = None
) -> list[tuple[ProbeRow, Verdict]]:
    """Feed the lines of ``evaluations.jsonl`` to a detector, as the monitor did.

    Args:
        rows: all lines, in their order (``RunFolder.read_history``).
        settings: other thresholds; None takes those of the run.

    Returns:
        Every probe with its verdict. With the run's own thresholds these are the logged ones,
        exactly.

    Raises:
        ValueError: a probe comes before the line that says what real samples are like.
    """
    judged = follow(rows, settings)
    return [(cast(ProbeRow, row), verdict) for row, verdict in judged if row.get("kind") == "probe"]


def follow(
    rows: Sequence[Mapping[str, Any]], settings: DetectorSettings | None = None
) -> Iterator[tuple[Mapping[str, Any], Verdict]]:
    """Replay, and tell the evaluations that changed the state as well.

    Args:
        rows: see :func:`replay`.
        settings: see :func:`replay`.

    Yields:
        Every probe, and every evaluation that changed the state, with its verdict.

    Raises:
        ValueError: see :func:`replay`.
    """
    detector: CollapseDetector | None = None
    for row in rows:
        kind = row.get("kind")
        if kind == "monitor":
            detector = _follow(cast(MonitorRow, row), detector, settings)
        elif kind == "probe":
            if detector is None:
                raise ValueError(
                    "replay: rows must hold the monitor's first line before a probe, got a probe "
                    f"at images_seen={row['images_seen']}; restore the first lines of the file"
                )
            verdict = detector.update(
                row["images_seen"], row["signals"], second=row["second"], finite=row["finite"]
            )
            yield row, verdict
        elif kind is None and detector is not None:
            changed = detector.evaluated(row["images_seen"], row["scores"])
            if changed is not None:
                yield row, changed


def _follow(
    row: MonitorRow, detector: CollapseDetector | None, settings: DetectorSettings | None
) -> CollapseDetector | None:
    if row["event"] == "evaluation_error":
        return detector
    if detector is None or row["event"] in ("begin", "rollback"):
        # After a rollback the detector knows what it knew at the checkpoint.
        own = settings or DetectorSettings.from_dict(row["settings"])
        detector = CollapseDetector(row["band"], own)
        if row["detector"] is not None:
            detector.load_state_dict(row["detector"])
    if row["event"] == "rebaseline":
        detector.rebaseline(row["note"], row["band"])
    return detector

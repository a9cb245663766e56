"""``ganagerie health RUN``: what happened to the generator, and the way back; without torch."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from callbacks.collapse.health import state_of
from callbacks.collapse.history import History
from callbacks.collapse.moments import Break, Span
from callbacks.collapse.settings import DetectorSettings
from callbacks.collapse.wording import headline
from callbacks.run_folder import RunFolder
from experiments.arguments import OneLineParser
from experiments.errors import INTERNAL, CommandError
from experiments.health_replay import Replay, replayed
from experiments.health_text import show
from experiments.run_health import RunHealth, read_health


def main(argv: Sequence[str]) -> int:
    """Show the health of a run.

    Returns:
        0; 1 where a replay under the logged thresholds gives other states than were logged.

    Raises:
        CommandError: no monitor has watched the run, or a threshold is no threshold.
        ValueError: the folder is no run, or a file of it is damaged.
    """
    options = parse(argv)
    run = RunFolder.open(options.run)
    health = read_health(run)
    if health is None:
        raise CommandError(
            f"run must have been watched by the collapse monitor, got no probe in {run.path}; "
            "train without --collapse_monitor.watch false"
        )
    changes = changes_of(options.set)
    replay = None
    if options.replay or changes:
        replay = replayed(run.read_history(), health.history, changes)
    if options.json:
        print(json.dumps(as_record(run, health, replay)))
    else:
        show(run, health, replay)
    return INTERNAL if replay is not None and not changes and replay.different else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of ``health``."""
    defaults = DetectorSettings().to_dict()
    parser = OneLineParser(
        "ganagerie health",
        description="States of the generator, collapses, and which checkpoint to go back to.",
        epilog=f"thresholds: {', '.join(f'{k}={v}' for k, v in defaults.items())}",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--replay",
        action="store_true",
        help="judge the logged probes once more; exit code 1 where a state is not the logged one",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the detector would have said with another threshold, such as full_drop=0.4",
    )
    return parser.parse_args(argv)


def changes_of(words: Sequence[str]) -> dict[str, float]:
    """Read ``NAME=VALUE`` for each threshold that is to differ.

    Raises:
        CommandError: there is no such threshold, or the value is no number.
    """
    kinds = {field.name: field.type for field in fields(DetectorSettings)}
    changes: dict[str, float] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in kinds:
            raise CommandError(
                f"--set must name a threshold of the detector, got {name!r}; {_like(name, kinds)}"
            )
        try:
            changes[name] = int(text) if kinds[name] == "int" else float(text)
        except ValueError:
            kind = "a whole number" if kinds[name] == "int" else "a number"
            default = getattr(DetectorSettings(), name)
            raise CommandError(
                f"--set {name} must be {kind}, got {text!r}; as in --set {name}={default}"
            ) from None
    return changes


def _like(name: str, names: Mapping[str, Any]) -> str:
    words = sorted(name.split("_"))
    same = [known for known in names if sorted(known.split("_")) == words]
    close = same or difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else "ganagerie health --help lists them"


def as_record(run: RunFolder, health: RunHealth, replay: Replay | None) -> dict[str, Any]:
    """What ``--json`` says: the same as the text, in full."""
    history = health.history
    now, real = history.now, history.real
    chosen = health.chosen
    return {
        "run": str(run.path),
        "summary": headline(history),
        "verdict": None if now is None else now.verdict.to_dict(),
        "images_seen": None if now is None else now.images_seen,
        "probes": sum(
            m.probed for part in history.story if isinstance(part, Span) for m in part.moments
        ),
        "real": None if real is None else {"low": real[0], "median": real[1]},
        "story": [_part(part) for part in history.story],
        "falls": _falls(history),
        "settings": dict(history.settings),
        "score": health.score or None,
        "candidates": [
            {
                "path": one.row["path"],
                "images_seen": one.row["images_seen"],
                "score": (one.row.get("scores") or {}).get(health.score),
                "state": state_of(one.row),
                "eligible": one.eligible,
                "why": one.why,
                "rank": one.rank,
                "chosen": one.chosen,
            }
            for one in health.candidates
        ],
        "pre_collapse": None if chosen is None else chosen.row["path"],
        "resume": health.commands[0][1] if health.commands else None,
        "replay": None if replay is None else replay.as_record(),
    }


def _part(part: Span | Break) -> dict[str, Any]:
    if isinstance(part, Break):
        return {"what": "break", **asdict(part)}
    low, high = part.scores or (None, None)
    return {
        "what": "span",
        "state": part.state,
        "severity": part.severity,
        "from": part.first.images_seen,
        "to": part.last.images_seen,
        "first_probe": part.first.probe,
        "last_probe": part.last.probe,
        "probes": len(part.moments),
        "lowest_score": low,
        "highest_score": high,
    }


def _falls(history: History) -> list[dict[str, Any]]:
    return [
        {
            "state": fall.state,
            "severity": fall.severity,
            "onset": fall.onset,
            "onset_probe": fall.onset_probe,
            "alarm": fall.alarm.images_seen,
            "alarm_probe": fall.alarm.probe,
            "delay": fall.delay,
            "end": fall.end or None,
            "reason": fall.alarm.verdict.reason,
            "evidence": list(fall.alarm.verdict.evidence),
            "findings": list(fall.alarm.verdict.findings),
            "warnings": list(fall.alarm.warnings),
        }
        for fall in history.falls
    ]

"""What follows an alarm: one clear line, an alert on W&B, pictures, a file that says it all."""

from __future__ import annotations

import json
import logging
from itertools import zip_longest
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from callbacks.collapse import pictures
from callbacks.collapse.records import Verdict
from callbacks.collapse.wording import resume_command
from callbacks.durable import write_atomically
from callbacks.logger_guard import attempt
from callbacks.media import publish_figure, publish_text
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns

Action = Literal["alert", "stop", "rollback", "end", "fail"]

log = logging.getLogger(__name__)

_THEN = {
    "alert": "training goes on",
    "stop": "training stops",
    "rollback": "going back to it",
    "end": "training has ended",
    "fail": "training has failed",
}


def say_trouble(trainer: pl.Trainer, line: str, told: set[str]) -> None:
    """Warn once of something that is no alarm, on rank 0.

    Args:
        trainer: of the run.
        line: what there is to say.
        told: what has been said; numbers do not make it new.
    """
    what = "".join(letter for letter in line if not letter.isdigit())
    if trainer.is_global_zero and what not in told:
        told.add(what)
        log.warning("CollapseMonitor: %s", line)


def announce(
    trainer: pl.Trainer, verdict: Verdict, images_seen: int, action: Action, rollbacks: int
) -> None:
    """Tell of an alarm: log, W&B alert, pictures, and ``collapse_report.json``; on rank 0.

    Args:
        trainer: of the run.
        verdict: that raised it.
        images_seen: now.
        action: what is done about it.
        rollbacks: done so far.
    """
    if not trainer.is_global_zero:
        return
    run = RunFolder.of(trainer)
    chosen = best_before(run)
    line = sentence(run, verdict, images_seen, chosen, action)
    log.warning("CollapseMonitor: %s", line)
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            title = f"{run.path.name}: {verdict.state.replace('_', ' ')}"
            _alert(logger, title, line)
    report = {
        "images_seen": images_seen,
        "verdict": verdict.to_dict(),
        "action": action,
        "rollbacks": rollbacks,
        "pre_collapse": chosen,
        "resume": resume_command(run) if chosen else None,
    }
    write_atomically(run.path / "collapse_report.json", (json.dumps(report, indent=1)).encode())
    _show(trainer, run, verdict, images_seen)


def best_before(run: RunFolder) -> dict[str, Any] | None:
    """The row of the best checkpoint before the collapse, as the index has it now."""
    index = run.read_index()
    path = (index["health"] or {}).get("pre_collapse")
    return next((dict(row) for row in index["checkpoints"] if row["path"] == path), None)


def sentence(
    run: RunFolder,
    verdict: Verdict,
    images_seen: int,
    chosen: dict[str, Any] | None,
    action: Action,
) -> str:
    """One line: what, since when, why, what is best, what to type."""
    state = verdict.state.replace("_", " ")
    kind = f" ({verdict.severity})" if verdict.severity else ""
    since = "" if verdict.onset is None else f", began at {verdict.onset:,}"
    seen = "; ".join(verdict.evidence)
    why = f": {verdict.reason}" + (f" ({seen})" if seen else "")
    if verdict.state == "never_learned":
        return f"{state} at {images_seen:,} images{why}; lower the learning rates or add a penalty"
    if chosen is None:
        best = "no healthy checkpoint lies before it, start again with lower learning rates"
        return f"{state}{kind} at {images_seen:,} images{since}{why}; {best}; {_THEN[action]}"
    best = f"best before: {chosen['path']}"
    if action == "rollback":
        return f"{state}{kind} at {images_seen:,} images{since}{why}; {best}; {_THEN[action]}"
    return (
        f"{state}{kind} at {images_seen:,} images{since}{why}; {best}; {_THEN[action]}; go back "
        f"with: {resume_command(run)}"
    )


def _alert(logger: WandbLogger, title: str, text: str) -> None:
    attempt(logger, "alert", lambda: logger.experiment.alert(title=title, text=text, level="WARN"))


def show_curve(trainer: pl.Trainer, images_seen: int) -> None:
    """Publish the curve of the run's health: score, states, alarms, chosen checkpoint; on rank 0.

    Args:
        trainer: of the run.
        images_seen: now.
    """
    if not trainer.is_global_zero:
        return
    from callbacks.collapse.figures import health_figure

    run = RunFolder.of(trainer)
    chosen = best_before(run)
    curve = health_figure(run.read_history(), chosen["images_seen"] if chosen else None)
    publish_figure(trainer, "collapse/health", curve, images_seen)


def _show(trainer: pl.Trainer, run: RunFolder, verdict: Verdict, images_seen: int) -> None:
    """The curve of the run's health, and the grids before the onset, at it, and now."""
    from callbacks.collapse.figures import before_and_after

    show_curve(trainer, images_seen)
    files = run.media_files(pictures.KEY)
    if verdict.onset is None or not files:
        return
    before = [pair for pair in files if pair[0] < verdict.onset]
    after = [pair for pair in files if pair[0] >= verdict.onset]
    shown = [before[-1:], after[:1], files[-1:]]
    names = ("before the onset", "onset", "now")
    titles = [
        f"{name}: {pair[0][0]:,}" if pair else name for name, pair in zip(names, shown, strict=True)
    ]
    if files[-1][1].suffix == ".tsv":
        texts = [read_columns(pair[0][1])["sentences"] if pair else [] for pair in shown]
        rows = zip(*zip_longest(*texts, fillvalue=""), strict=True)
        columns = {title: list(row) for title, row in zip(titles, rows, strict=True)}
        publish_text(trainer, "collapse/sentences", columns, images_seen)
        return
    first, second, third = (pictures.read(pair[0][1]) if pair else None for pair in shown)
    grids = before_and_after(first, second, third, titles)
    publish_figure(trainer, "collapse/grids", grids, images_seen)

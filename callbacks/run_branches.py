"""When a run goes back: which lines of its files still hold, and where the others are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callbacks.collapse.health import Health
from callbacks.durable import TEMPORARY_PATTERN, whole_lines, write_atomically
from callbacks.retention import Retention

if TYPE_CHECKING:
    from callbacks.run_folder import RunFolder


def is_rollback(row: Mapping[str, Any]) -> bool:
    """Whether a line of the history says that training went back to a checkpoint."""
    return row.get("kind") == "monitor" and row["event"] == "rollback"


def living(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that still hold: without those of branches that rollbacks have left.

    Args:
        rows: as :meth:`RunFolder.read_history` gives them.
    """
    held: list[dict[str, Any]] = []
    for row in rows:
        if is_rollback(row):
            held = [old for old in held if old["images_seen"] <= row["images_seen"]]
        held.append(row)
    return held


def rewind(run: RunFolder, images_seen: int, keep: Retention | None) -> None:
    """See :meth:`RunFolder.rewind`."""
    if any(row["images_seen"] > images_seen for row in run.read_index()["checkpoints"]):
        run.drop_after(images_seen, keep)
    rows = run.read_history()
    # What came before a rollback belongs to a branch that was left, and stays as it was.
    lines = whole_lines(run.evaluations_path)
    since = max((n for n, row in enumerate(rows) if is_rollback(row)), default=-1)
    kept = [
        line
        for n, (line, row) in enumerate(zip(lines, rows, strict=True))
        if n <= since or row["images_seen"] <= images_seen
    ]
    _rewrite(run.evaluations_path, kept)
    run.rewind_health(Health.of_history(run.read_history()), keep)
    _rewrite(run.translations_path, _translations(run, images_seen)[0])
    header, *numbers = whole_lines(run.metrics_path) or [""]
    early = [row for row in numbers if float(row.split(",", 1)[0]) <= images_seen]
    _rewrite(run.metrics_path, [header, *early] if header else [])
    for key in run.media_keys():
        for moment, file in run.media_files(key):
            if moment > images_seen:
                file.unlink()
    for leftover in run.media_path.rglob(TEMPORARY_PATTERN):
        leftover.unlink()


def leave_branch(run: RunFolder, images_seen: int, number: int) -> None:
    """Move numbers and pictures beyond a moment into ``left/<number>/``: nothing is lost by it.

    ``evaluations.jsonl`` stays whole, since a replay needs the branch that was left.

    Args:
        run: the folder; its loggers have written what they held.
        images_seen: that training goes back to.
        number: of the rollback, from 1.

    Raises:
        StorageError: the disk refused.
    """
    folder = run.path / "left" / str(number)
    header, *rows = whole_lines(run.metrics_path) or [""]
    early = [row for row in rows if float(row.split(",", 1)[0]) <= images_seen]
    late = [row for row in rows if float(row.split(",", 1)[0]) > images_seen]
    if late:
        _write(folder / "metrics.csv", [header, *late])
        _write(run.metrics_path, [header, *early])
    early, late = _translations(run, images_seen)
    if late:
        _write(folder / run.translations_path.name, late)
        _write(run.translations_path, early)
    for key in run.media_keys():
        for moment, file in run.media_files(key):
            if moment > images_seen:
                target = folder / "media" / file.relative_to(run.media_path)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)


def _translations(run: RunFolder, images_seen: int) -> tuple[list[str], list[str]]:
    """The lines on translations up to a moment, and those beyond."""
    pairs = zip(whole_lines(run.translations_path), run.read_translations(), strict=True)
    found: tuple[list[str], list[str]] = ([], [])
    for line, row in pairs:
        found[row["images_seen"] > images_seen].append(line)
    return found


def _rewrite(path: Path, lines: Sequence[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    if path.exists() and path.read_bytes() != data:
        write_atomically(path, data)


def _write(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())

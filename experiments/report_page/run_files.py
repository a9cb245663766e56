"""Read a run folder for the report: text and PNGs in, plain records out; torch is never imported.

What cannot be read is left out and named in :attr:`Run.problems`, which the page shows; only a
folder that is no run at all is an error.
"""

import csv
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callbacks.durable import whole_lines
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns
from experiments.report_page.curves import Curve
from experiments.report_page.records import Checkpoint, Evaluation, Frame, Run
from experiments.report_page.translations import answers
from experiments.run_health import read_health

_PNG = b"\x89PNG\r\n\x1a\n"


def read_run(path: Path) -> Run:
    """Read one run folder.

    Raises:
        ValueError: ``path`` is missing, is no run folder, or its ``run.json`` is damaged.
    """
    inside = sorted(file.parent for file in path.glob("*/run.json"))
    if inside and not (path / "run.json").is_file():
        raise ValueError(
            f"Report: run must be a run folder, got {path}, which holds runs; name the runs in it, "
            f"such as {inside[0]}"
        )
    folder = RunFolder.open(path)
    run = Run(path, dict(folder.read_run()))
    if folder.config_path.is_file():
        run.config = folder.config_path.read_text("utf-8", errors="replace")
    _read_metrics(run, folder)
    try:
        _read_evaluations(run, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        run.problems.append(f"evaluations.jsonl: scores left out. {_one_line(error)}")
    try:
        _read_index(run, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        run.problems.append(f"index.json: checkpoints left out. {_one_line(error)}")
    try:
        run.health = read_health(RunFolder(path.resolve()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        run.problems.append(f"Health left out. {_one_line(error)}")
    try:
        run.translations = [dict(row) for row in folder.read_translations()]
        answers(run)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        run.translations = []
        run.problems.append(f"translations.jsonl: left out. {_one_line(error)}")
    _read_media(run, folder, run.media)
    rollbacks = len(run.health.history.lost) if run.health else 0
    for number in range(1, rollbacks + 1):
        branch = RunFolder(path / "left" / str(number))
        _read_media(run, branch, run.left.setdefault(number, {}))
    return run


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())


def _read_metrics(run: Run, folder: RunFolder) -> None:
    header: list[str] = []
    bad: list[int] = []
    # A row without its line end is being written at this moment, or was when the run was killed.
    reader = csv.reader(whole_lines(folder.metrics_path))
    try:
        for cells in reader:
            if cells and cells[0] == "images_seen":
                header = cells
                run.curves.update((c, Curve([], [])) for c in cells[1:] if c not in run.curves)
            elif _add_row(run, header, cells):
                run.rows += 1
            else:
                bad.append(reader.line_num)
    except csv.Error as error:
        run.problems.append(f"metrics.csv: read up to line {reader.line_num} only ({error})")
    if bad:
        rows = f"{len(bad)} unreadable row{'s' * (len(bad) > 1)} left out"
        lines = ", ".join(map(str, bad[:3])) + (", ..." if len(bad) > 3 else "")
        run.problems.append(f"metrics.csv: {rows}, line {lines}")
    run.curves = {name: curve for name, curve in run.curves.items() if curve.x}


def _add_row(run: Run, header: list[str], cells: list[str]) -> bool:
    """Append one row to the curves; False when it is not a row of numbers under the header."""
    try:
        values = [float(cell) if cell else None for cell in cells]
    except ValueError:
        return False
    if not header or len(cells) != len(header):
        return False
    seen = values[0]
    if seen is None or not math.isfinite(seen):
        return False
    for name, value in zip(header[1:], values[1:], strict=True):
        curve = run.curves[name]
        # A run that went back to a checkpoint logs those moments again: the later rows hold.
        while curve.x and curve.x[-1] > seen:
            curve.x.pop()
            curve.y.pop()
        if value is not None:
            curve.x.append(seen)
            curve.y.append(value)
    return True


def _scores(values: Mapping[str, float | None] | None) -> dict[str, float]:
    """Scores by name; null stands for one that was not finite, since JSON has no NaN."""
    pairs = (values or {}).items()
    return {name: math.nan if value is None else float(value) for name, value in pairs}


def _read_evaluations(run: Run, folder: RunFolder) -> None:
    for row in folder.read_evaluations():
        evaluation = Evaluation(
            images_seen=int(row["images_seen"]),
            generator_steps=row.get("generator_steps"),
            time=row.get("time"),
            seconds=row.get("seconds"),
            scores=_scores(row.get("scores")),
            floor=_scores(row.get("floor")),
            protocol=dict(row.get("protocol") or {}),
            generator=str(row.get("generator") or ""),
            seed=row.get("seed"),
        )
        run.evaluations.append(evaluation)
    run.evaluations.sort(key=lambda e: e.images_seen)


def _read_index(run: Run, folder: RunFolder) -> None:
    index = folder.read_index()
    for row in index["checkpoints"]:
        checkpoint = Checkpoint(
            path=row["path"],
            images_seen=int(row["images_seen"]),
            generator_step=row["generator_step"],
            epoch=row["epoch"],
            sha256=row["sha256"],
            bytes=row["bytes"],
            reasons=tuple(row["reasons"]),
            scores=_scores(row["scores"]),
            protocol=dict(row["protocol"] or {}),
            state=_state(row["state"]),
            time=row["time"],
            present=folder.file_of(row).is_file(),
        )
        run.checkpoints.append(checkpoint)
    run.best, run.last = index["best"], index["last"]
    run.checkpoints.sort(key=lambda c: c.images_seen)


def _state(state: Any) -> str | None:
    """The name of the state that a collapse monitor saw at a checkpoint."""
    name = state.get("state") if isinstance(state, dict) else state
    return None if name is None else str(name).replace("_", " ")


def _read_media(run: Run, folder: RunFolder, media: dict[str, list[Frame]]) -> None:
    for key in folder.media_keys():
        for images_seen, file in folder.media_files(key):
            if file.suffix == ".tsv":
                _read_text(run, images_seen, file, media.setdefault(key, []))
            if file.suffix != ".png":
                continue
            with file.open("rb") as stream:
                head = stream.read(24)
            if len(head) < 24 or not head.startswith(_PNG):
                name = file.relative_to(run.path).as_posix()
                run.problems.append(f"{name}: not a PNG image, left out")
                continue
            width, height = struct.unpack(">II", head[16:24])
            frame = Frame(images_seen, file, width, height, file.stat().st_size)
            media.setdefault(key, []).append(frame)


def _read_text(run: Run, images_seen: int, file: Path, frames: list[Frame]) -> None:
    try:
        read_columns(file)
    except ValueError as error:
        run.problems.append(_one_line(error))
    else:
        frames.append(Frame(images_seen, file, 0, 0, file.stat().st_size))

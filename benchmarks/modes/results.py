"""The file of results: a line a run, so that an interrupted benchmark goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.modes.playing import Task, play

Result = dict[str, Any]


def read(path: Path) -> list[Result]:
    """The runs that are in a file; none where there is no file."""
    rows: list[Result] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            # Half a line of a process that was killed: the run is done again.
            continue
    return rows


def result_of(task: Task, rows: Sequence[Result]) -> Result | None:
    """The run of a task under the settings that it has now, if it is there."""
    key = task.key()
    return next((row for row in rows if all(row.get(k) == v for k, v in key.items())), None)


def play_and_keep(path: Path, task: Task) -> None:
    """Play a task and add its line to the file; several processes may."""
    line = json.dumps(play(task)) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    # One short write in append mode is not torn apart by another process's.
    with open(path, "a", encoding="utf-8") as file:
        file.write(line)

"""What the files of a run say about its health, for ``ganagerie health`` and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from callbacks.collapse.candidates import Candidate, candidates, why_none
from callbacks.collapse.health import Health
from callbacks.collapse.history import History, history_of
from callbacks.collapse.wording import plain_command, read_settings, resume_command
from callbacks.retention import Retention
from callbacks.run_folder import RunFolder


@dataclass(frozen=True)
class RunHealth:
    """The health of one run.

    Attributes:
        history: what happened.
        candidates: every checkpoint, and whether it is one to go back to.
        score: name of the score that ranks them; empty where none has a score.
        commands: ways back, as (what it does, command line).
        why_none: why there is no checkpoint to go back to; empty where there is one.
    """

    history: History
    candidates: list[Candidate]
    score: str
    commands: list[tuple[str, str]]
    why_none: str = ""

    @property
    def chosen(self) -> Candidate | None:
        """The checkpoint to go back to, if there is one."""
        return next((candidate for candidate in self.candidates if candidate.chosen), None)

    @property
    def chosen_images(self) -> int | None:
        """Its images_seen."""
        return None if self.chosen is None else int(self.chosen.row["images_seen"])


def read_health(run: RunFolder) -> RunHealth | None:
    """Read the monitor's rows, the index and the settings of a run.

    Args:
        run: its folder.

    Returns:
        None where no monitor has worked.

    Raises:
        ValueError: a file is damaged.
    """
    lines = run.read_history()
    history = history_of(lines)
    if not history.begun and history.now is None:
        return None
    retention = _retention(read_settings(run))
    index: Mapping[str, Any] = run.read_index()
    rows = index["checkpoints"]
    missing = [row["path"] for row in rows if not run.file_of(row).is_file()]
    # An index that was rebuilt has lost what the monitor had told it.
    state = Health.from_dict(index["health"]) if index.get("health") else Health.of_history(lines)
    found = candidates(rows, state, retention, missing)
    chosen = any(one.chosen for one in found)
    commands = [
        ("With half the rates and a new seed", resume_command(run)),
        ("As it was", plain_command(run)),
    ]
    return RunHealth(
        history=history,
        candidates=found,
        score=_ranking_score(retention, [candidate.row for candidate in found]),
        commands=commands if chosen else [],
        why_none="" if chosen or state is None or not rows else why_none(rows, state),
    )


def _retention(settings: Mapping[str, Any]) -> Retention:
    """The rule of the run: how many checkpoints stay, and what ranks them."""
    known = {field.name for field in fields(Retention)}
    given = settings.get("checkpointing")
    chosen = given if isinstance(given, dict) else {}
    return Retention(**{name: value for name, value in chosen.items() if name in known})


def _ranking_score(retention: Retention, rows: list[Mapping[str, Any]]) -> str:
    names = [retention.score_name(row) for row in reversed(rows)]
    return next((name for name in names if name), "")

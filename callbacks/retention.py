"""Which checkpoints stay: the newest ones, and the best ones by a score.

Pure rules over index rows, without files and without torch, so that the commands can use them.
Whether lower is better follows from a score's name; two scores are ranked against each other only
if they were measured under the same protocol.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

LOWER_IS_BETTER = ("fd_", "fid@", "fid_", "kd_", "kid@", "kid_")
HIGHER_IS_BETTER = ("precision_", "recall_", "density_", "coverage_", "cs_", "is@", "is_")


def is_frechet(name: str) -> bool:
    """Whether a score is a Frechet distance, in any feature space."""
    return name.startswith(("fd_", "fid@", "fid_"))


def better(name: str) -> Literal["min", "max"]:
    """Tell the good direction of a score from its name.

    Args:
        name: a score such as ``fd_efflite0@2k``.

    Returns:
        ``"min"`` for distances, ``"max"`` for precision, recall, density, coverage and classifier
        scores.

    Raises:
        ValueError: the name belongs to no family that we know.
    """
    if name.startswith(LOWER_IS_BETTER):
        return "min"
    if name.startswith(HIGHER_IS_BETTER):
        return "max"
    raise ValueError(
        f"Retention: monitor must be a score whose good direction is known, got '{name}'; set "
        "mode to 'min' or 'max'"
    )


@dataclass(frozen=True)
class Retention:
    """The rule by which checkpoints stay.

    Attributes:
        keep_last: how many of the newest checkpoints stay, at least 1.
        keep_best: how many of the best evaluated checkpoints stay, 0 or more.
        monitor: the score that ranks them; None takes the first Frechet distance of a row.
        mode: ``"min"`` or ``"max"``; None follows from the name of the score.

    Raises:
        ValueError: a count is out of range, or the direction of ``monitor`` is not known.
    """

    keep_last: int = 2
    keep_best: int = 3
    monitor: str | None = None
    mode: Literal["min", "max"] | None = None

    def __post_init__(self) -> None:
        """Check the counts, and that the direction of the score is known before training."""
        if self.keep_last < 1:
            raise ValueError(
                f"Retention: keep_last must be at least 1, got {self.keep_last}; a run without "
                "its last checkpoint cannot be resumed"
            )
        if self.keep_best < 0:
            raise ValueError(
                f"Retention: keep_best must be 0 or more, got {self.keep_best}; use 0 to keep "
                "only the last ones"
            )
        if self.mode not in (None, "min", "max"):
            raise ValueError(
                f"Retention: mode must be 'min' or 'max', got '{self.mode}'; leave it out to "
                "take the direction from the name of the score"
            )
        if self.monitor is not None and self.mode is None:
            better(self.monitor)

    def score(self, row: Mapping[str, Any]) -> float | None:
        """Read the score of an index row in which lower is always better.

        Args:
            row: an entry of ``index.json``.

        Returns:
            The ranking value; None when the row was not evaluated, or its score is not finite.
        """
        scores = row.get("scores") or {}
        name = self.monitor
        if name is None:
            name = next((key for key in scores if is_frechet(key)), None)
        value = None if name is None else scores.get(name)
        if name is None or value is None or not math.isfinite(value):
            return None
        mode = self.mode or better(name)
        return float(value) if mode == "min" else -float(value)

    def ranked(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Order the evaluated rows from best to worst; of equals, the older one comes first.

        Only rows with the protocol of the newest evaluated row take part, because numbers of
        different protocols do not compare.
        """
        scored = [row for row in rows if self.score(row) is not None]
        if not scored:
            return []
        protocol = max(scored, key=lambda row: row["images_seen"])["protocol"]
        alike = [row for row in scored if row["protocol"] == protocol]
        return sorted(alike, key=lambda row: (self.score(row), row["images_seen"]))

    def kept(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Choose the paths of the rows that stay."""
        newest = sorted(rows, key=lambda row: row["images_seen"])[-self.keep_last :]
        best = self.ranked(rows)[: self.keep_best]
        return {row["path"] for row in [*newest, *best]}

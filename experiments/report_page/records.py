"""What the report knows of a run: plain records, filled by ``run_files``."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from experiments.report_page.curves import Curve
from experiments.run_health import RunHealth


@dataclass(frozen=True)
class Evaluation:
    """One line of ``evaluations.jsonl``; ``scores`` and ``floor`` map a name to its value."""

    images_seen: int
    generator_steps: int | None
    time: str | None
    seconds: float | None
    scores: dict[str, float]
    floor: dict[str, float]
    protocol: dict[str, Any]
    generator: str
    seed: int | None


@dataclass(frozen=True)
class Checkpoint:
    """One row of ``index.json``; ``present`` says whether its file is there."""

    path: str
    images_seen: int
    generator_step: int
    epoch: int
    sha256: str
    bytes: int
    reasons: tuple[str, ...]
    scores: dict[str, float]
    protocol: dict[str, Any]
    state: str | None
    time: str
    present: bool


@dataclass(frozen=True)
class Frame:
    """One PNG under ``media/``: its place on the images_seen axis, size in pixels and in bytes.

    Or sentences: a file without pixels.
    """

    images_seen: int
    path: Path
    width: int
    height: int
    bytes: int

    @property
    def is_text(self) -> bool:
        """Whether it is sentences."""
        return self.path.suffix == ".tsv"


@dataclass
class Run:
    """Everything the page shows of one run; ``curves`` maps a metrics.csv column to its values.

    ``left`` holds the pictures of the branch that each rollback left, by its number from 1.
    ``health`` is None for a run that no collapse monitor has watched. ``translations`` are the rows
    of ``translations.jsonl``.
    """

    path: Path
    info: dict[str, Any]
    config: str | None = None
    curves: dict[str, Curve] = field(default_factory=dict)
    rows: int = 0
    evaluations: list[Evaluation] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    best: str | None = None
    last: str | None = None
    media: dict[str, list[Frame]] = field(default_factory=dict)
    left: dict[int, dict[str, list[Frame]]] = field(default_factory=dict)
    health: RunHealth | None = None
    translations: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name in run.json, or the folder's."""
        return str(self.info.get("name") or self.path.name)

    @property
    def best_checkpoint(self) -> Checkpoint | None:
        """The row that ``best`` names, if there is one."""
        return next((c for c in self.checkpoints if c.path == self.best), None)

    @property
    def images_seen(self) -> int | None:
        """How far the run got, in images; ``None`` before the first row and checkpoint."""
        ends = [int(curve.x[-1]) for curve in self.curves.values() if curve.x]
        ends += [checkpoint.images_seen for checkpoint in self.checkpoints]
        return max(ends, default=None)

    @property
    def seconds(self) -> float | None:
        """Training time in seconds, over all processes that took part one after the other."""
        clock = self.curve("wall_s").y
        return clock[-1] if clock else None

    @property
    def speed(self) -> float | None:
        """Median of the logged images per second."""
        rates = [v for v in self.curve("speed/images_per_s").y if math.isfinite(v)]
        return median(rates) if rates else None

    def curve(self, column: str) -> Curve:
        """The values of a column; an empty curve when it was never logged."""
        return self.curves.get(column, Curve([], []))

"""What a detector gets to see of a stream, spoilt or not: the numbers of all its probes, on disk.

The signals come from the probers of the product itself, which draw by ``sample()`` and
``translate()`` from something that shows the recorded generator at one probe.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from callbacks.collapse.records import Band

Signals = dict[str, dict[str, float | None]]

#: Everything that decides about the numbers of a track, below the root of the project.
_SOURCES = (
    "callbacks/collapse/signals.py",
    "callbacks/collapse/probes.py",
    "callbacks/collapse/translation_signals.py",
    "callbacks/metrics/cells.py",
    "callbacks/metrics/diversity.py",
    "callbacks/metrics/frechet_error.py",
    "callbacks/metrics/waves.py",
    "benchmarks/collapse/injections.py",
    "benchmarks/collapse/labels.py",
    "benchmarks/collapse/oracle.py",
    "benchmarks/collapse/probing.py",
    "benchmarks/collapse/shown.py",
    "benchmarks/collapse/streams.py",
    "benchmarks/collapse/translation_injections.py",
)

#: What a track has for every probe, beside its moment.
COLUMNS = ("signals", "second", "finite", "levels", "spreads", "d_loss")


@dataclass
class Track:
    """One stream as a detector sees it, with the truth beside it.

    Attributes:
        run: name of the run.
        injection: what was done to it; empty for the run as it was.
        begins: first probe of the injection; None without one.
        space: id of the feature space.
        band: of real samples.
        images_seen: of every probe.
        signals: of every probe.
        second: of another draw, where the first one was bad enough to ask for it.
        finite: of every probe.
        heavy: scores of evaluations by probe.
        levels: of the oracle.
        spreads: share of the modes that the good samples spread over.
        d_loss: of the discriminator.
        independent: Frechet distance of each evaluation in a space that the detector never sees;
            empty for injections, whose generator before the onset is that of the run.
    """

    run: str
    injection: str
    begins: int | None
    space: str
    band: Band = field(default_factory=dict)
    images_seen: list[int] = field(default_factory=list)
    signals: list[Signals] = field(default_factory=list)
    second: list[Signals | None] = field(default_factory=list)
    finite: list[bool] = field(default_factory=list)
    heavy: dict[int, dict[str, float | None]] = field(default_factory=dict)
    levels: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    d_loss: list[float] = field(default_factory=list)
    independent: dict[int, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For tables: the run, and what was done to it."""
        return f"{self.run}+{self.injection}" if self.injection else self.run

    def __len__(self) -> int:
        """Number of probes."""
        return len(self.images_seen)

    def cut(self, first: int, last: int) -> Track:
        """The probes from ``first`` to before ``last`` alone, without evaluations."""
        columns = ("images_seen", *COLUMNS)
        rows: dict[str, Any] = {name: getattr(self, name)[first:last] for name in columns}
        return replace(self, heavy={}, independent={}, **rows)

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Track:
        """Inverse of :meth:`to_json`."""
        values: dict[str, Any] = json.loads(text)
        for name in ("heavy", "independent"):
            values[name] = {int(probe): row for probe, row in values[name].items()}
        return cls(**values)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Eight digits that change with the code that computes the numbers of a track."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update(without_words((root / name).read_text()).encode())
    return digest.hexdigest()[:8]


def without_words(source: str) -> str:
    """Code without its comments, docstrings and errors, which change no number."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            node.exc = None
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant):
                body[0].value.value = ""
    return ast.dump(tree)


def track_path(folder: Path, key: Mapping[str, Any]) -> Path:
    """File of a track in the cache."""
    text = json.dumps(dict(key), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return folder / "tracks" / f"{key['run']}-{key['injection'] or 'none'}-{digest}.json.gz"


def read_track(path: Path) -> Track | None:
    """The track of a file; None where there is none."""
    if not path.is_file():
        return None
    return Track.from_json(gzip.decompress(path.read_bytes()).decode())


def write_track(path: Path, track: Track) -> None:
    """Write so that a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(track.to_json().encode(), mtime=0))
    part.replace(path)

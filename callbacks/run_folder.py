"""The run folder: the one place that knows the files of a run.

Callbacks write through it while a GAN trains, commands read through it afterwards, and neither
knows a file name. It imports neither torch nor Lightning, so that commands answer at once.

| file | holds |
|---|---|
| config.yaml | all settings, fully resolved |
| run.json | who the run is: variant, data, versions, parent, W&B id, status |
| checkpoints/, index.json | see :mod:`callbacks.checkpoint_index` |
| metrics.csv | one row per flush of statistics, on the images_seen axis |
| evaluations.jsonl | one JSON object per evaluation: scores, real-vs-real floor, protocol; and |
| | the probes and events of the collapse monitor, whose ``kind`` says so |
| memorization.json | the last verdict on copies of training images |
| translations.jsonl | one JSON object per probe of a translation |
| media/<key>/<images_seen>.png | pictures over time; sentences as .tsv |
| wandb/, tensorboard/ | what those tools write |
| report.html | the page that `report` writes |
"""

import csv
import json
import math
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from callbacks import run_branches
from callbacks.checkpoint_index import CheckpointFolder, now
from callbacks.collapse.records import MonitorRow, ProbeRow, VerdictRow
from callbacks.durable import append_line, whole_lines, write_atomically
from callbacks.retention import Retention
from callbacks.run_lines import read_rows
from callbacks.run_records import EvaluationRow, RunRecord, TranslationRow

AXES = ("images_seen", "generator_steps", "discriminator_steps", "round", "wall_s")


class RunFolder(CheckpointFolder):
    """The files of one run.

    Args:
        path: the folder. Nothing is read or made here; see :meth:`create` and :meth:`open`.
    """

    @property
    def config_path(self) -> Path:
        """All settings, as YAML."""
        return self.path / "config.yaml"

    @property
    def record_path(self) -> Path:
        """Who the run is."""
        return self.path / "run.json"

    @property
    def metrics_path(self) -> Path:
        """Training statistics."""
        return self.path / "metrics.csv"

    @property
    def evaluations_path(self) -> Path:
        """Scores, one JSON object a line."""
        return self.path / "evaluations.jsonl"

    @property
    def memorization_path(self) -> Path:
        """The last verdict on copies of training images."""
        return self.path / "memorization.json"

    @property
    def translations_path(self) -> Path:
        """What probes found about translations, one JSON object a line."""
        return self.path / "translations.jsonl"

    @property
    def media_path(self) -> Path:
        """Pictures, a folder per key."""
        return self.path / "media"

    @property
    def tensorboard_path(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"

    @property
    def report_path(self) -> Path:
        """The static page."""
        return self.path / "report.html"

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        name: str,
        variant: str,
        data: str,
        data_name: str = "",
        versions: Mapping[str, str] | None = None,
        parent: Mapping[str, str] | None = None,
        attribution: str = "",
        world_size: int = 1,
        config: str = "",
    ) -> "RunFolder":
        """Make the folder of a new run.

        Args:
            path: a folder that does not exist yet, or is empty.
            name: what the user calls the run.
            variant: class path of the module.
            data: class path of the data module.
            data_name: short name of the data.
            versions: of Python and the packages that matter.
            parent: ``{"run": ..., "checkpoint": ...}`` that the run goes on from.
            attribution: licence text of the data.
            world_size: number of processes.
            config: all settings, as YAML; nothing is written for none.

        Returns:
            The folder, with an empty index.json, config.yaml and, once all else is there, run.json.

        Raises:
            ValueError: there are files in the folder already.
            StorageError: the disk refused.
        """
        run = cls(path)
        run.require_new()
        letters = string.ascii_lowercase + string.digits
        record: RunRecord = {
            # Not from the global generators: a run's name must not change its random numbers.
            "id": "".join(secrets.choice(letters) for _ in range(8)),
            "name": name,
            "variant": variant,
            "data": data,
            "data_name": data_name,
            "created": now(),
            "versions": dict(versions or {}),
            "parent": dict(parent) if parent else None,
            "wandb": None,
            "attribution": attribution,
            "world_size": world_size,
            "status": "running",
        }
        run.write_index(run.read_index())
        if config:
            write_atomically(run.config_path, config.encode())
        run.write_run(record)
        return run

    def require_new(self) -> None:
        """Refuse a folder that is in use, before anything is prepared for it.

        Raises:
            ValueError: it is a file, a run already, or holds other files.
        """
        there = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        if not there.is_dir():
            found = f", where {there} is a file"
        elif there == self.path and any(there.iterdir()):
            found = f" with {'a run' if self.record_path.exists() else 'files'} in it"
        else:
            return
        raise ValueError(
            f"RunFolder: path must be a new or empty folder, got {self.path}{found}; choose "
            "another, or use `resume` to go on with that run"
        )

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Open the folder of an existing run.

        Raises:
            ValueError: there is no such folder, or it is not a run's.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise ValueError(
                f"RunFolder: run must be an existing folder, got {run.path}; pass the folder that "
                "`fit` printed when it started"
            )
        if not run.record_path.is_file():
            raise ValueError(
                f"RunFolder: run must be a folder made by `fit`, got {run.path} without run.json; "
                "pass the folder that `fit` printed when it started"
            )
        return run

    @classmethod
    def of(cls, trainer: Any) -> "RunFolder":
        """Return the folder that a trainer works in: its ``default_root_dir``."""
        return cls(trainer.default_root_dir)

    def read_run(self) -> RunRecord:
        """Read run.json.

        Raises:
            ValueError: it is damaged.
        """
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"RunFolder: {self.record_path} must be the JSON that `fit` wrote, got damaged "
                f"content ({reason}); restore it, or start a new run"
            ) from error
        if not isinstance(record, dict) or "variant" not in record or "id" not in record:
            raise ValueError(
                f"RunFolder: {self.record_path} must name the id and the variant of a run, got "
                "neither; pass a folder made by `fit`"
            )
        return cast(RunRecord, record)

    def write_run(self, record: RunRecord) -> None:
        """Replace run.json in one step.

        Raises:
            StorageError: the disk refused; the old record is still there.
        """
        write_atomically(self.record_path, (json.dumps(record, indent=1) + "\n").encode())

    def update_run(self, **changes: Any) -> RunRecord:
        """Change some keys of run.json, such as ``status`` or ``wandb``.

        Returns:
            The record as written.

        Raises:
            ValueError: a key that run.json does not have, or a damaged file.
        """
        unknown = set(changes) - RunRecord.__required_keys__
        if unknown:
            raise ValueError(
                f"RunFolder: run.json must only hold its own keys, got '{min(unknown)}'; use one "
                f"of {', '.join(sorted(RunRecord.__required_keys__))}"
            )
        record = cast(RunRecord, {**self.read_run(), **changes})
        self.write_run(record)
        return record

    def append_evaluation(self, row: EvaluationRow) -> EvaluationRow:
        """Append one evaluation and wait until it is on the disk.

        Args:
            row: the evaluation; ``time`` is filled in when it is missing. Scores that are not
                finite are stored as null, because JSON has no NaN.

        Returns:
            The row as written.

        Raises:
            StorageError: the disk refused.
        """
        stored = cast(EvaluationRow, {"time": now(), **row})
        stored["scores"] = finite_or_none(row["scores"])
        stored["floor"] = finite_or_none(row["floor"])
        self._append(stored)
        return stored

    def append_probe(self, row: ProbeRow) -> None:
        """Append one probe of the collapse monitor and wait until it is on the disk.

        Args:
            row: the probe; ``time`` is filled in. Values must be finite or None.

        Raises:
            StorageError: the disk refused.
        """
        self._append({"time": now(), **row})

    def append_monitor(self, row: MonitorRow | VerdictRow) -> None:
        """Append one event of the collapse monitor; see :meth:`append_probe`."""
        self._append({"time": now(), **row})

    def _append(self, row: Mapping[str, Any]) -> None:
        append_line(self.evaluations_path, json.dumps(row, allow_nan=False).encode())

    def read_evaluations(self) -> list[EvaluationRow]:
        """Read all evaluations, without one that a kill left half written.

        Those of a branch that a rollback has left are not among them; :meth:`read_history` has all.

        Raises:
            ValueError: a line in the middle is damaged.
        """
        rows = run_branches.living(self.read_history())
        return [cast(EvaluationRow, row) for row in rows if "kind" not in row]

    def read_probes(self) -> list[ProbeRow]:
        """Read all probes of the collapse monitor; see :meth:`read_evaluations`."""
        return [cast(ProbeRow, row) for row in self.read_history() if row.get("kind") == "probe"]

    def read_monitor(self) -> list[MonitorRow]:
        """Read all events of the collapse monitor; see :meth:`read_evaluations`."""
        rows = self.read_history()
        return [cast(MonitorRow, row) for row in rows if row.get("kind") == "monitor"]

    def read_history(self) -> list[dict[str, Any]]:
        """Read evaluations, probes and events in the order in which they were written.

        A replay of the collapse detector needs nothing else.

        Raises:
            ValueError: a line in the middle is damaged.
        """
        return read_rows(self.evaluations_path)

    def append_translation(self, row: TranslationRow) -> None:
        """Append one probe of a translation and wait until it is on the disk.

        Args:
            row: the probe; ``time`` is filled in. Values must be finite or None.

        Raises:
            StorageError: the disk refused.
        """
        line = json.dumps({"time": now(), **row}, allow_nan=False)
        append_line(self.translations_path, line.encode())

    def read_translations(self) -> list[TranslationRow]:
        """Read all probes of translations, without one that a kill left half written.

        Raises:
            ValueError: a line in the middle is damaged.
        """
        return [cast(TranslationRow, row) for row in read_rows(self.translations_path)]

    def read_metrics(self) -> list[dict[str, float]]:
        """Read metrics.csv, without a row that a kill left half written.

        Returns:
            One dictionary per row, with the columns that were logged in it.
        """
        lines = whole_lines(self.metrics_path)
        rows = []
        for cells in csv.DictReader(lines):
            rows.append({key: float(cell) for key, cell in cells.items() if key and cell})
        return rows

    def media_file(self, key: str, images_seen: int, suffix: str = ".png") -> Path:
        """Name the picture of one moment; names sort in the order of training.

        Args:
            key: such as ``samples``; a slash makes folders in folders.
            images_seen: the moment.
            suffix: ``.png``; ``.gif`` for moving pictures, ``.tsv`` for text.

        Raises:
            ValueError: the key would lead out of the media folder.
        """
        parts = key.split("/")
        if not all(part and part.strip(".") and "\\" not in part for part in parts):
            raise ValueError(
                f"RunFolder: media key must be names joined by '/', got '{key}'; use a key such as "
                "'samples'"
            )
        return Path(self.media_path, *parts, f"{images_seen:012d}{suffix}")

    def media_files(self, key: str) -> list[tuple[int, Path]]:
        """List the pictures of a key as (images_seen, file), in the order of training."""
        folder = self.media_file(key, 0).parent
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return [(int(file.stem), file) for file in files if file.stem.isdecimal()]

    def media_keys(self) -> list[str]:
        """List the keys that have pictures."""
        folders = {file.parent for file in self.media_path.rglob("*") if file.stem.isdecimal()}
        return sorted(folder.relative_to(self.media_path).as_posix() for folder in folders)

    def rewind(self, images_seen: int, keep: Retention | None = None) -> None:
        """Forget everything beyond the moment from which the run goes on in this folder.

        What a killed process logged after its last checkpoint is trained and logged once more, so
        leaving it would show those moments twice. Each step is atomic and may be repeated.

        Args:
            images_seen: the moment of the checkpoint that training resumes from.
            keep: the rule that says which checkpoint is the best.

        Raises:
            ValueError: the index is damaged.
            StorageError: the disk refused.
        """
        run_branches.rewind(self, images_seen, keep)


def finite_or_none(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """Replace values that JSON cannot hold (NaN, infinities) by None."""
    return {
        name: float(value) if value is not None and math.isfinite(value) else None
        for name, value in scores.items()
    }

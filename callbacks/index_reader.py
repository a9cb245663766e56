"""The checkpoints of a run as commands look for them: ``index.json``, read and never written."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from callbacks.collapse.candidates import Candidate, candidates, why_none
from callbacks.collapse.health import Health
from callbacks.index_entries import (
    FORMAT,
    CheckpointEntry,
    DamageError,
    FormatError,
    Index,
    checked,
    health_in,
)
from callbacks.retention import Retention

FILE_NAME = re.compile(r"images=(\d+)-g=(\d+)\.ckpt")
_REBUILD = "run `resume --rebuild-index` on this folder to rebuild it from the checkpoints"


class IndexReader:
    """The checkpoints of one run, for reading.

    Args:
        path: the run folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def checkpoints_path(self) -> Path:
        """Folder of the checkpoint files."""
        return self.path / "checkpoints"

    @property
    def index_path(self) -> Path:
        """The file ``index.json``."""
        return self.path / "index.json"

    def checkpoint_path(self, images_seen: int, generator_step: int) -> Path:
        """Name the file of one moment; names sort in the order of training."""
        return self.checkpoints_path / f"images={images_seen:09d}-g={generator_step:08d}.ckpt"

    def file_of(self, entry: CheckpointEntry) -> Path:
        """Return the file of an entry, as a full path."""
        return self.path / entry["path"]

    def read_index(self) -> Index:
        """Read ``index.json``.

        Returns:
            The index; an empty one when the run has no checkpoint yet.

        Raises:
            ValueError: the file is damaged, of an unknown format, or missing although there are
                checkpoints; the message is one line and names the remedy.
        """
        try:
            text = self.index_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if self.checkpoint_files():
                raise ValueError(
                    f"RunFolder: {self.index_path} must exist beside the checkpoints, got no such "
                    f"file; {_REBUILD}"
                ) from None
            return {
                "format": FORMAT,
                "checkpoints": [],
                "best": None,
                "last": None,
                "health": None,
            }
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        try:
            index = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._damaged(f"{error.msg} at character {error.pos}") from error
        try:
            return checked(index)
        except DamageError as error:
            raise self._damaged(str(error)) from error
        except FormatError as error:
            raise ValueError(
                f"RunFolder: {self.index_path} must have format {FORMAT}, got {error}; use the "
                "version of Ganagerie that wrote this run"
            ) from error

    def _damaged(self, what: str) -> ValueError:
        detail = " ".join(what.split())
        return ValueError(
            f"RunFolder: {self.index_path} must be the JSON that training wrote, got damaged "
            f"content ({detail}); {_REBUILD}"
        )

    def read_health(self) -> Health | None:
        """Read what the collapse monitor left in the index; None without one."""
        return health_in(self.read_index())

    def candidates(self, keep: Retention | None = None) -> list[Candidate]:
        """Judge every checkpoint; see :func:`callbacks.collapse.candidates.candidates`."""
        index = self.read_index()
        rows = index["checkpoints"]
        missing = [row["path"] for row in rows if not self.file_of(row).is_file()]
        return candidates(rows, health_in(index), keep or Retention(), missing)

    def checkpoint_files(self) -> list[Path]:
        """List the files that carry a checkpoint's name, whether the index names them or not."""
        return sorted(
            file for file in self.checkpoints_path.glob("*.ckpt") if FILE_NAME.fullmatch(file.name)
        )

    def holds(self, images_seen: int, generator_step: int) -> bool:
        """Whether the index already names the checkpoint of this moment."""
        path = self.checkpoint_path(images_seen, generator_step).relative_to(self.path).as_posix()
        return any(row["path"] == path for row in self.read_index()["checkpoints"])

    def resolve(self, which: str | int | Path) -> CheckpointEntry:
        """Find a checkpoint by what a user calls it.

        Args:
            which: ``"last"``, ``"best"``, ``"pre-collapse"``, a number of generator steps,
                ``"images=N"``, or the path or name of a checkpoint file.

        Returns:
            Its entry; the file exists and has the size that the index says.

        Raises:
            ValueError: there is no such checkpoint, or its file is gone or cut short.
        """
        index = self.read_index()
        rows = index["checkpoints"]
        if not rows:
            raise ValueError(
                f"RunFolder: {self.path} must hold a checkpoint, got none; the run stopped before "
                "its first one, start it again with `fit`"
            )
        entry = self._find(str(which), index)
        if entry is None:
            raise self._unknown(str(which), rows)
        self._check_size(entry)
        return entry

    def _find(self, which: str, index: Index) -> CheckpointEntry | None:
        rows = index["checkpoints"]
        if which == "best" and index["best"] is None:
            raise ValueError(
                f"RunFolder: 'best' must name an evaluated checkpoint, got a run without any in "
                f"{self.path}; use 'last', or evaluate first"
            )
        if which in ("best", "last", "pre-collapse"):
            path = index["best"] if which == "best" else index["last"]
            path = self._pre_collapse(index) if which == "pre-collapse" else path
            return next((row for row in rows if row["path"] == path), None)
        if which.isdecimal():
            return next((row for row in rows if row["generator_step"] == int(which)), None)
        if which.startswith("images=") and which[7:].isdecimal():
            return next((row for row in rows if row["images_seen"] == int(which[7:])), None)
        wanted = Path(which)
        for row in rows:
            file = self.file_of(row)
            if wanted.resolve() == file.resolve() or which in (row["path"], file.name):
                return row
        return None

    def _pre_collapse(self, index: Index) -> str:
        health = health_in(index)
        if health is None:
            raise ValueError(
                f"RunFolder: 'pre-collapse' must be of a run with a collapse monitor, got "
                f"{self.path}, which had none; use 'best' or 'last', and train with a monitor"
            )
        if health.pre_collapse is None:
            raise ValueError(
                f"RunFolder: 'pre-collapse' must name a checkpoint from before the collapse, got "
                f"none in {self.path} ({why_none(index['checkpoints'], health)}); start again with "
                "lower rates or a stronger regularizer, or choose one yourself, as in 'best'"
            )
        return health.pre_collapse

    def _unknown(self, which: str, rows: Sequence[CheckpointEntry]) -> ValueError:
        steps = ", ".join(str(row["generator_step"]) for row in rows)
        return ValueError(
            f"RunFolder: checkpoint must be one that {self.index_path} names, got '{which}'; use "
            f"'last', 'best', 'pre-collapse', or one of these generator steps: {steps}"
        )

    def _check_size(self, entry: CheckpointEntry) -> None:
        file = self.file_of(entry)
        size = file.stat().st_size if file.is_file() else None
        if size != entry["bytes"]:
            found = "no such file" if size is None else f"{size} bytes"
            raise ValueError(
                f"RunFolder: {file} must be the {entry['bytes']} bytes that index.json names, got "
                f"{found}; choose another checkpoint, or {_REBUILD}"
            )

    def verify(self, entry: CheckpointEntry) -> Path:
        """Compare a checkpoint with the hash that was taken when it was written.

        Returns:
            The file.

        Raises:
            ValueError: it is missing, cut short or altered.
        """
        self._check_size(entry)
        file = self.file_of(entry)
        found = sha256_of(file)
        if found != entry["sha256"]:
            raise ValueError(
                f"RunFolder: {file} must have the sha256 {entry['sha256'][:12]} of index.json, got "
                f"{found[:12]}; the file was altered, choose another checkpoint"
            )
        return file


def sha256_of(file: Path) -> str:
    """Hash a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def now() -> str:
    """Return the time as the run folder writes it: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

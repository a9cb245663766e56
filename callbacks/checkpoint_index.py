"""The checkpoints of a run and ``index.json``, which ties each of them to its scores.

One order of writing keeps the index true at whatever moment the process is killed: the checkpoint
is on the disk under its final name before the index names it, and a file is deleted only after the
index has ceased to name it. What a kill leaves behind is therefore always a file too many, never
one too few; :meth:`CheckpointFolder.repair` sweeps it away at the next start.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from typing_extensions import TypedDict

from callbacks.durable import TEMPORARY_PATTERN, storage_error, sync_folder, write_atomically
from callbacks.retention import Retention

FORMAT = 1
FILE_NAME = re.compile(r"images=(\d+)-g=(\d+)\.ckpt")
_REBUILD = "run `resume --rebuild-index` on this folder to rebuild it from the checkpoints"


class CheckpointEntry(TypedDict):
    """One row of ``index.json``.

    Attributes:
        path: the file, relative to the run folder.
        images_seen: real images that the discriminator had been shown.
        generator_step: generator steps taken.
        round: rounds of the schedule played.
        epoch: passes over the data begun, from 0.
        sha256: of the file, in hexadecimal.
        bytes: size of the file.
        reasons: why it was written: interval, evaluation, end, preemption.
        scores: of the evaluation at this moment, None where there was none; a score that is not
            finite is None.
        protocol: how the scores were measured.
        state: the verdict of a collapse detector, None without one.
        time: UTC, ISO 8601.
    """

    path: str
    images_seen: int
    generator_step: int
    round: int
    epoch: int
    sha256: str
    bytes: int
    reasons: list[str]
    scores: dict[str, float | None] | None
    protocol: dict[str, Any] | None
    state: Any
    time: str


class Index(TypedDict):
    """The content of ``index.json``: entries by rising images_seen, and two of their paths."""

    format: int
    checkpoints: list[CheckpointEntry]
    best: str | None
    last: str | None


class CheckpointFolder:
    """The checkpoints of one run.

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
            return {"format": FORMAT, "checkpoints": [], "best": None, "last": None}
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        try:
            index = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._damaged(f"{error.msg} at character {error.pos}") from error
        return self._checked(index)

    def _checked(self, index: Any) -> Index:
        if not isinstance(index, dict) or not isinstance(index.get("checkpoints"), list):
            raise self._damaged("no list of checkpoints")
        if index.get("format") != FORMAT:
            raise ValueError(
                f"RunFolder: {self.index_path} must have format {FORMAT}, got "
                f"{index.get('format')!r}; use the version of Ganagerie that wrote this run"
            )
        for number, entry in enumerate(index["checkpoints"]):
            missing = CheckpointEntry.__required_keys__ - set(entry if entry else ())
            if missing:
                raise self._damaged(f"checkpoint {number} without '{min(missing)}'")
        return cast(Index, index)

    def _damaged(self, what: str) -> ValueError:
        detail = " ".join(what.split())
        return ValueError(
            f"RunFolder: {self.index_path} must be the JSON that training wrote, got damaged "
            f"content ({detail}); {_REBUILD}"
        )

    def write_index(self, index: Index) -> None:
        """Replace ``index.json`` in one step.

        Raises:
            StorageError: the disk refused; the old index is still there.
        """
        # Plain JSON has no NaN: a reader in another language would refuse the whole file.
        text = json.dumps(index, indent=1, allow_nan=False)
        write_atomically(self.index_path, (text + "\n").encode())

    def add_checkpoint(self, entry: CheckpointEntry, keep: Retention | None = None) -> Index:
        """Enter a checkpoint that is already on the disk, then drop what the rule does not keep.

        An entry of the same file is joined with: its reasons are united, and scores that are given
        replace the ones that stand there.

        Args:
            entry: the row; see :meth:`describe` for its sha256 and bytes.
            keep: which checkpoints stay and what is best; None keeps the defaults.

        Returns:
            The index as written.

        Raises:
            StorageError: the disk refused; the old index is still there.
        """
        keep = keep or Retention()
        rows = self.read_index()["checkpoints"]
        same = [row for row in rows if row["path"] == entry["path"]]
        rows = [row for row in rows if row["path"] != entry["path"]]
        rows.append(_joined(same[0], entry) if same else entry)
        kept = keep.kept(rows)
        return self.replace_checkpoints(rows, [row for row in rows if row["path"] in kept], keep)

    def drop_checkpoint(self, path: str, keep: Retention | None = None) -> Index:
        """Take one checkpoint out of the index, then delete its file.

        Args:
            path: as the entry has it, relative to the run folder.
            keep: the rule that says what is best among the rest.

        Raises:
            ValueError: the index has no such entry.
        """
        rows = self.read_index()["checkpoints"]
        rest = [row for row in rows if row["path"] != path]
        if len(rest) == len(rows):
            raise self._unknown(path, rows)
        return self.replace_checkpoints(rows, rest, keep or Retention())

    def drop_after(self, images_seen: int, keep: Retention | None = None) -> Index:
        """Drop the checkpoints beyond a point to which the run goes back.

        Args:
            images_seen: checkpoints with more images than this go.
            keep: the rule that says what is best among the rest.
        """
        rows = self.read_index()["checkpoints"]
        rest = [row for row in rows if row["images_seen"] <= images_seen]
        return self.replace_checkpoints(rows, rest, keep or Retention())

    def replace_checkpoints(
        self, old: Sequence[CheckpointEntry], new: list[CheckpointEntry], keep: Retention
    ) -> Index:
        """Write the index of the new rows, then delete the files that only the old ones name."""
        rows = sorted(new, key=lambda row: row["images_seen"])
        ranked = keep.ranked(rows)
        index: Index = {
            "format": FORMAT,
            "checkpoints": rows,
            "best": ranked[0]["path"] if ranked else None,
            "last": rows[-1]["path"] if rows else None,
        }
        self.write_index(index)
        # Only now: until the new index was in place, the old one named these files.
        named = {row["path"] for row in rows}
        for row in old:
            if row["path"] not in named:
                self._delete(self.path / row["path"])
        return index

    def describe(self, file: Path) -> dict[str, Any]:
        """Measure a checkpoint file for its entry.

        Returns:
            The keys ``path``, ``sha256``, ``bytes`` and ``time`` of an entry.
        """
        return {
            "path": file.relative_to(self.path).as_posix(),
            "sha256": _sha256(file),
            "bytes": file.stat().st_size,
            "time": now(),
        }

    def holds(self, images_seen: int, generator_step: int) -> bool:
        """Whether the index already names the checkpoint of this moment."""
        path = self.checkpoint_path(images_seen, generator_step).relative_to(self.path).as_posix()
        return any(row["path"] == path for row in self.read_index()["checkpoints"])

    def resolve(self, which: str | int | Path) -> CheckpointEntry:
        """Find a checkpoint by what a user calls it.

        Args:
            which: ``"last"``, ``"best"``, a number of generator steps, ``"images=N"``, or the path
                or name of a checkpoint file.

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
        if which in ("best", "last"):
            path = index["best"] if which == "best" else index["last"]
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

    def _unknown(self, which: str, rows: Sequence[CheckpointEntry]) -> ValueError:
        steps = ", ".join(str(row["generator_step"]) for row in rows)
        return ValueError(
            f"RunFolder: checkpoint must be one that {self.index_path} names, got '{which}'; use "
            f"'last', 'best', or one of these generator steps: {steps}"
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
        found = _sha256(file)
        if found != entry["sha256"]:
            raise ValueError(
                f"RunFolder: {file} must have the sha256 {entry['sha256'][:12]} of index.json, got "
                f"{found[:12]}; the file was altered, choose another checkpoint"
            )
        return file

    def repair(self, keep: Retention | None = None) -> list[str]:
        """Sweep away what a kill left: temporary files, and checkpoints that the index never named.

        Call it at a start, by one process, before anything is written. Files with other names than
        ours are left alone.

        Args:
            keep: the rule that says what is best, where an entry has to go.

        Returns:
            One line for each thing that was done.

        Raises:
            ValueError: the index is damaged.
        """
        index = self.read_index()
        if not self.index_path.exists():
            # From now on a missing index means that it was lost, not that the run is new.
            self.write_index(index)
        done = []
        gone = [row for row in index["checkpoints"] if not self.file_of(row).is_file()]
        if gone:
            rest = [row for row in index["checkpoints"] if row not in gone]
            index = self.replace_checkpoints(rest, rest, keep or Retention())
            done += [f"forgot {row['path']}, whose file is gone" for row in gone]
        named = {row["path"] for row in index["checkpoints"]}
        for file in self.checkpoint_files():
            if file.relative_to(self.path).as_posix() not in named:
                self._delete(file)
                done.append(f"removed {file.name}, which a kill left unlisted")
        for folder in (self.path, self.checkpoints_path):
            for file in folder.glob(TEMPORARY_PATTERN):
                self._delete(file)
                done.append(f"removed {file.name}, which a kill left unfinished")
        return done

    def checkpoint_files(self) -> list[Path]:
        """List the files that carry a checkpoint's name, whether the index names them or not."""
        return sorted(
            file for file in self.checkpoints_path.glob("*.ckpt") if FILE_NAME.fullmatch(file.name)
        )

    def _delete(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
            sync_folder(file.parent)
        except OSError as error:
            raise storage_error(file, error) from error


def _joined(old: CheckpointEntry, new: CheckpointEntry) -> CheckpointEntry:
    joined = cast(CheckpointEntry, {**old, **new})
    joined["reasons"] = list(dict.fromkeys([*old["reasons"], *new["reasons"]]))
    for key in ("scores", "protocol", "state"):
        if new[key] is None:
            joined[key] = old[key]
    return joined


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def now() -> str:
    """Return the time as the run folder writes it: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

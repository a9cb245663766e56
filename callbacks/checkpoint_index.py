"""The checkpoints of a run and ``index.json``, which ties each of them to its scores.

One order of writing keeps the index true at whatever moment the process is killed: the checkpoint
is on the disk under its final name before the index names it, and a file is deleted only after the
index has ceased to name it. What a kill leaves behind is therefore always a file too many, never
one too few; :meth:`CheckpointFolder.repair` sweeps it away at the next start.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from callbacks.collapse.candidates import best_first
from callbacks.collapse.health import Health
from callbacks.durable import TEMPORARY_PATTERN, storage_error, sync_folder, write_atomically
from callbacks.index_entries import FORMAT, CheckpointEntry, Index, health_in, joined
from callbacks.index_reader import FILE_NAME, IndexReader, now, sha256_of
from callbacks.retention import Retention

__all__ = ["FILE_NAME", "CheckpointEntry", "CheckpointFolder", "Index", "now"]


class CheckpointFolder(IndexReader):
    """The checkpoints of one run: what :class:`IndexReader` reads, and how it comes about.

    Args:
        path: the run folder; it need not exist yet.
    """

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
        index = self.read_index()
        rows, health = index["checkpoints"], health_in(index)
        same = [row for row in rows if row["path"] == entry["path"]]
        rows = [row for row in rows if row["path"] != entry["path"]]
        rows.append(joined(same[0], entry) if same else entry)
        kept = keep.kept(rows, health)
        staying = [row for row in rows if row["path"] in kept]
        return self.replace_checkpoints(rows, staying, keep, health)

    def drop_checkpoint(self, path: str, keep: Retention | None = None) -> Index:
        """Take one checkpoint out of the index, then delete its file.

        Args:
            path: as the entry has it, relative to the run folder.
            keep: the rule that says what is best among the rest.

        Raises:
            ValueError: the index has no such entry.
        """
        index = self.read_index()
        rows = index["checkpoints"]
        rest = [row for row in rows if row["path"] != path]
        if len(rest) == len(rows):
            raise self._unknown(path, rows)
        return self.replace_checkpoints(rows, rest, keep or Retention(), health_in(index))

    def drop_after(self, images_seen: int, keep: Retention | None = None) -> Index:
        """Drop the checkpoints beyond a point to which the run goes back.

        Args:
            images_seen: checkpoints with more images than this go.
            keep: the rule that says what is best among the rest.
        """
        index = self.read_index()
        rows = index["checkpoints"]
        rest = [row for row in rows if row["images_seen"] <= images_seen]
        return self.replace_checkpoints(rows, rest, keep or Retention(), health_in(index))

    def replace_checkpoints(
        self,
        old: Sequence[CheckpointEntry],
        new: list[CheckpointEntry],
        keep: Retention,
        health: Health | None,
    ) -> Index:
        """Write the index of the new rows, then delete the files that only the old ones name."""
        rows = sorted(new, key=lambda row: row["images_seen"])
        ranked = keep.ranked(rows)
        index: Index = {
            "format": FORMAT,
            "checkpoints": rows,
            "best": ranked[0]["path"] if ranked else None,
            "last": rows[-1]["path"] if rows else None,
            "health": None if health is None else protecting(health, rows, keep).to_dict(),
        }
        self.write_index(index)
        # Only now: until the new index was in place, the old one named these files.
        named = {row["path"] for row in rows}
        for row in old:
            if row["path"] not in named:
                self._delete(self.path / row["path"])
        return index

    def write_health(self, health: Health, keep: Retention | None = None) -> Health:
        """Put the health of a run into the index. No checkpoint is deleted by it.

        Args:
            health: as the monitor sees it; pins, and the first onset of its segment, are taken
                over from the index.
            keep: the rule that says which checkpoint is the best before a collapse.

        Returns:
            The health as written.

        Raises:
            StorageError: the disk refused; the old index is still there.
        """
        index = self.read_index()
        return self._write_health(health.after(health_in(index)), index, keep)

    def rewind_health(self, health: Health | None, keep: Retention | None = None) -> None:
        """Put back the health of an earlier moment, to which the run goes back; the pins stay.

        Args:
            health: of that moment, its first onset included; None where no monitor had worked yet.
            keep: see :meth:`write_health`.

        Raises:
            StorageError: the disk refused; the old index is still there.
        """
        index = self.read_index()
        last = health_in(index)
        if health is not None:
            self._write_health(replace(health, pinned=last.pinned if last else ()), index, keep)
        elif last is not None:
            self.write_index({**index, "health": None})

    def _write_health(self, health: Health, index: Index, keep: Retention | None) -> Health:
        rows = index["checkpoints"]
        written = self.replace_checkpoints(rows, rows, keep or Retention(), health)
        return Health.from_dict(written["health"])

    def describe(self, file: Path) -> dict[str, Any]:
        """Measure a checkpoint file for its entry.

        Returns:
            The keys ``path``, ``sha256``, ``bytes`` and ``time`` of an entry.
        """
        return {
            "path": file.relative_to(self.path).as_posix(),
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
            "time": now(),
        }

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
            index = self.replace_checkpoints(rest, rest, keep or Retention(), health_in(index))
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

    def _delete(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
            sync_folder(file.parent)
        except OSError as error:
            raise storage_error(file, error) from error


def protecting(health: Health, rows: Sequence[CheckpointEntry], keep: Retention) -> Health:
    """The health with the checkpoints that it protects.

    Args:
        health: as the index had it, or the monitor says it.
        rows: that are left.
        keep: the rule.

    Returns:
        With the best checkpoint before the collapse; from an alarm on, the best few are pinned.
    """
    best = [row["path"] for row in best_first(rows, health, keep, keep.top)]
    pinned = [*health.pinned, *(best if health.alarm is not None else ())]
    listed = {row["path"] for row in rows}
    return replace(
        health,
        pre_collapse=best[0] if best else None,
        pinned=tuple(path for path in dict.fromkeys(pinned) if path in listed),
    )

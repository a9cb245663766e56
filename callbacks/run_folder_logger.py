"""The logger that needs nothing: all numbers of a run in ``metrics.csv``.

W&B and TensorBoard come and go; this file is always there, and the report is drawn from it.
"""

import csv
import io
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from callbacks.durable import append_line, drop_torn_line, whole_lines, write_atomically
from callbacks.run_folder import AXES, RunFolder


class RunFolderLogger(Logger):
    """Append the logged numbers to ``metrics.csv``, one row per call.

    Rows wait in memory for a few seconds and are written at every checkpoint, so that a run that
    goes on from a checkpoint finds each row up to that moment. A name that was never logged before
    becomes a new last column.

    Args:
        run_folder: folder of the run.
        flush_seconds: longest time that a row waits in memory.

    Raises:
        ValueError: ``flush_seconds`` is negative.
    """

    def __init__(self, run_folder: str | Path, flush_seconds: float = 3.0) -> None:
        super().__init__()
        if flush_seconds < 0:
            raise ValueError(
                f"RunFolderLogger: flush_seconds must be 0 or more, got {flush_seconds}; use 0 to "
                "write each row at once"
            )
        self.run = RunFolder(run_folder)
        self.flush_seconds = flush_seconds
        self._columns: list[str] | None = None
        self._axes: dict[str, float] = {}
        self._rows: list[dict[str, float]] = []
        self._offset = 0.0
        self._flushed = self._started = time.monotonic()

    @property
    def name(self) -> str:
        """The name of the run folder."""
        return self.run.path.name

    @property
    def version(self) -> str:
        """Empty: a run folder has no versions."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run folder."""
        return str(self.run.path)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Do nothing: all settings are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add one row.

        Args:
            metrics: numbers by name, with the axes ``images_seen``, ``generator_steps``,
                ``discriminator_steps`` and ``round`` among them; an axis that is left out keeps its
                last value.
            step: Lightning's count of batches; not used, because images_seen is the axis.
        """
        self._open()
        self._axes["wall_s"] = round(self._offset + time.monotonic() - self._started, 3)
        self._axes.update({axis: metrics[axis] for axis in AXES if axis in metrics})
        self._rows.append({**metrics, **self._axes})
        self.save()

    def save(self) -> None:
        """Write the waiting rows when they have waited long enough."""
        if time.monotonic() - self._flushed >= self.flush_seconds:
            self.flush()

    @rank_zero_only
    def flush(self) -> None:
        """Write all waiting rows and wait until they are on the disk.

        Raises:
            StorageError: the disk refused; the rows go on waiting.
        """
        self._flushed = time.monotonic()
        if not self._rows:
            return
        columns = self._open()
        logged = dict.fromkeys(name for row in self._rows for name in row)
        new = [name for name in logged if name not in columns]
        path = self.run.metrics_path
        if new or not path.exists():
            # A longer header means a new file: the old rows get empty cells at their ends.
            old = [line + "," * len(new) for line in whole_lines(path)[1:]]
            columns = self._columns = columns + new
            lines = [_line(columns), *old, *self._lines(columns)]
            write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
        else:
            append_line(path, "\n".join(self._lines(columns)).encode())
        self._rows.clear()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is waiting at the end of training, whether it went well or not."""
        self.flush()

    def _open(self) -> list[str]:
        """Return the columns; at first go on where the file of an earlier process ends."""
        if self._columns is None:
            drop_torn_line(self.run.metrics_path)
            header = next(iter(csv.reader(whole_lines(self.run.metrics_path)[:1])), list(AXES))
            rows = self.run.read_metrics()
            last = rows[-1] if rows else {}
            self._axes = {axis: last[axis] for axis in AXES if axis in last}
            self._offset = self._axes.get("wall_s", 0.0)
            self._columns = header
        return self._columns

    def _lines(self, columns: list[str]) -> list[str]:
        return [_line([_cell(name, row.get(name)) for name in columns]) for row in self._rows]


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cell(name: str, value: float | None) -> str:
    """Write a number so that it reads back as the same number; counts have no decimal point."""
    if value is None:
        return ""
    return str(int(value)) if name in AXES and name != "wall_s" else repr(float(value))

"""TensorBoard with images_seen as its axis, and without the power to stop a run."""

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.loggers.logger import DummyExperiment, rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from callbacks.logger_guard import attempt
from callbacks.run_folder import RunFolder


class GuardedTensorBoardLogger(TensorBoardLogger):
    """Lightning's TensorBoard logger, writing into ``tensorboard/`` of a run folder.

    Args:
        run_folder: folder of the run.
    """

    def __init__(self, run_folder: str | Path) -> None:
        folder = RunFolder(run_folder).tensorboard_path
        super().__init__(save_dir=folder, name="", version="", default_hp_metric=False)
        self._images_seen = 0

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The event writer, opened now if need be; one that swallows all calls elsewhere."""
        if self._experiment is None:
            parent = super()
            _silence_writer_threads()
            attempt(self, "start", lambda: parent.experiment)  # type: ignore[attr-defined]
        return self._experiment or DummyExperiment()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Write one row at its images_seen.

        Args:
            metrics: numbers by name; without ``images_seen`` among them, its last value is used.
            step: Lightning's count of batches; not used.
        """
        self._images_seen = int(metrics.get("images_seen", self._images_seen))
        attempt(self, "numbers", lambda: self._add(metrics))

    def _add(self, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            if name != "images_seen":
                self.experiment.add_scalar(name, value, self._images_seen)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: all settings are in config.yaml."""

    @rank_zero_only
    def save(self) -> None:
        """Hand over what is waiting to be written."""
        attempt(self, "numbers", self.experiment.flush)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the event file."""
        writer, self._experiment = self._experiment, None
        if writer is not None:
            attempt(self, "end of run", writer.close)


@functools.cache
def _silence_writer_threads() -> None:
    """Keep a traceback of TensorBoard's threads off the terminal.

    They write the events, keep the error that ends them, and raise it at the next write of ours,
    where it becomes one line.
    """
    others = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not type(args.thread).__module__.startswith("tensorboard"):
            others(args)

    threading.excepthook = hook

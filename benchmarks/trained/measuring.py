"""What a process of the pool does: train a job for a seed, unless it has been, and measure it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

from benchmarks.trained.task import Measures
from benchmarks.trained.training import trained
from callbacks.run_folder import RunFolder
from experiments.opening import OpenedRun, open_run


def one(benchmark: str, name: str, number: int, seed: int, out: Path) -> Measures:
    """The measures of a task's job, by its number, for one seed.

    Args:
        benchmark: the package, such as ``benchmarks.domains``; its ``tasks.TASKS`` are the tasks.
        name: of the task.
        number: of the job.
        seed: of the training.
        out: folder of the runs.
    """
    torch.set_num_threads(1)
    tasks = importlib.import_module(f"{benchmark}.tasks").TASKS
    task = next(task for task in tasks if task.name == name)
    run = trained(task.jobs[number], seed, out)
    found: Measures = task.measure(last_of(run))
    minutes = run.read_metrics()[-1]["wall_s"] / 60
    print(f"{run.path.name}: {minutes:.1f} min, {found}", file=sys.stderr, flush=True)
    return found


def last_of(run: RunFolder) -> OpenedRun:
    """A run at its last checkpoint."""
    return open_run(str(run.path), "last", "cpu")

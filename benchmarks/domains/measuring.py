"""What a process of the pool does: train a job for a seed, unless it has been, and measure it."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.domains.task import Measures
from benchmarks.domains.tasks import TASKS
from benchmarks.domains.training import trained
from callbacks.run_folder import RunFolder
from experiments.opening import OpenedRun, open_run


def one(name: str, number: int, seed: int, out: Path) -> Measures:
    """The measures of a task's job, by its number, for one seed."""
    torch.set_num_threads(1)
    task = next(task for task in TASKS if task.name == name)
    run = trained(task.jobs[number], seed, out)
    found = task.measure(last_of(run))
    minutes = run.read_metrics()[-1]["wall_s"] / 60
    print(f"{run.path.name}: {minutes:.1f} min, {found}", file=sys.stderr, flush=True)
    return found


def last_of(run: RunFolder) -> OpenedRun:
    """A run at its last checkpoint."""
    return open_run(str(run.path), "last", "cpu")

"""Two worker processes, one thread each: what takes long is shared out and cached."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import torch

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

WORKERS = 2


def shared_out(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], title: str, workers: int = WORKERS
) -> list[_Result]:
    """Do tasks in worker processes and say on stderr how far they are.

    Args:
        work: a function of a module, for one task.
        tasks: the longest ones first.
        title: for the line of progress.
        workers: processes; 1 does it in this one.

    Returns:
        Results in the order of the tasks.
    """
    if workers == 1 or len(tasks) < 2:
        return [work(task) for task in tasks]
    began = time.perf_counter()
    # Forked children would inherit locked threads of torch.
    context = multiprocessing.get_context("spawn")
    os.environ["OMP_NUM_THREADS"] = "1"
    # Optimizers look for accelerators at every step: without a driver it takes time.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with ProcessPoolExecutor(workers, context, initializer=_quiet) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        for done, _ in enumerate(as_completed(futures), start=1):
            if done % 10 == 0 or done == len(tasks):
                passed = time.perf_counter() - began
                print(f"{title}: {done} of {len(tasks)}, {passed:.0f} s", file=sys.stderr)
        return [future.result() for future in futures]


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")

"""The command of such a benchmark: train, measure, show, print."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.trained.measuring import last_of, one
from benchmarks.trained.task import Measures, Task
from callbacks.durable import write_atomically
from callbacks.memorization_picture import to_png
from callbacks.run_folder import RunFolder
from experiments.arguments import count


def summary(rows: Sequence[Measures]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every measure over the seeds."""
    return {
        name: (
            statistics.mean(row[name] for row in rows),
            statistics.stdev(row[name] for row in rows) if len(rows) > 1 else 0.0,
        )
        for name in rows[0]
    }


def table(
    baselines: Mapping[str, Measures], jobs: Mapping[str, Mapping[str, tuple[float, float]]]
) -> str:
    """Markdown: a row for each baseline and each job, a column for each measure."""
    names = list(dict.fromkeys(n for row in (*jobs.values(), *baselines.values()) for n in row))
    lines = [f"| | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
    for label, found in baselines.items():
        cells = [f"{found[name]:.3g}" if name in found else "" for name in names]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for label, means in jobs.items():
        cells = [f"{means[n][0]:.3g} ± {means[n][1]:.2g}" if n in means else "" for n in names]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(benchmark: str, description: str | None, every_task: Sequence[Task]) -> None:
    """Parse the command line and do what it says.

    Args:
        benchmark: the package, such as ``benchmarks.domains``.
        description: of the command.
        every_task: in the order in which they are told.
    """
    short = benchmark.rpartition(".")[2]
    parser = argparse.ArgumentParser(description=description)
    names = [task.name for task in every_task]
    parser.add_argument("--task", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", type=count, default=3)
    parser.add_argument("--workers", type=count, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs") / short)
    options = parser.parse_args()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    tasks = []
    for task in every_task:
        if task.name in options.task and (missing := task.missing()):
            print(f"{task.name}: left out: {missing}", file=sys.stderr)
        elif task.name in options.task:
            tasks.append(task)
    results: dict[str, object] = {}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        waiting = {
            task.name: {
                job.name: [
                    pool.submit(one, benchmark, task.name, i, s, out) for s in range(options.seeds)
                ]
                for i, job in enumerate(task.jobs)
            }
            for task in tasks
        }
        for task in tasks:
            means = {
                name: summary([job.result() for job in of_seeds])
                for name, of_seeds in waiting[task.name].items()
            }
            runs = {job.name: last_of(RunFolder(out / f"{job.name}-seed0")) for job in task.jobs}
            baselines = task.baselines(runs[task.jobs[0].name].data())
            figures = {} if task.picture is None else {task.name: task.picture(runs)}
            if task.more_pictures is not None:
                figures |= task.more_pictures(runs)
            print(f"\n{task.question}\n\n{table(baselines, means)}\n", flush=True)
            for name, figure in figures.items():
                write_atomically(out / f"{name}.png", to_png(figure))
                print(out / f"{name}.png", flush=True)
            if task.samples is not None:
                print(f"\n{task.samples(runs)}\n", flush=True)
            results[task.name] = {"baselines": baselines, "trained": means}
    print(json.dumps({"benchmark": short, "seeds": options.seeds, "results": results}))

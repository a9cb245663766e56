"""What a study costs beside its runs: ``python -m benchmarks.study``.

A small study on the ring of eight is made, worked off and told in one process. Prints one JSON
object: seconds in runs (training and scoring), seconds of a worker around them (claims, trials,
processes, tables), their ratio, and what is paid once: the first process with its imports, the
check of the settings, the report. The ratio is of runs of a few seconds; ``at_60_s`` says what it
would be for runs of a minute, since the time around a run does not depend on its length.

``--finished FOLDER`` says it of a study that has been run: seconds of its workers from the first
claim to the last result, and how many of them were in runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.study import queue, storage
from experiments.study.children import Children
from experiments.study.command import RECORD
from experiments.study.design import read_design
from experiments.study.plan import planned_runs
from experiments.study.report import write_report
from experiments.study.trials import WORKER, is_result
from experiments.study.worker import Worker


def of_finished(folder: Path) -> dict[str, Any]:
    """Seconds around the runs of a study in this machine's SQLite file, worker by worker."""
    name = json.loads((folder / RECORD).read_text())["name"]
    trials = queue.Queue(storage.open_storage(storage.storage_url(None, folder)), name).trials
    workers: dict[str, list[Any]] = {}
    for trial in trials:
        if is_result(trial) and trial.datetime_complete:
            workers.setdefault(json.dumps(trial.user_attrs[WORKER]), []).append(trial)
    total = sum(
        (max(t.datetime_complete for t in own) - min(t.datetime_start for t in own)).total_seconds()
        for own in workers.values()
    )
    runs = [trial.user_attrs["seconds"] for own in workers.values() for trial in own]
    return {
        "workers": len(workers),
        "runs": len(runs),
        "seconds_in_runs": round(sum(runs), 1),
        "seconds_around": round(total - sum(runs), 1),
        "seconds_around_a_run": round((total - sum(runs)) / len(runs), 2),
        "ratio": round((total - sum(runs)) / sum(runs), 4),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path("experiments/configs/studies/smoke.yaml")
    parser.add_argument("--study", type=Path, default=default)
    parser.add_argument("--finished", type=Path, metavar="FOLDER", help="of a study that was run")
    options = parser.parse_args(argv)
    if options.finished:
        print(json.dumps({"benchmark": "finished study", **of_finished(options.finished)}))
        return 0
    design = read_design(options.study)
    with tempfile.TemporaryDirectory() as name:
        folder, children = Path(name), Children(threads=1)
        began = time.perf_counter()
        ended = children.call("resolving.resolve", design.to_dict())
        if ended.result is None:
            raise RuntimeError(ended.error)
        checked = time.perf_counter()
        plan = {"design": design.to_dict(), "fingerprint": design.fingerprint(), **ended.result}
        plan["runs"] = [run.to_dict() for run in planned_runs(design)]
        shared = storage.open_storage(storage.storage_url(None, folder))
        worker = Worker(queue.create(shared, design, plan), folder, children)
        created = time.perf_counter()
        worker.work()
        worked = time.perf_counter()
        write_report(worker.queue, folder)
        reported = time.perf_counter()
    times, runs = worker.times, len(plan["runs"])
    around = times.total - times.runs
    print(
        json.dumps(
            {
                "benchmark": "study",
                "runs": runs,
                "seconds_in_runs": round(times.runs, 2),
                "seconds_around": round(around, 2),
                "of_these_in_processes": round(times.children - times.runs, 2),
                "ratio": round(around / times.runs, 4),
                "at_60_s": round(around / runs / 60, 4),
                "once": {
                    "imports_and_check": round(checked - began, 2),
                    "creation": round(created - checked, 2),
                    "report": round(reported - worked, 2),
                },
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

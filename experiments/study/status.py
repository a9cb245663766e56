"""What is done, running and waiting, and how long the rest will take."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from experiments.report_page.formatting import duration
from experiments.study.identity import known_dead, this_process
from experiments.study.outcomes import outcomes
from experiments.study.queue import Queue
from experiments.study.trials import RUN, WORKER, is_result, key_of


def status_text(queue: Queue) -> str:
    """A table of variants by state, the workers, and an estimate of the time left."""
    trials, done = queue.trials, {row.key: row for row in outcomes(queue)}
    states = queue.optuna.trial.TrialState
    running = [trial for trial in trials if trial.state == states.RUNNING]
    columns = ("done", "failed", "running", "waiting")
    table: dict[str, Counter[str]] = {}
    for run in queue.runs:
        row = table.setdefault(run.variant, Counter())
        if run.key in done:
            row["failed" if done[run.key].failed else "done"] += 1
        elif any(key_of(trial) == run.key for trial in running):
            row["running"] += 1
        else:
            row["waiting"] += 1
    width = max(map(len, (*table, "variant")))
    lines = [f"{queue.study.study_name}: {len(done)} of {len(queue.runs)} runs have ended"]
    lines += [f"  {'variant':<{width}}" + "".join(f"{name:>9}" for name in columns)]
    lines += [
        f"  {label:<{width}}" + "".join(f"{row[name]:>9}" for name in columns)
        for label, row in table.items()
    ]
    lost = sum(t.state == states.FAIL and not is_result(t) for t in trials)
    if lost:
        lines.append(f"  {lost} attempts were interrupted and taken up again")
    lines += [_worker_line(trial) for trial in running]
    seconds = [row.seconds for row in done.values() if row.seconds]
    left = len(queue.runs) - len(done)
    if seconds and left:
        workers = max(1, len(running))
        rest = left * sum(seconds) / len(seconds) / workers
        lines.append(f"  about {duration(rest)} left with {workers} at work")
    return "\n".join(lines)


def _worker_line(trial: Any) -> str:
    worker = trial.user_attrs.get(WORKER, {"host": "?", "pid": "?"})
    began = trial.datetime_start
    since = duration((datetime.now() - began).total_seconds()) if began else "-"
    gone = WORKER in trial.user_attrs and known_dead(worker, this_process())
    state = "is gone, the next worker takes it up again" if gone else f"since {since}"
    return f"  {trial.user_attrs[RUN]['key']}: worker {worker['pid']} on {worker['host']}, {state}"

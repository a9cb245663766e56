"""A worker: takes run after run, each in a child, until nothing is left or a signal comes."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.errors import PREEMPTED
from experiments.study.children import Children, Ended
from experiments.study.design import Design, design_of
from experiments.study.heartbeat import Heartbeat
from experiments.study.outcomes import best_draw, by_setting, outcome_of, outcomes
from experiments.study.plan import FINAL, PlannedRun, reporting_seed
from experiments.study.queue import Queue
from experiments.study.trials import OUTCOME, RUN

#: Seconds between two looks of a worker that waits for others.
_LOOK_S = 1.0
_KEPT = ("state", "chosen", "reported", "images_seen", "chosen_images", "early", "error")


@dataclass
class Times:
    """Where the time of a worker went, in seconds.

    Attributes:
        runs: inside runs: training and scoring, as the runs measured it.
        children: around them, from asking for a child until it had answered.
        waiting: for others.
        total: since the first claim.
    """

    runs: float = 0.0
    children: float = 0.0
    waiting: float = 0.0
    total: float = 0.0


@dataclass
class Worker:
    """Works on a study.

    Args:
        queue: of the study.
        folder: of the study.
        children: where runs are trained.
        device: auto, cpu or cuda, for the scores.

    Attributes:
        times: of this worker.
    """

    queue: Queue
    folder: Path
    children: Children
    device: str = "auto"
    times: Times = field(default_factory=Times)
    _stopping: bool = False
    _busy: dict[str, float] = field(default_factory=dict)

    def work(self) -> int:
        """Take runs until none is left; returns 0, or 143 after a signal."""
        before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        began = time.perf_counter()
        try:
            while not self._stopping:
                trial = self.queue.claim(self._held())
                if trial is not None:
                    self._play(trial)
                elif self.queue.unfinished():
                    # Others are at them; what they leave behind will be found.
                    time.sleep(_LOOK_S)
                    self.times.waiting += _LOOK_S
                else:
                    break
        finally:
            self.times.total = time.perf_counter() - began
            for number, handler in before.items():
                signal.signal(number, handler)
        return PREEMPTED if self._stopping else 0

    def _stop(self, number: int, frame: Any) -> None:
        self._stopping = True
        os.write(2, b"\nstopping: the run is saved and given back\n")

    def _held(self) -> frozenset[str]:
        """Runs whose folder another process still holds: it saves itself, or knows no better."""
        now = time.monotonic()
        return frozenset(key for key, until in self._busy.items() if until > now)

    def _play(self, trial: Any) -> None:
        run = PlannedRun.from_dict(trial.user_attrs[RUN])
        design = design_of(self.queue.plan["design"])
        began = time.perf_counter()
        if run.stage == FINAL:
            settled = self._settled(run, design)
            if settled is None:
                self._keep(trial, design, {"outcome": "failed", "error": "no setting has a score"})
                return
            run = settled
            self.queue.storage.set_trial_user_attr(trial._trial_id, RUN, run.to_dict())
        job = job_of(self.queue.plan, design, run, self.folder, self.children.threads, self.device)
        with Heartbeat(self.queue.storage, trial):
            log = self.folder / "logs" / f"{run.key}.log"
            limit, asked = design.time_limit_s, lambda: self._stopping
            ended = self.children.call("trial.play", job, log, limit, asked)
            if ended.timed_out:
                # What it had reached is kept beside the verdict.
                scored = self.children.call("trial.play", {**job, "score_only": True}, log)
                ended = replace(scored, timed_out=True)
        self.times.children += time.perf_counter() - began
        self._settle(trial, design, run, ended)

    def _settle(self, trial: Any, design: Design, run: PlannedRun, ended: Ended) -> None:
        result = ended.result
        if result is not None:
            self.times.runs += result.get("elapsed", 0.0)
        if result is not None and result["outcome"] == "busy":
            print(f"{run.key}: {result['error']}; looking again later", file=sys.stderr)
            self._busy[run.key] = time.monotonic() + 5.0
            self.queue.put_back(trial)
        elif (result is None or result["outcome"] == "stopped") and self._stopping:
            self.queue.put_back(trial)
        elif result is None and not ended.error and not ended.timed_out:
            print(f"{run.key}: its process was killed (signal {ended.signal})", file=sys.stderr)
            self.queue.put_back(trial, lost=True)
        elif result is not None and result["outcome"] == "stopped" and not ended.timed_out:
            # Somebody else's signal; it goes on like any other that was interrupted.
            self.queue.put_back(trial)
        else:
            result = result or {"outcome": "failed", "error": ended.error or "killed at its limit"}
            self._keep(trial, design, result, ended.timed_out)

    def _keep(
        self, trial: Any, design: Design, result: Mapping[str, Any], timed_out: bool = False
    ) -> None:
        outcome = outcome_of(result, timed_out)
        run = trial.user_attrs[RUN]
        seconds = float(result.get("seconds", 0.0))
        attributes: dict[str, Any] = {name: result.get(name) for name in _KEPT}
        attributes |= {
            OUTCOME: outcome,
            "seconds": round(seconds, 3),
            "folder": str(self.folder / run["key"]),
        }
        chosen = result.get("chosen")
        bad = math.inf if design.direction == "min" else -math.inf
        failed = outcome in design.failures or chosen is None
        state = "FAIL" if outcome == "failed" else "PRUNED" if result.get("early") else "COMPLETE"
        self.queue.finish(trial, attributes, bad if failed else float(chosen), state)  # type: ignore[arg-type]
        left = len(self.queue.unfinished())
        score = "no score" if chosen is None else f"{design.metric} {chosen:.4g}"
        why = f" ({result['error']})" if result.get("error") else ""
        print(f"{run['key']}: {outcome}, {score}, {seconds:.1f} s; {left} left{why}")
        sys.stdout.flush()

    def _settled(self, run: PlannedRun, design: Design) -> PlannedRun | None:
        """A final run with the setting that the search has found best."""
        rows = outcomes(self.queue)
        draw = best_draw(rows, run.variant, design.direction)
        if draw is None:
            return None
        setting = by_setting(rows, run.variant)[draw][0].setting
        return PlannedRun.from_dict({**run.to_dict(), "draw": draw, "setting": setting})


def job_of(
    plan: Mapping[str, Any],
    design: Design,
    run: PlannedRun,
    folder: Path,
    threads: int,
    device: str,
) -> dict[str, Any]:
    """What a child must know of a run."""
    return {
        "key": run.key,
        "run": run.to_dict(),
        "design": plan["design"],
        "tree": plan["trees"][run.variant],
        "folder": str(folder / run.key),
        "settings_file": str(folder / "settings" / f"{run.key}.yaml"),
        "group": design.name,
        "threads": threads,
        "device": device,
        "metric": design.metric,
        "direction": design.direction,
        "samples": design.samples,
        "stop_early": list(design.stop_early),
        "reporting_split": design.reporting_split,
        "reporting_seed": reporting_seed(design, run.key),
    }

"""Who does which run: trials of one Optuna study, claimed one at a time, never lost.

``Study.ask`` makes a new trial where none waits, and takes them in their order. Here all trials are
known in advance, final ones have to wait for the search, and two workers that look at once must not
invent a run between them. So a waiting trial is claimed by the storage's own transition from
waiting to running, which only one of several succeeds with.

A trial whose worker is gone is failed and its run queued once more: at once where the process is
known to be dead on this host, else when its heartbeat has been silent for a minute. Optuna's own
callback for that copies what the dead worker had said of itself, and may die halfway; here every
run without a trial alive is queued, by whoever looks, and of two that do the first counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from experiments.errors import CommandError
from experiments.study.design import Design
from experiments.study.identity import known_dead, this_process
from experiments.study.plan import FINAL, PlannedRun, planned_runs
from experiments.study.storage import SILENCE_S, optuna
from experiments.study.trials import (
    OUTCOME,
    PUT_BACK,
    RUN,
    SUPERSEDED,
    WORKER,
    is_result,
    key_of,
    waiting,
)


class Queue:
    """The trials of one study.

    Args:
        storage: see :func:`experiments.study.storage.open_storage`.
        name: of the study.

    Raises:
        CommandError: the storage has no study of this name that is one of ours.
    """

    def __init__(self, storage: Any, name: str) -> None:
        self.optuna, self.storage = optuna(), storage
        try:
            self.study = self.optuna.load_study(study_name=name, storage=storage)
            self.plan: dict[str, Any] = json.loads(self.study.user_attrs["plan"])
        except KeyError as error:
            names = [one.study_name for one in self.optuna.get_all_study_summaries(storage, False)]
            there = f"there is {', '.join(names)}" if names else "it holds none"
            raise CommandError(
                f"study: storage must hold the study {name!r} as 'study run' made it, got no such "
                f"one; {there}"
            ) from error

    @property
    def runs(self) -> list[PlannedRun]:
        """All runs as they were planned."""
        return [PlannedRun.from_dict(values) for values in self.plan["runs"]]

    @property
    def trials(self) -> list[Any]:
        """All trials, of which some may be attempts that were lost."""
        return list(self.study.get_trials(deepcopy=False))

    # -- taking ------------------------------------------------------------------------------------

    def claim(self, exclude: frozenset[str] = frozenset()) -> Any | None:
        """Take a waiting trial whose turn it is; None where there is none.

        Args:
            exclude: keys of runs that somebody else holds at the moment.
        """
        self.recover()
        trials = self.trials
        done = self._searched(trials)
        states = self.optuna.trial.TrialState
        for trial in trials:
            if trial.state != states.WAITING or key_of(trial) in exclude:
                continue
            run = trial.user_attrs[RUN]
            if run["stage"] == FINAL and run["variant"] not in done:
                continue
            if not self._take(trial):
                continue
            if self._superseded(trial):
                self.storage.set_trial_user_attr(trial._trial_id, SUPERSEDED, True)
                self.storage.set_trial_state_values(trial._trial_id, states.FAIL)
                continue
            return trial
        return None

    def _take(self, trial: Any) -> bool:
        states = self.optuna.trial.TrialState
        try:
            taken = self.storage.set_trial_state_values(trial._trial_id, states.RUNNING)
        except self.optuna.exceptions.UpdateFinishedTrialError:
            return False
        if taken:
            self.storage.record_heartbeat(trial._trial_id)
            self.storage.set_trial_user_attr(trial._trial_id, WORKER, this_process())
        return bool(taken)

    def _superseded(self, trial: Any) -> bool:
        """Whether another trial of the same run is done, or was taken before."""
        states = self.optuna.trial.TrialState
        for other in self.trials:
            if other.number == trial.number or key_of(other) != key_of(trial):
                continue
            if is_result(other) or (other.state == states.RUNNING and other.number < trial.number):
                return True
        return False

    def _searched(self, trials: Sequence[Any]) -> set[str]:
        """Variants whose search is over."""
        ended = {key_of(trial) for trial in trials if is_result(trial)} | self.given_up(trials)
        waiting = {run.variant for run in self.runs if run.stage != FINAL and run.key not in ended}
        return {run.variant for run in self.runs} - waiting

    # -- giving back -------------------------------------------------------------------------------

    def finish(self, trial: Any, attributes: Mapping[str, Any], value: float, state: str) -> None:
        """Keep a result.

        Args:
            trial: claimed before.
            attributes: user attributes; the outcome is written last, because it makes a result.
            value: what the dashboard shows; infinite for a failure.
            state: COMPLETE, PRUNED or FAIL.
        """
        for name, one in sorted(attributes.items(), key=lambda pair: pair[0] == OUTCOME):
            self.storage.set_trial_user_attr(trial._trial_id, name, one)
        kept = getattr(self.optuna.trial.TrialState, state)
        try:
            # Only a complete trial may have a value in Optuna; the others have it as an attribute.
            if state == "COMPLETE":
                self.storage.set_trial_state_values(trial._trial_id, kept, [value])
            else:
                self.storage.set_trial_state_values(trial._trial_id, kept)
        except self.optuna.exceptions.UpdateFinishedTrialError:
            print(
                f"run {key_of(trial)} was given to another worker meanwhile; its own result counts",
                file=sys.stderr,
            )

    def put_back(self, trial: Any, lost: bool = False) -> None:
        """Queue a claimed trial once more.

        Args:
            trial: claimed before.
            lost: whether its process was killed, which is not done for ever; else its worker stops.
        """
        states = self.optuna.trial.TrialState
        try:
            if not lost:
                self.storage.set_trial_user_attr(trial._trial_id, PUT_BACK, True)
            self.storage.set_trial_state_values(trial._trial_id, states.FAIL)
        except self.optuna.exceptions.UpdateFinishedTrialError:
            return
        self._queue_the_missing()

    def recover(self) -> list[str]:
        """Queue what dead workers have left; returns the keys of the runs.

        A worker may also die between failing a trial and queueing its run once more.
        """
        states = self.optuna.trial.TrialState
        here, found = this_process(), []
        for trial in self.trials:
            if trial.state != states.RUNNING or not self._abandoned(trial, here):
                continue
            try:
                self.storage.set_trial_state_values(trial._trial_id, states.FAIL)
            except self.optuna.exceptions.UpdateFinishedTrialError:
                continue
            found.append(key_of(trial))
            worker = trial.user_attrs.get(WORKER, {"pid": "unknown", "host": "unknown"})
            print(
                f"worker {worker['pid']} on {worker['host']} is gone: run {key_of(trial)} is taken "
                "up again from its last checkpoint",
                file=sys.stderr,
            )
        self.optuna.storages.fail_stale_trials(self.study)
        self._queue_the_missing()
        return found

    def _abandoned(self, trial: Any, here: Mapping[str, Any]) -> bool:
        """Whether a worker is known to be dead, or died before it could say who it is."""
        worker = trial.user_attrs.get(WORKER)
        if worker:
            return known_dead(worker, here)
        began = trial.datetime_start
        return began is not None and datetime.now() - began > timedelta(seconds=SILENCE_S)

    def _queue_the_missing(self) -> None:
        trials = self.trials
        states = self.optuna.trial.TrialState
        alive = {
            key_of(trial)
            for trial in trials
            if is_result(trial) or trial.state in (states.WAITING, states.RUNNING)
        }
        for run in self.runs:
            if run.key not in alive and run.key not in self.given_up(trials):
                self._add(run)

    def given_up(self, trials: Sequence[Any]) -> set[str]:
        """Keys of runs that were lost more often than they are taken up again."""
        lost: dict[str, int] = {}
        for trial in trials:
            if trial.state == self.optuna.trial.TrialState.FAIL and not is_result(trial):
                if trial.user_attrs.get(PUT_BACK) or trial.user_attrs.get(SUPERSEDED):
                    continue
                lost[key_of(trial)] = lost.get(key_of(trial), 0) + 1
        done = {key_of(trial) for trial in trials if is_result(trial)}
        return {key for key, n in lost.items() if n > self.plan["design"]["retries"]} - done

    def _add(self, run: PlannedRun) -> None:
        self.study.add_trial(waiting(run, self.plan["design"]))

    def grow(self, design: Design) -> None:
        """Plan and queue what ``design`` has more final runs than the plan."""
        runs = [run.to_dict() for run in planned_runs(design)]
        self.plan = {**self.plan, "design": design.to_dict(), "runs": runs}
        self.study.set_user_attr("plan", json.dumps(self.plan))
        self.recover()

    def unfinished(self) -> list[str]:
        """Keys of the runs that are still to be done."""
        trials = self.trials
        ended = {key_of(trial) for trial in trials if is_result(trial)} | self.given_up(trials)
        return [run.key for run in self.runs if run.key not in ended]


def create(storage: Any, design: Design, plan: Mapping[str, Any]) -> Queue:
    """Make the study and all of its trials, or find the same one as it was left.

    Raises:
        CommandError: the name is taken by another study.
    """
    found = optuna()
    direction = "minimize" if design.direction == "min" else "maximize"
    try:
        study = found.create_study(storage=storage, study_name=design.name, direction=direction)
    except found.exceptions.DuplicatedStudyError:
        study = found.load_study(study_name=design.name, storage=storage)
        if "plan" in study.user_attrs or study.get_trials(deepcopy=False):
            return reopen(storage, design)
    study.set_user_attr("plan", json.dumps(plan))
    queue = Queue(storage, design.name)
    queue.recover()
    return queue


def reopen(storage: Any, design: Design) -> Queue:
    """The study of this name, if it is this one; with more final runs, if it has more now.

    Raises:
        CommandError: it is another, or has fewer final runs than were planned before.
    """
    queue = Queue(storage, design.name)
    if queue.plan["fingerprint"] != design.fingerprint():
        raise CommandError(
            f"study: name must be new in its storage, got {design.name!r}, which is taken by a "
            "study of other settings; choose another name, or restore its YAML to go on with it"
        )
    planned = queue.plan["design"]["final_seeds"]
    if design.final_seeds < planned:
        raise CommandError(
            f"study: final_seeds must not fall below the {planned} that are planned, got "
            f"{design.final_seeds}; raise it, or choose another name"
        )
    if design.final_seeds > planned:
        queue.grow(design)
    return queue

"""What a trial of Optuna says of a run, and the trial that a run begins as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from experiments.study.plan import PlannedRun
from experiments.study.storage import optuna

#: User attributes of a trial.
RUN, WORKER, OUTCOME = "run", "worker", "outcome"
#: Of failed trials that are no failures: given back, and not needed.
PUT_BACK, SUPERSEDED = "put_back", "superseded"


def key_of(trial: Any) -> str:
    """The run that a trial is an attempt at."""
    return str(trial.user_attrs[RUN]["key"])


def is_result(trial: Any) -> bool:
    """Whether a trial says how its run ended; others are waiting, running, or lost."""
    return trial.state.is_finished() and OUTCOME in trial.user_attrs


def waiting(run: PlannedRun, design: Mapping[str, Any]) -> Any:
    """A trial that waits, with its parameters where the dashboard looks for them."""
    found = optuna()
    distributions = _distributions(design)
    setting = {path: plain_text(value) for path, value in run.setting.items()}
    params = {"variant": run.variant, **setting}
    return found.create_trial(
        state=found.trial.TrialState.WAITING,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={RUN: run.to_dict()},
    )


def plain_text(value: Any) -> Any:
    """A value that a column may hold."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def _distributions(design: Mapping[str, Any]) -> dict[str, Any]:
    """One for each path over all variants: Optuna's columns know no variants."""
    found = optuna().distributions
    labels = [one["label"] for one in design["variants"]]
    kinds: dict[str, tuple[str, list[Any]]] = {}
    for variant in design["variants"]:
        for path, one in variant["space"].items():
            ((kind, values),) = one.items()
            values = [plain_text(value) for value in values]
            before = kinds.get(path, (kind, []))[1]
            kinds[path] = (kind, before + [value for value in values if value not in before])
    distributions: dict[str, Any] = {"variant": found.CategoricalDistribution(labels)}
    for path, (kind, values) in kinds.items():
        if kind == "choice":
            distributions[path] = found.CategoricalDistribution(values)
        elif kind == "int_uniform":
            distributions[path] = found.IntDistribution(min(values), max(values))
        else:
            distributions[path] = found.FloatDistribution(
                min(values), max(values), log=kind == "log_uniform"
            )
    return distributions

"""A small study without training: its design, and its trials in a SQLite file."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.study import computing
from experiments.study.design import Design, design_of
from experiments.study.plan import planned_runs
from experiments.study.queue import Queue, create
from experiments.study.storage import open_storage

GIVEN: dict[str, Any] = {
    "name": "tiny",
    "metric": "fd",
    "draws": 3,
    "seeds": 2,
    "final_seeds": 2,
    "budget_images": 1000,
    "variants": [
        {
            "label": label,
            "config": "experiments/configs/unconditional/gan.yaml",
            "space": {"model.init_args.generator_lr": {"log_uniform": [1e-5, 1e-2]}},
        }
        for label in ("a", "b")
    ],
}


def plan_of(design: Design) -> dict[str, Any]:
    """As if the settings had been tried."""
    return {
        "design": design.to_dict(),
        "fingerprint": design.fingerprint(),
        "runs": [run.to_dict() for run in planned_runs(design)],
        "trees": {
            one.label: {"loggers": {"wandb": "disabled"}, "model": {}} for one in design.variants
        },
        "score": "fd_identity@1k",
        "reported": "fd_identity@1k",
        "protocol": {"n_real": 900, "split": "train"},
    }


def made(url: str, **changes: Any) -> Queue:
    """A study of which nothing has been done."""
    design = design_of(json.loads(json.dumps({**GIVEN, **changes})))
    return create(open_storage(url), design, plan_of(design))


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to tell what is far apart, in a tenth of the time."""
    monkeypatch.setattr(computing, "RESAMPLES", 100)
    monkeypatch.setattr(computing, "SHUFFLES", 60)


@pytest.fixture
def study_design() -> Design:
    return design_of(GIVEN)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def queue(url: str) -> Queue:
    return made(url)

"""One more run in the group of a study in W&B: the table of all runs, and the curves."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from callbacks.logger_guard import attempt
from experiments.study.outcomes import Outcome
from experiments.study.results import Results

_FOLDER = "summary"


def send_summary(results: Results, picture: bytes, folder: Path, plan: dict[str, Any]) -> bool:
    """Send the results where the runs of the study were sent; returns whether they were.

    Args:
        results: of the study.
        picture: the budget curves, PNG.
        folder: of the study.
        plan: with the resolved settings, which say whether and where runs are sent.
    """
    loggers = next(iter(plan["trees"].values()))["loggers"]
    if loggers["wandb"] == "disabled" or os.environ.get("WANDB_MODE") == "disabled":
        return False
    import wandb

    from callbacks.wandb_logging import GuardedWandbLogger

    os.environ["WANDB_RUN_GROUP"] = results.design.name
    where = folder / _FOLDER
    where.mkdir(exist_ok=True)
    (where / "budget.png").write_bytes(picture)
    logger = GuardedWandbLogger(
        where, results.design.to_dict(), loggers["wandb"], loggers["project"], loggers["entity"]
    )
    names = [one.name for one in fields(Outcome) if one.name != "setting"]
    paths = sorted({path for row in results.rows for path in row.setting})
    table = wandb.Table(columns=[*names, *paths], allow_mixed_types=True)
    for row in results.rows:
        cells = asdict(row)
        settings = [_cell(row.setting.get(path)) for path in paths]
        table.add_data(*[cells[name] for name in names], *settings)

    def send() -> None:
        image = wandb.Image(str(where / "budget.png"))
        logger.experiment.log({"study/runs": table, "study/budget": image})

    try:
        return attempt(logger, "table of the study", send)
    finally:
        logger.finalize("success")
        os.environ.pop("WANDB_RUN_GROUP", None)


def _cell(value: Any) -> Any:
    return str(value) if isinstance(value, list | dict) else value

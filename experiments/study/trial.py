"""One run of a study in a process of its own: trained, or gone on with, then scored.

The checkpoint with the best score of the training is scored once more with latents and reals that
no choice has seen; that number is the one that is reported.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import yaml

from callbacks.durable import write_atomically
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning
from experiments.errors import PREEMPTED, is_user_error
from experiments.evaluate import of_run
from experiments.fit import train
from experiments.resume import check_variant, choose, go_on
from experiments.study.plan import PlannedRun
from experiments.study.resolving import settings_for
from experiments.study.scores import best_row, value_of
from experiments.study.stopping import StopEarly
from gan_modules.engine.referee import NonFiniteError

log = logging.getLogger(__name__)

RESULT = "trial.json"
_GROUP = "WANDB_RUN_GROUP"


def play(job: dict[str, Any]) -> dict[str, Any]:
    """Train and score one run; see :func:`experiments.study.worker.job_of` for the job.

    Returns:
        ``outcome``, ``state``, ``chosen`` (best score of the training), ``reported``,
        ``images_seen``, ``chosen_images``, ``elapsed`` seconds of this attempt, ``seconds`` of all,
        ``early`` and ``error``. Outcome ``stopped`` is of a run that a signal ended, to be gone on
        with; ``busy`` of one that another process holds.
    """
    quiet_lightning()
    torch.set_num_threads(job["threads"])
    os.environ[_GROUP] = job["group"]
    run = RunFolder(job["folder"])
    began, before = time.perf_counter(), seconds_of(run)
    result: dict[str, Any] = {"outcome": "finished", "error": "", "early": ""}
    stop = StopEarly(tuple(job["stop_early"]))
    try:
        job["settings"] = settings_for(job["design"], job["tree"], PlannedRun.from_dict(job["run"]))
        if not job.get("score_only"):
            settings = write_settings(job)
            if _trained(run, settings, stop) == PREEMPTED:
                result["outcome"] = "stopped"
    except NonFiniteError as error:
        result |= {"outcome": "diverged", "error": one_line(error)}
    except Exception as error:
        if "written by one process at a time" in str(error):
            return {"outcome": "busy", "error": one_line(error)}
        if not is_user_error(error):
            log.exception("run %s failed", job["key"])
        result |= {"outcome": "failed", "error": one_line(error)}
    finally:
        os.environ.pop(RUN_DIR, None)
    result["early"] = stop.stopped
    if result["outcome"] != "stopped":
        result |= scored(run, job)
    result["elapsed"] = time.perf_counter() - began
    result["seconds"] = before + result["elapsed"]
    if run.path.is_dir():
        write_atomically(run.path / RESULT, (json.dumps(result, indent=1) + "\n").encode())
    return result


def write_settings(job: dict[str, Any]) -> Path:
    """Write the settings of a run where anybody may train from them; returns the file."""
    file = Path(job["settings_file"])
    file.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(job["settings"], sort_keys=False)
    write_atomically(file, f"# ganagerie fit --config {file}\n{text}".encode())
    return file


def seconds_of(run: RunFolder) -> float:
    """What earlier attempts have taken, as far as the run's files remember."""
    rows = run.read_metrics()
    return float(rows[-1].get("wall_s", 0.0)) if rows else 0.0


def _trained(run: RunFolder, settings: Path, stop: StopEarly) -> int:
    """Begin, or go on from the last checkpoint; returns the exit code of ``fit``."""
    if run.path.is_dir() and not run.record_path.is_file():
        # A kill in the moment in which the folder was made; there is nothing of a run in it.
        with sole_writer(run.path):
            shutil.rmtree(run.path)
    if not run.path.is_dir():
        cli = GanCLI(["--config", str(settings)], run_dir=run.path, more_callbacks=[stop])
        return train(cli)
    with sole_writer(run.path):
        if run.read_run()["status"] in ("finished", "failed"):
            return 0
        entry = choose(run, "last", forked=False)
        words = ["--config", str(run.config_path)]
        cli = GanCLI(words, run_dir=run.path, more_callbacks=[stop])
        check_variant(cli, run, entry)
        return go_on(cli, run, entry)


def scored(run: RunFolder, job: dict[str, Any]) -> dict[str, Any]:
    """Choose the best checkpoint of a run, score it where nothing was chosen, drop the others."""
    found: dict[str, Any] = {
        "state": "",
        "chosen": None,
        "reported": None,
        "images_seen": 0,
        "chosen_images": None,
    }
    if not run.record_path.is_file():
        return found
    health = run.read_health()
    if health is not None:
        found["state"] = "partial" if health.severity == "partial" else health.state
    rows = run.read_evaluations()
    index = run.read_index()["checkpoints"]
    seen = [row["images_seen"] for row in [*index, *run.read_history()]]
    found["images_seen"] = max(seen, default=0)
    there = {row["images_seen"]: row["path"] for row in index}
    rows = [row for row in rows if row["images_seen"] in there]
    best = best_row(rows, job["metric"], job["direction"])
    if best is None:
        return found
    value, row = best
    evaluation = job["settings"]["evaluation"]
    options = SimpleNamespace(
        run=str(run.path),
        checkpoint=there[row["images_seen"]],
        device=job["device"],
        samples=job["samples"],
        split=job["reporting_split"],
        space=evaluation["space"],
        inception_weights=evaluation["inception_weights"],
        temperatures=None,
        seed=job["reporting_seed"],
    )
    result = of_run(options)
    reported = value_of(result, job["metric"])
    found |= {"chosen": value, "chosen_images": row["images_seen"], "reported": reported}
    with sole_writer(run.path):
        for other in there.values():
            if other != options.checkpoint:
                run.drop_checkpoint(other)
    return found


def one_line(error: BaseException) -> str:
    """An error's type and the beginning of its text."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]

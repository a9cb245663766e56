"""Training a job for one seed, by the command that users have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.trained.task import Job
from callbacks.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


def settings(job: Job) -> dict[str, Any]:
    """The YAML of a job: the shipped one with the job's changes, and no scores on the way."""
    text = (ROOT / "experiments" / "configs" / job.config).read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    for name, value in job.settings.items():
        *path, last = name.split(".")
        part = found
        for key in path:
            part = part.setdefault(key, {})
        part[last] = value
    found["trainer"] |= {"accelerator": "cpu", "enable_progress_bar": False}
    # Scores on the way cost time; a job may ask for them.
    found.setdefault("evaluation", {}).setdefault("every_n_images", None)
    found["loggers"] = {"wandb": "disabled"}
    return found


def trained(job: Job, seed: int, out: Path) -> RunFolder:
    """The finished run: trained with one thread unless it has been; a stopped one goes on.

    Raises:
        RuntimeError: when the command fails; the log is named.
    """
    run = RunFolder(out / f"{job.name}-seed{seed}")
    if not run.record_path.exists():
        config = out / f"{job.name}.yaml"
        config.write_text(yaml.safe_dump(settings(job)))
        words = ["fit", f"--config={config}", f"--seed_everything={seed}", f"--run_dir={run.path}"]
    elif run.read_run()["status"] != "finished":
        words = ["resume", str(run.path)]
    else:
        return run
    log = out / f"{run.path.name}.log"
    with open(log, "a") as file:
        done = subprocess.run(
            [sys.executable, "-m", "experiments", *words],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{run.path.name}: exit code {done.returncode}; see {log}")
    return run

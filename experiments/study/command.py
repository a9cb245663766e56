"""``ganagerie study``: variants, settings and seeds, searched by any number of workers."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.arguments import OneLineParser, count
from experiments.errors import CommandError
from experiments.study.design import Design, read_design

RECORD = "study.json"
_DESCRIPTION = """Are GANs created equal? Random search over settings and seeds of several variants,
failures counted; then what may be said of the results."""


def main(argv: Sequence[str]) -> int:
    """Run one of the sub-commands; returns its exit code."""
    options = parser().parse_args(argv)
    return int(options.act(options))


def parser() -> argparse.ArgumentParser:
    """The sub-commands and their options."""
    top = OneLineParser("ganagerie study", description=_DESCRIPTION)
    acts = top.add_subparsers(metavar="run|worker|status|report|sweep", required=True)
    run = _sub(acts, "run", act_run, "begin a study, or go on with it")
    run.add_argument("study", type=Path, metavar="STUDY.yaml", help="what to compare")
    run.add_argument("--out", type=Path, help="folder of the study (runs/studies/NAME)")
    run.add_argument("--workers", type=count, default=1, help="processes on this machine (1)")
    run.add_argument("--no-report", action="store_true", help="write no report at the end")
    worker = _sub(acts, "worker", act_worker, "join a study that 'study run' has begun")
    status = _sub(acts, "status", act_status, "what is done, running and waiting")
    report = _sub(acts, "report", act_report, "tables, plots and words of what is done so far")
    for one in (worker, status, report):
        one.add_argument("out", type=Path, metavar="FOLDER", help="folder of the study")
    worker.add_argument("--name", help="of the study, where the folder is new on this machine")
    for one in (run, worker, status, report):
        one.add_argument(
            "--storage",
            help="postgresql://USER@HOST/DATABASE for workers on many machines; also from "
            "GANAGERIE_STORAGE (a SQLite file in the study's folder)",
        )
    for one in (run, worker):
        one.add_argument("--threads", type=count, help="of each run (cores / workers)")
        one.add_argument("--device", default="auto", help="of scores: auto, cpu or cuda")
    report.add_argument("--budget", type=count, help="settings tried, for comparisons (half)")
    report.add_argument("--estimator", choices=("exact", "bootstrap"), default="exact")
    sweep = _sub(acts, "sweep", act_sweep, "the same search as W&B sweeps, one file a variant")
    sweep.add_argument("study", type=Path, metavar="STUDY.yaml", help="what to search")
    sweep.add_argument("--out", type=Path, default=Path("sweeps"), help="folder (sweeps)")
    return top


def _sub(acts: Any, name: str, act: Any, text: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = acts.add_parser(
        f"{name}", help=text, description=text.capitalize() + "."
    )
    one.prog = f"ganagerie study {name}"
    one.set_defaults(act=act)
    return one


def act_run(options: argparse.Namespace) -> int:
    """Create or find the study, work on it, report."""
    from experiments.study import queue, storage
    from experiments.study.children import Children
    from experiments.study.plan import planned_runs

    design = read_design(options.study)
    folder: Path = options.out or Path("runs/studies") / design.name
    _refuse_folder(folder, design)
    url = storage.storage_url(options.storage, folder)
    if not url.startswith("sqlite") or (folder / RECORD).exists():
        _refuse_name(storage.open_storage(url), design)
    children = Children(options.threads or _threads(options.workers))
    plan: dict[str, Any] = {"design": design.to_dict(), "fingerprint": design.fingerprint()}
    if not (folder / RECORD).exists():
        print(f"checking {len(design.variants)} variants", file=sys.stderr)
        ended = children.call("resolving.resolve", design.to_dict())
        if ended.result is None:
            raise (CommandError if ended.kind == "user" else RuntimeError)(
                ended.error or f"the check of the settings was killed (signal {ended.signal})"
            )
        plan |= ended.result
        plan["runs"] = [run.to_dict() for run in planned_runs(design)]
        folder.mkdir(parents=True, exist_ok=True)
    shared = storage.open_storage(url)
    if "runs" in plan:
        found = queue.create(shared, design, plan)
        _write_record(folder, design, url)
    else:
        found = queue.reopen(shared, design)
    return _work(options, found, folder, children, url)


def _work(options: argparse.Namespace, found: Any, folder: Path, children: Any, url: str) -> int:
    from experiments.study.worker import Worker

    left = len(found.unfinished())
    print(f"{folder}: {left} of {len(found.runs)} runs to do, {options.workers} workers")
    sys.stdout.flush()
    words = [sys.executable, "-m", "experiments", "study", "worker", str(folder)]
    words += ["--threads", str(children.threads), "--device", options.device]
    others = [
        subprocess.Popen(words, env=os.environ | {"GANAGERIE_STORAGE": url})
        for _ in range(options.workers - 1)
    ]
    code = Worker(found, folder, children, options.device).work()
    for other in others:
        if code:
            other.terminate()
        code = other.wait() or code
    if code == 0 and not options.no_report:
        from experiments.study.report import write_report

        print(write_report(found, folder))
    return code


def act_worker(options: argparse.Namespace) -> int:
    """Take runs of a study until none is left."""
    from experiments.study.children import Children
    from experiments.study.worker import Worker

    found = _open(options)
    children = Children(options.threads or _threads(1))
    return Worker(found, options.out, children, options.device).work()


def act_status(options: argparse.Namespace) -> int:
    """Print a table of the runs by state."""
    from experiments.study.status import status_text

    print(status_text(_open(options)))
    return 0


def act_report(options: argparse.Namespace) -> int:
    """Write the report."""
    from experiments.study.report import write_report

    print(write_report(_open(options), options.out, options.budget, options.estimator))
    return 0


def act_sweep(options: argparse.Namespace) -> int:
    """Write the search as sweeps of W&B."""
    from experiments.study.sweep import write_sweeps

    for file in write_sweeps(read_design(options.study), options.out):
        print(f"wandb sweep {file}")
    return 0


def _open(options: argparse.Namespace) -> Any:
    """The study of a folder, or of a storage and a name."""
    from experiments.study import queue, storage

    name = getattr(options, "name", None)
    record = options.out / RECORD
    if not record.is_file() and not name:
        raise CommandError(
            f"study: folder must be one that 'study run' made, got {options.out} without "
            f"{RECORD}; pass its --out, or on another machine --storage and --name"
        )
    kept: dict[str, Any] = {}
    if record.is_file():
        try:
            kept = json.loads(record.read_text(encoding="utf-8"))
            name = name or kept["name"]
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f"study: {record} must be the JSON that 'study run' wrote, got damaged content; "
                "run 'study run' with the study's YAML once more"
            ) from error
    given = options.storage or os.environ.get(storage.ENVIRONMENT) or kept.get("storage")
    if given is None and not (options.out / "study.db").is_file():
        raise CommandError(
            f"study: storage of {options.out} must be given, got none; add --storage "
            "postgresql://USER@HOST/DATABASE"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    url = storage.storage_url(given, options.out)
    return queue.Queue(storage.open_storage(url), str(name))


def _refuse_folder(folder: Path, design: Design) -> None:
    """A folder of another study, or of anything else, is left alone."""
    record = folder / RECORD
    if record.is_file():
        try:
            kept = json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            kept = {}
        if kept.get("fingerprint") != design.fingerprint():
            raise CommandError(
                f"study: folder must be new or of this very study, got {folder} of "
                f"{kept.get('name', 'a damaged record')!r} with other settings; choose another "
                "name or --out, or restore the YAML to go on"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(
            f"study: folder must be new or empty, got {folder} with other files; choose another "
            "--out"
        )


def _refuse_name(storage: Any, design: Design) -> None:
    from experiments.study import queue

    names = [one.study_name for one in queue.optuna().get_all_study_summaries(storage, False)]
    if design.name in names:
        queue.reopen(storage, design)


def _write_record(folder: Path, design: Design, url: str) -> None:
    from callbacks.durable import write_atomically
    from experiments.study.storage import shown

    record = {"name": design.name, "fingerprint": design.fingerprint()}
    if not url.startswith("sqlite") or not url.endswith("/study.db"):
        # Without its password, which is then asked of PGPASSWORD or of --storage.
        record["storage"] = shown(url)
    write_atomically(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())


def _threads(workers: int) -> int:
    return max(1, (os.cpu_count() or 1) // workers)

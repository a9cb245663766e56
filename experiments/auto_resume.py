"""``fit --auto_resume``: the same words begin a run, and go on with it after whatever ended it.

For launchers that start a command again and again: torchrun with restarts, a requeued SLURM job.
Rank 0 looks into the run folder and tells the others, which need not see it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import yaml

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.durable import TEMPORARY_PATTERN
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from experiments.cli import GanCLI
from experiments.errors import CommandError
from experiments.fit import train
from experiments.opening import read_settings
from experiments.processes import agreed
from experiments.resume import check_variant, finished_line, in_place

#: Settings of the machine: they change how a run is computed and not what.
_OF_THE_MACHINE = ("trainer.devices", "trainer.num_nodes", "trainer.strategy")
_BATCH = "data.init_args.batch_size"

log = logging.getLogger(__name__)


def begin_or_go_on(cli: GanCLI) -> int:
    """Train on from the last whole checkpoint of the run folder, or from nothing.

    Args:
        cli: parsed and built; its run folder is new, empty, or that of a run with its settings.

    Returns:
        The exit code: 0 also where the run is finished.

    Raises:
        CommandError: the run folder is another run's.
        ValueError: it is in use, damaged, or no run's.
    """
    run = RunFolder(cli.run_dir)
    with ExitStack() as held:

        def find() -> dict[str, Any]:
            if run.record_path.exists():
                held.enter_context(sole_writer(run.path))
            return look_into(run, cli)

        found = agreed(cli, find)
        if found["state"] == "finished":
            if cli.trainer.is_global_zero:
                print(found["line"], file=sys.stderr)
            return 0
        if found["state"] == "new":
            return train(cli)
        entry: CheckpointEntry | None = found["entry"]
        if cli.trainer.is_global_zero:
            where = f"from {run.file_of(entry)}" if entry else "anew, before its first checkpoint"
            log.info("auto_resume: going on with %s %s%s", run.path, where, found["change"])
        return in_place(cli, run, entry)


def look_into(run: RunFolder, cli: GanCLI) -> dict[str, Any]:
    """What is to be done with a run folder; on rank 0, which holds it if it is a run's.

    Returns:
        Plain data: ``state`` is new, finished (with a ``line`` to say) or unfinished (with the
        ``entry`` of a checkpoint, None where there is none yet, and a ``change`` to tell).

    Raises:
        CommandError: other settings, another global batch, or no checkpoint is whole.
        ValueError: files that are no run's.
    """
    if not run.record_path.exists():
        _sweep_unborn(run)
        run.require_new()
        return {"state": "new"}
    change = _refuse_other_settings(run, cli)
    if run.read_run()["status"] == "finished":
        rows = run.read_index()["checkpoints"]
        line = finished_line(run, rows[-1] if rows else None, cli.trainer.max_steps)
        return {"state": "finished", "line": line}
    entry = last_whole(run)
    check_variant(cli, run, entry)
    return {"state": "unfinished", "entry": entry, "change": change}


def last_whole(run: RunFolder) -> CheckpointEntry | None:
    """The newest checkpoint whose file is what was written; None where the index has none.

    Raises:
        CommandError: there are checkpoints, and all are damaged.
    """
    rows = run.read_index()["checkpoints"]
    for entry in reversed(rows):
        try:
            run.verify(entry)
        except ValueError as error:
            log.warning("auto_resume: %s; looking at the one before", error)
        else:
            return entry
    if rows:
        raise CommandError(
            f"a checkpoint of {run.path} must be whole, got {len(rows)} damaged ones; restore one "
            "from a backup, or choose a new --run_dir"
        )
    return None


def _sweep_unborn(run: RunFolder) -> None:
    """Remove what a kill leaves of a folder that was being made: run.json is written last."""
    if not run.path.is_dir():
        return
    files = list(run.path.iterdir())
    ours = {run.index_path, run.config_path, *run.path.glob(TEMPORARY_PATTERN)}
    if set(files) <= ours:
        for file in files:
            file.unlink()


def _refuse_other_settings(run: RunFolder, cli: GanCLI) -> str:
    """Settings must be the run's; of the machine they may differ while the global batch stays.

    Returns:
        What to tell of another number of processes; "" where it is the same.
    """
    old = dict(_flat(read_settings(run)))
    new = dict(_flat(yaml.safe_load(cli.dump_config())))
    before, now = run.read_run()["world_size"], cli.trainer.world_size
    skipped = {*_OF_THE_MACHINE, "trainer.default_root_dir"}
    if before != now:
        skipped.add(_BATCH)
    for key in [*new, *(old.keys() - new.keys())]:
        if key not in skipped and old.get(key) != new.get(key):
            raise CommandError(
                f"settings must be those of the run {run.path} to go on with it, got {key} "
                f"{new.get(key)!r} for its {old.get(key)!r}; choose another --run_dir, or fork it: "
                f"ganagerie resume {run.path} --set {key}={new.get(key)}"
            )
    if before == now:
        return ""
    # Every data module has one; 0 fits nothing.
    mine, theirs = int(new.get(_BATCH) or 0), int(old.get(_BATCH) or 0)
    if not mine or mine * now != theirs * before:
        fits = theirs * before % now == 0
        remedy = f"add --{_BATCH} {theirs * before // now}, or start" if fits else "start"
        raise CommandError(
            f"global batch must stay the {theirs} x {before} processes of the run {run.path} to go "
            f"on with it, got {mine} x {now}; {remedy} {before} processes as before"
        )
    return (
        f", on {now} process{'es' * (now > 1)} instead of {before}: the global batch stays "
        f"{mine * now} and the data keep their order; what ranks draw by themselves, such as "
        "dropout and image pools, begins anew"
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

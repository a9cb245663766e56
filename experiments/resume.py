"""``ganagerie resume``: go on with a run in its folder, or fork it into a child folder."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from pytorch_lightning.callbacks import Callback

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.checkpointing import Checkpointing
from callbacks.index_rebuild import rebuild_index
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning
from experiments.errors import CommandError
from experiments.fit import train
from experiments.forks import OpponentsReset, Reseeded, Retuned
from experiments.lineage import child_of, parent_of
from experiments.opening import read_settings
from experiments.processes import is_rank_zero, started_elsewhere
from experiments.relative import absolute
from experiments.resume_options import is_fork, new_seed, parse
from gan_modules.engine.loading import read_game_checkpoint

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Go on; returns 0, or 143 when a signal stopped the run again."""
    options = parse(argv)
    run = open_everywhere(options.run)
    forked = is_fork(options)
    if options.out and not forked:
        raise CommandError(
            f"--out is for a fork, got {options.out} with nothing changed; change something with "
            "--set, --seed or --from, or leave it out"
        )
    if forked and not options.out and started_elsewhere():
        raise CommandError(
            "--out must be given when another program starts the processes (torchrun, srun), "
            "since each would choose its own folder; add --out FOLDER"
        )
    # A fork only reads the folder.
    writes = is_rank_zero() and (not forked or options.rebuild_index)
    with sole_writer(run.path) if writes else nullcontext():
        return rebuild(run) if options.rebuild_index else proceed(options, run, forked)


def open_everywhere(path: str) -> RunFolder:
    """Open the run folder, which every node reads here.

    Raises:
        CommandError: another process than the first one does not see it.
        ValueError: there is no such folder, or it is not a run's.
    """
    try:
        return RunFolder.open(path)
    except ValueError as error:
        if is_rank_zero():
            raise
        raise CommandError(
            f"run folder must be seen by all nodes to be resumed, got {path}, which is none on "
            "this one; share it, or use `fit --config ... --run_dir ... --auto_resume`, which "
            "reads it on the first node only"
        ) from error


def rebuild(run: RunFolder) -> int:
    """Only write a new index; returns 0."""
    rebuilt, left_out = rebuild_index(run)
    for line in left_out:
        print(line, file=sys.stderr)
    print(f"{len(rebuilt['checkpoints'])} checkpoints in {run.path}/index.json")
    return 0


def proceed(options: argparse.Namespace, run: RunFolder, forked: bool) -> int:
    """Train on from the chosen checkpoint, in place or as a fork; returns the exit code."""
    entry = choose(run, options.source, forked)
    settings = read_settings(run)
    seed = new_seed(options.seed, settings.get("seed_everything"))
    target = Path(options.out) if options.out else (child_of(run) if forked else run.path)
    words = ["--config", str(run.config_path)]
    if seed is not None:
        words += [f"--seed_everything={seed}", f"--data.init_args.seed={seed}"]
    words += [f"--{change}" for change in absolute(options.set, settings)]
    # Processes that the trainer starts run this command again and must find the same folder.
    target = Path(os.environ.get(RUN_DIR) or target)
    quiet_lightning()
    changes: list[Callback] = [Retuned()] if forked else []
    if options.reset_d != "no":
        own = settings.get("seed_everything")
        changes += [OpponentsReset(options.reset_d, seed if seed is not None else int(own or 0))]
    changes += [Reseeded(seed)] if seed is not None else []
    cli = GanCLI(words, run_dir=target, more_callbacks=changes)
    try:
        check_variant(cli, run, entry)
        if not forked:
            return go_on(cli, run, entry)
        assert entry is not None
        refuse_idle(cli, run, entry)
        file = run.file_of(entry)
        cli.beginning.prepare = lambda: log.info("going on from %s", file)
        return train(cli, file, parent_of(run, entry))
    finally:
        os.environ.pop(RUN_DIR, None)


def choose(run: RunFolder, source: str, forked: bool) -> CheckpointEntry | None:
    """The checkpoint to go on from; None when the run ended before its first one.

    Args:
        run: its folder.
        source: which one, in the user's words.
        forked: a fork needs a checkpoint, while a run that goes on in place may start anew.

    Raises:
        ValueError: there is no such checkpoint, or its content is not what was written.
    """
    if source == "last" and not forked and not run.read_index()["checkpoints"]:
        return None
    entry = run.resolve(source)
    run.verify(entry)
    return entry


def check_variant(cli: GanCLI, run: RunFolder, entry: CheckpointEntry | None) -> None:
    """The checkpoint must be of the class and networks that the settings describe.

    Raises:
        CommandError: naming both.
    """
    if entry is None:
        return
    file = run.file_of(entry)
    content = read_game_checkpoint(file)
    built = f"{type(cli.model).__module__}.{type(cli.model).__qualname__}"
    if content["game"]["class_path"] != built:
        raise CommandError(
            f"checkpoint {file} is of {content['game']['class_path']}, the settings are of "
            f"{built}; resume with the settings of its own run"
        )
    expected, found = cli.model.state_dict(), content["state_dict"]
    unlike = [
        key
        for key in sorted(expected.keys() | found.keys())
        if key not in expected or key not in found or expected[key].shape != found[key].shape
    ]
    if unlike:
        raise CommandError(
            f"checkpoint {file} does not fit the networks of the settings, first at {unlike[0]}; "
            "networks cannot be changed by --set, start a new run instead"
        )


def refuse_idle(cli: GanCLI, run: RunFolder, entry: CheckpointEntry) -> None:
    """A fork must have something to train.

    Raises:
        CommandError: the checkpoint has reached the last step of the settings.
    """
    limit = cli.trainer.max_steps
    if 0 < limit <= entry["generator_step"]:
        raise CommandError(
            f"trainer.max_steps must be beyond the checkpoint's step {entry['generator_step']}, "
            f"got {limit}; add --set trainer.max_steps={entry['generator_step'] + limit}, or take "
            f"an earlier checkpoint of {run.path} with --from"
        )


def go_on(cli: GanCLI, run: RunFolder, entry: CheckpointEntry | None) -> int:
    """In place: what was logged after the checkpoint is trained, and logged, once more."""
    limit = cli.trainer.max_steps
    if (
        entry is not None
        and 0 < limit <= entry["generator_step"]
        and run.read_run()["status"] == ("finished")
    ):
        # Not an error: scripts resume until nothing is left to do.
        print(finished_line(run, entry, limit), file=sys.stderr)
        return 0
    return in_place(cli, run, entry)


def finished_line(run: RunFolder, entry: CheckpointEntry | None, limit: int) -> str:
    """That nothing is left to be done, and how to train longer all the same.

    Args:
        run: its folder.
        entry: the last checkpoint.
        limit: of generator steps; -1 where another limit has ended the run.
    """
    step = 0 if entry is None else entry["generator_step"]
    key, value = ("max_steps", str(2 * limit)) if limit > 0 else ("max_epochs", "N")
    return (
        f"{run.path} is finished at generator step {step}; to train longer: "
        f"ganagerie resume {run.path} --set trainer.{key}={value}"
    )


def in_place(cli: GanCLI, run: RunFolder, entry: CheckpointEntry | None) -> int:
    """Train on in a run folder that rank 0 holds; other ranks need not see it.

    Args:
        cli: built from the run's own settings.
        run: its folder.
        entry: the checkpoint to go on from; None starts anew.

    Returns:
        The exit code.
    """
    moment = entry["images_seen"] if entry else -1
    callbacks = cli.trainer.callbacks  # type: ignore[attr-defined]
    keep = next(c.keep for c in callbacks if isinstance(c, Checkpointing))
    cli.beginning.prepare = lambda: run.rewind(moment, keep)
    checkpoint = run.file_of(entry) if entry else None
    code = train(cli, checkpoint, in_place=True)
    if not cli.beginning.began and code == 0 and cli.trainer.is_global_zero:
        print(
            f"nothing was trained: the limits of {run.path} are used up, such as trainer.max_time "
            f"{cli.config.trainer.get('max_time')}; to train longer: ganagerie resume {run.path} "
            "--set trainer.max_time=DD:HH:MM:SS",
            file=sys.stderr,
        )
    return code

"""``ganagerie resume``: go on with a run in its folder, or fork it into a child folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from pytorch_lightning.callbacks import Callback

from callbacks.checkpoint_index import CheckpointEntry
from callbacks.index_rebuild import rebuild_index
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from experiments.arguments import OneLineParser
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning, started_elsewhere
from experiments.errors import CommandError
from experiments.fit import is_rank_zero, train
from experiments.forks import Reseeded, Retuned
from experiments.opening import read_settings
from gan_modules.engine.loading import read_game_checkpoint


def main(argv: Sequence[str]) -> int:
    """Go on; returns 0, or 143 when a signal stopped the run again."""
    options = parse(argv)
    run = RunFolder.open(options.run)
    forked = bool(options.set) or options.seed is not None or options.source != "last"
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
    words += [f"--{change}" for change in options.set]
    # Processes that the trainer starts run this command again and must find the same folder.
    target = Path(os.environ.get(RUN_DIR) or target)
    quiet_lightning()
    changes: list[Callback] = [Retuned()] if forked else []
    changes += [Reseeded(seed)] if seed is not None else []
    cli = GanCLI(words, run_dir=target, more_callbacks=changes)
    try:
        check_variant(cli, run, entry)
        if not forked:
            return go_on(cli, run, entry)
        assert entry is not None
        refuse_idle(cli, run, entry)
        parent = {"run": str(run.path), "checkpoint": entry["path"]}
        return train(cli, run.file_of(entry), parent)
    finally:
        os.environ.pop(RUN_DIR, None)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of ``resume``."""
    parser = OneLineParser("ganagerie resume", description="Go on with a run, or fork it.")
    parser.add_argument("run", help="run folder")
    parser.add_argument(
        "--from",
        dest="source",
        default="last",
        metavar="WHICH",
        help="last (go on in place), best, a generator step or images=N (fork)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, for example model.init_args.generator_lr=1e-4 (forks)",
    )
    parser.add_argument("--seed", help="new seed, or +1 for the next (forks)")
    parser.add_argument("--out", help="folder of the fork (RUN-fork1, ...)")
    parser.add_argument("--rebuild-index", action="store_true", help="only rebuild index.json")
    options = parser.parse_args(argv)
    for change in options.set:
        if "=" not in change or change.startswith("-"):
            raise CommandError(
                f"--set must be KEY=VALUE, got {change!r}; as in --set trainer.max_steps=5000"
            )
        if change.partition("=")[0] == "run_dir":
            raise CommandError(f"--set cannot move a run, got {change!r}; use --out FOLDER")
    return options


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


def new_seed(text: str | None, old: object) -> int | None:
    """``+1`` counts from the run's own seed.

    Raises:
        CommandError: if it is no number of 0 or more.
    """
    if text is None:
        return None
    try:
        number = int(text) + (int(str(old)) if text.startswith("+") else 0)
    except ValueError:
        number = -1
    if number < 0:
        raise CommandError(
            f"--seed must be a number of 0 or more, or +1, got {text!r}; +1 takes the run's own "
            "seed plus one"
        )
    return number


def child_of(run: RunFolder) -> Path:
    """The first free ``RUN-fork<n>``."""
    number = 1
    while (path := run.path.with_name(f"{run.path.name}-fork{number}")).exists():
        number += 1
    return path


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
        print(
            f"{run.path} is finished at generator step {entry['generator_step']}; to train longer: "
            f"ganagerie resume {run.path} --set trainer.max_steps={2 * limit}",
            file=sys.stderr,
        )
        return 0
    cli.beginning.prepare = lambda: run.rewind(entry["images_seen"] if entry else -1)
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

"""What is refused before a run folder is made, and how a folder is taken back after a refusal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from callbacks.durable import write_atomically
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from experiments.errors import CommandError, is_user_error

if TYPE_CHECKING:
    from experiments.cli import GanCLI

# Another process failed: what this one wrote is what there is to look at.
_NOT_ITS_OWN = ("LostRankError", "LostWorkerError")


def look(cli: GanCLI) -> None:
    """Hold the parts against each other and against a few images, without training.

    Args:
        cli: parsed and built.

    Raises:
        CommandError: the model is a mere base, the optimizers cannot be built, or a batch cannot
            be parted.
        ValueError: the data are missing, damaged, too few or of another shape than the networks'.
    """
    cli.datamodule.prepare_data()
    cli.datamodule.setup("fit")
    name = type(cli.model).__name__
    try:
        players = cli.model.players()
    except NotImplementedError as error:
        raise CommandError(
            f"model must be a variant, got {name} ({error}); 'ganagerie list' names the variants"
        ) from error
    except ValueError as error:
        if str(error).startswith(("Player", "players()")):
            raise
        raise CommandError(
            f"{name}: optimizers must be possible, got '{error}'; betas lie in [0, 1), rates are "
            "positive"
        ) from error
    size = getattr(cli.datamodule, "batch_size", 0)
    for player in players:
        if size % player.micro_batches:
            raise CommandError(
                f"{name}: micro_batches must divide the batch, got {player.micro_batches} for "
                f"{size} samples per rank; set data.init_args.batch_size to a multiple of it"
            )
    preview = getattr(cli.datamodule, "preview", None)
    if preview is None:
        return
    # Networks may draw noise in their layers; training must not see that somebody looked.
    with torch.random.fork_rng(devices=[]):
        cli.model.check_batch(preview())
    _same_domains(cli)


def _same_domains(cli: GanCLI) -> None:
    """Labels have no names: in another order every picture and score would be of another domain."""
    own, given = (tuple(getattr(part, "domains", ())) for part in (cli.model, cli.datamodule))
    if own and given and own != given:
        raise CommandError(
            f"{type(cli.model).__name__}: domains must be those of the data, {', '.join(given)}, "
            f"got {', '.join(own)}; set domains to those of the data, in their order"
        )


@contextmanager
def taken_back(cli: GanCLI, in_place: bool) -> Iterator[None]:
    """Undo what was written inside when the run is refused before its first round is over.

    Args:
        cli: says when it began, and where.
        in_place: the folder is an old run's, of which only run.json is put back.
    """
    run, path = RunFolder(cli.run_dir), cli.run_dir
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    empty = bool(missing) or not any(path.iterdir())
    record = run.record_path.read_bytes() if in_place else None
    try:
        yield
    except Exception as error:
        if cli.beginning.began or not is_user_error(error) or type(error).__name__ in _NOT_ITS_OWN:
            raise
        if record is not None:
            write_atomically(run.record_path, record)
        elif empty:
            _remove(path, missing)
        raise


def _remove(path: Path, missing: Sequence[Path]) -> None:
    """Delete what a folder holds, which was empty a moment ago, and the folders that were made."""
    if path.is_dir():
        # Another process may have been faster: then it is training in there.
        with suppress(ValueError, OSError), sole_writer(path):
            for inside in path.iterdir():
                if inside.is_dir() and not inside.is_symlink():
                    shutil.rmtree(inside, ignore_errors=True)
                else:
                    inside.unlink(missing_ok=True)
    for folder in missing:
        with suppress(OSError):
            folder.rmdir()

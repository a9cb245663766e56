"""``ganagerie fit``: train a variant from a YAML file into a run folder."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import shorten
from typing import Any

from callbacks.collapse.records import LOST
from callbacks.collapse.wording import resume_command
from callbacks.durable import StorageError
from callbacks.offers import draws, rewrites, speaks, transcribes, translates
from callbacks.run_folder import RunFolder
from callbacks.run_lines import read_columns
from callbacks.run_lock import sole_writer
from experiments import errors
from experiments.cli import RUN_DIR, GanCLI, quiet_lightning
from experiments.first_look import look, taken_back
from experiments.lost_processes import lost_process
from experiments.processes import forget, is_rank_zero

#: Beginnings of the scores that are told at the end; all of them are in the report.
_TOLD = (
    *("fd_", "fid", "coverage", "csls_cosine@", "p1_csls@"),
    *("bleu4@", "self_bleu4@", "nll_", "valid_share@"),
    *("per@",),
    *("style_accuracy@", "content_bleu4@", "reference_bleu4@"),
)
#: Sentences that are told at the end.
_SENTENCES = 3
_PACKAGES = ("ganagerie", "torch", "torchvision", "pytorch-lightning", "torchmetrics", "wandb")


def main(argv: Sequence[str]) -> int:
    """Train; returns 0, or 143 when a signal stopped the run after it was saved."""
    quiet_lightning()
    try:
        cli = GanCLI(argv)
        if not cli.config.auto_resume:
            return train(cli)
        # It stands on the parts of `resume`, which stand on this.
        from experiments.auto_resume import begin_or_go_on

        return begin_or_go_on(cli)
    finally:
        os.environ.pop(RUN_DIR, None)
        forget()


def train(
    cli: GanCLI,
    checkpoint: Path | None = None,
    parent: Mapping[str, str] | None = None,
    in_place: bool = False,
) -> int:
    """Run the trainer of a parsed command line in its run folder.

    Args:
        cli: parsed and built.
        checkpoint: where to go on from; None starts fresh.
        parent: the run and checkpoint that a forked run comes from.
        in_place: the run folder exists, is held by the caller, and is gone on with.

    Returns:
        The exit code.
    """
    run = RunFolder(cli.run_dir)
    if not is_rank_zero():
        return _fit(cli, run, checkpoint)
    with ExitStack() as stack:
        if not in_place:
            run.require_new()
        look(cli)
        stack.enter_context(taken_back(cli, in_place))
        if not in_place:
            _create(cli, parent)
            stack.enter_context(sole_writer(run.path))
        run.update_run(status="running")
        return _fit(cli, run, checkpoint)


def _fit(cli: GanCLI, run: RunFolder, checkpoint: Path | None) -> int:
    status = "failed"
    try:
        cli.trainer.fit(
            cli.model, datamodule=cli.datamodule, ckpt_path=checkpoint, weights_only=True
        )
        if checkpoint is None and not cli.beginning.began and not cli.preemption.preempted:
            raise errors.CommandError(
                "trainer settings must leave time for a round, got none played; raise "
                "trainer.max_time, or leave it out"
            )
        status = "stopped" if cli.preemption.preempted else "finished"
    except (RuntimeError, OSError, EOFError) as error:
        lost = lost_process(error, run.path)
        if lost is None:
            raise
        raise lost from error
    finally:
        if cli.trainer.is_global_zero:
            # Where the disk refuses, the failure that led here is the one to tell.
            with suppress(StorageError) if status == "failed" else nullcontext():
                run.update_run(status=status)
    if cli.trainer.is_global_zero:
        _say_where(run, status, cli.model)
    return errors.PREEMPTED if status == "stopped" else 0


def _create(cli: GanCLI, parent: Mapping[str, str] | None) -> RunFolder:
    return RunFolder.create(
        cli.run_dir,
        name=cli.run_dir.name,
        variant=_class_path(cli.model),
        data=_class_path(cli.datamodule),
        data_name=cli.datamodule.name,
        versions=_versions(),
        parent=parent,
        attribution=cli.datamodule.attribution,
        world_size=cli.trainer.world_size,
        config=cli.dump_config(),
    )


def _class_path(part: Any) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _say_where(run: RunFolder, status: str, module: Any) -> None:
    lines = [f"{status}: {run.path}"]
    lines += _last_samples(run, module)
    try:
        from experiments.report import write_report

        lines.append(f"  report      {write_report([run.path], run.report_path)}")
    except (OSError, ValueError) as error:
        lines.append(f"  report      not written: {error}")
    evaluations = run.read_evaluations()
    if evaluations:
        last = evaluations[-1]
        shown = [name for name in last["scores"] if name.startswith(_TOLD)]
        # Of several domains the mean is enough here.
        shown = [name for name in shown if name.endswith("/mean")] or shown
        # Where too few reals are held out, the floor carries its own, smaller number of samples.
        floor = {_without_count(name): value for name, value in last["floor"].items()}
        scores = [f"{name} {_short(last['scores'][name])}" for name in shown]
        if floor:
            reals = [_short(floor.get(_without_count(name))) for name in shown]
            scores = [f"{s} (real data: {r})" for s, r in zip(scores, reals, strict=True)]
        lines.append(f"  scores      {', '.join(scores)}")
    health = run.read_health()
    if health is not None:
        since = "" if health.onset is None else f" since {health.onset:,} images"
        lines.append(f"  health      {health.state.replace('_', ' ')}{since}")
    if health is not None and health.state in LOST and health.pre_collapse:
        lines.append(f"  look        ganagerie health {run.path}")
        lines.append(f"  go back     {resume_command(run)}")
    if status == "stopped":
        lines.append(f"  go on with  ganagerie resume {run.path}")
    elif speaks(module):
        lines.append(f"  draw more   ganagerie sample {run.path} --n 20")
    elif draws(module):
        lines.append(f"  draw more   ganagerie sample {run.path} --n 64 --out samples")
    elif translates(module):
        lines.append(f"  use it      ganagerie translate {run.path} IMAGES --out translated")
    elif rewrites(module):
        lines.append(f'  use it      ganagerie translate {run.path} "A SENTENCE" --to b')
    elif transcribes(module):
        lines.append(f"  use it      ganagerie translate {run.path} FILE.wav")
    print("\n".join(lines), file=sys.stderr)


def _last_samples(run: RunFolder, module: Any) -> list[str]:
    """Where the last picture is, or some of the last sentences."""
    files = run.media_files("samples")
    if not files:
        return []
    last = files[-1][1]
    if last.suffix != ".tsv":
        return [f"  last grid   {last}"]
    columns = list(read_columns(last).values())
    # Of latents the others are more of the same; of inputs they are what became of them.
    rows = list(zip(*columns[:1] if speaks(module) else columns, strict=True))[:_SENTENCES]
    texts = [" -> ".join(row) for row in rows]
    return [f"  it says     {shorten(text, 80, placeholder=' ...')}" for text in texts]


def _without_count(name: str) -> str:
    """A score's name without its number of samples, of which the floor may have another one."""
    return re.sub(r"@[^/]*", "", name)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"

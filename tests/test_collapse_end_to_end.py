"""As a user sees it: a run turns bad, is told of, and the good generator is one command away."""

import json
from pathlib import Path

import pytest

from callbacks.run_folder import RunFolder
from tests.command_server import ROOT, CommandServer

RING = ROOT / "tests" / "ring_drill.yaml"
DIGITS = ROOT / "experiments" / "configs" / "collapse_drill.yaml"
QUIET = ("--loggers.wandb", "disabled", "--trainer.enable_progress_bar", "false")


def coverage(row: dict) -> float:
    return next(value for name, value in row["scores"].items() if name.startswith("coverage_"))


def told(server: CommandServer, config: Path, folder: Path, *more: str) -> RunFolder:
    """A run of a drill, its alarm on the terminal."""
    words = ("fit", "--config", config, "--run_dir", folder, *QUIET, *more)
    code, output = server.run(*words, timeout=900)
    assert code == 0, output
    assert "CollapseMonitor: collapsed (full) at" in output, output
    if "rollback" not in more:
        assert f"ganagerie resume {folder} --from pre-collapse" in output
    return RunFolder.open(folder)


def looked_at(server: CommandServer, run: RunFolder) -> dict:
    """What ``health`` says of it; its replay gives the logged states."""
    code, text = server.run("health", run.path)
    assert code == 0 and "collapsed" in text and "--from pre-collapse" in text
    code, text = server.run("health", run.path, "--replay")
    assert code == 0, text
    code, text = server.run("health", run.path, "--json")
    assert code == 0
    return json.loads(text)


def saved(server: CommandServer, run: RunFolder, folder: Path) -> None:
    """A fork from before the collapse, with half the rates, is as good as where it began."""
    health = run.read_health()
    assert health is not None and health.onset is not None
    chosen = run.resolve("pre-collapse")
    assert chosen["images_seen"] < health.onset and chosen["state"]["state"] == "healthy"
    halved = [f"model.init_args.{player}_lr*=0.5" for player in ("generator", "discriminator")]
    words = ("--from", "pre-collapse", "--set", halved[0], "--set", halved[1], "--seed", "+1")
    code, output = server.run("resume", run.path, *words, "--out", folder, timeout=900)
    assert code == 0, output
    fork = RunFolder.open(folder)
    assert fork.read_health().state == "healthy"
    assert coverage(fork.read_evaluations()[-1]) >= coverage(chosen)
    lost = run.read_evaluations()[-1]
    assert coverage(lost) < 0.5 * coverage(chosen)


def unattended(server: CommandServer, config: Path, folder: Path) -> None:
    """The same by itself."""
    run = told(server, config, folder, "--collapse_monitor.on_collapse", "rollback")
    (row,) = [row for row in run.read_monitor() if row["event"] == "rollback"]
    chosen = next(
        r for r in run.read_index()["checkpoints"] if r["images_seen"] == row["images_seen"]
    )
    assert run.read_health().state == "healthy"
    assert coverage(run.read_evaluations()[-1]) >= coverage(chosen)


def test_ring_that_turns_bad_is_saved_by_one_command(server: CommandServer, tmp_path: Path) -> None:
    run = told(server, RING, tmp_path / "run")
    looked_at(server, run)
    saved(server, run, tmp_path / "fork")


def test_ring_that_turns_bad_saves_itself(server: CommandServer, tmp_path: Path) -> None:
    unattended(server, RING, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_digits_that_turn_bad_are_saved_by_one_command(
    server: CommandServer, tmp_path: Path
) -> None:
    run = told(server, DIGITS, tmp_path / "run")
    looked_at(server, run)
    saved(server, run, tmp_path / "fork")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_digits_that_turn_bad_save_themselves(server: CommandServer, tmp_path: Path) -> None:
    unattended(server, DIGITS, tmp_path / "run")

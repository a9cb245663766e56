"""What a run lives through: dashboards that are gone, and a worker that is killed."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from callbacks.run_folder import RunFolder
from tests.command_server import Command, CommandServer

TOY = Path(__file__).parent / "toy.yaml"
LONG = ["--trainer.max_steps", "100000", "--evaluation.every_n_images=null"]
UNREACHABLE = {
    "WANDB_MODE": "online",
    # Nothing listens on the port of the discard protocol.
    "WANDB_BASE_URL": "http://127.0.0.1:9",
    "WANDB_API_KEY": "0123456789" * 4,
}


def fit(path: Path, *more: str) -> list[str]:
    return ["fit", "--config", str(TOY), "--run_dir", str(path), *more]


def wait_for(what: Callable[[], object], command: Command, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end and not command.ended.is_set(), command.output
        time.sleep(0.02)


def children(pid: int) -> dict[int, str]:
    """The processes below a process, with their command lines."""
    found, parents = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before it may hold blanks, but no closing bracket after its own.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for child in parents:
        ancestor = child
        while ancestor in parents and ancestor != pid:
            ancestor = parents[ancestor]
        if ancestor == pid and child != pid:
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found[child] = b" ".join(words).decode(errors="replace")
    return found


def assert_finished(code: int, output: str, run: RunFolder) -> None:
    assert code == 0, output
    assert "Traceback" not in output
    assert run.read_run()["status"] == "finished"
    assert run.read_metrics()[-1]["generator_steps"] == 60
    torch.load(run.verify(run.resolve("last")), weights_only=True)


def notices(output: str, word: str) -> list[str]:
    """The lines of a command that speak of something, and none of the end of the run."""
    return [line for line in output.splitlines() if word in line and not line.startswith("  ")]


@pytest.fixture(scope="module", autouse=True)
def unreachable(
    server: CommandServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunFolder, Command, float]:
    """A run that waits for W&B in vain, begun before the other tests because it waits long."""
    run = RunFolder(tmp_path_factory.mktemp("unreachable") / "run")
    words = fit(run.path, "--loggers.wandb", "online")
    return run, server.start(*words, env=UNREACHABLE), time.time()


def test_run_outlives_the_service_of_wandb(server: CommandServer, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    words = fit(run.path, "--loggers.wandb", "offline", "--trainer.max_steps", "150")
    command = server.start(*words, env={"WANDB_MODE": "offline"})
    wait_for(lambda: run.path.exists() and len(run.read_metrics()) > 1, command)
    services = [pid for pid, words in children(command.pid).items() if "wandb-core" in words]
    assert services, children(command.pid)
    os.kill(services[0], signal.SIGKILL)
    assert command.wait(90) == 0, command.output
    assert "Traceback" not in command.output
    assert run.read_run()["status"] == "finished"
    assert run.read_metrics()[-1]["generator_steps"] == 150
    told = notices(command.output, "not sent")
    assert len(told) == 1, command.output
    assert "run folder has everything" in told[0]


@pytest.mark.parametrize(
    "refused",
    [
        {"WANDB_MODE": "sometimes"},
        {"WANDB_MODE": "online", "WANDB_BASE_URL": "no address"},
        {"WANDB_MODE": "online", "WANDB_SILENT": "perhaps"},
        {"WANDB_MODE": "online", "WANDB_INIT_TIMEOUT": "soon"},
        {"WANDB_MODE": "online", "WANDB_RUN_ID": "a/b"},
    ],
    ids=lambda refused: list(refused)[-1],
)
def test_run_outlives_variables_that_wandb_refuses(
    server: CommandServer, tmp_path: Path, refused: dict[str, str]
) -> None:
    run = RunFolder(tmp_path / "run")
    env = {**refused, "HOME": str(tmp_path)}
    code, output = server.run(*fit(run.path, "--loggers.wandb", "auto"), env=env)
    assert_finished(code, output, run)
    told = notices(output, "W&B")
    assert len(told) == 1 and "going on without it" in told[0], output


def test_variable_of_wandb_that_is_empty_is_none(server: CommandServer, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    env = {"WANDB_MODE": "", "HOME": str(tmp_path)}
    code, output = server.run(*fit(run.path, "--loggers.wandb", "auto"), env=env)
    assert_finished(code, output, run)
    assert list((run.path / "wandb").glob("offline-run-*"))


@pytest.fixture
def half_done(server: CommandServer, tmp_path: Path) -> Iterator[RunFolder]:
    """A run that a signal could have stopped at half its steps."""
    run = RunFolder(tmp_path / "run")
    words = fit(run.path, "--trainer.max_steps", "30", "--loggers.tensorboard", "true")
    assert server.run(*words)[0] == 0
    config = run.config_path.read_text()
    run.config_path.write_text(config.replace("max_steps: 30", "max_steps: 60"))
    run.update_run(status="stopped")
    yield run
    subprocess.run(["umount", str(run.tensorboard_path)], capture_output=True)


def test_run_outlives_a_file_in_the_place_of_the_folder_of_tensorboard(
    server: CommandServer, half_done: RunFolder
) -> None:
    half_done.tensorboard_path.rename(half_done.path / "moved")
    half_done.tensorboard_path.write_text("in the way")
    code, output = server.run("resume", half_done.path)
    assert_finished(code, output, half_done)
    assert len(notices(output, "TensorBoard")) == 1, output


def test_run_outlives_a_full_disk_under_tensorboard(
    server: CommandServer, half_done: RunFolder
) -> None:
    folder = half_done.tensorboard_path
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    (folder / "ballast").write_bytes(b"x" * 12_288)
    code, output = server.run("resume", half_done.path)
    assert_finished(code, output, half_done)
    assert len(notices(output, "TensorBoard")) == 1, output


def test_killed_worker_ends_the_run_in_one_line_and_it_can_be_resumed(
    server: CommandServer, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    command = server.start(*fit(run.path, *LONG, "--data.init_args.num_workers", "2"))
    wait_for(lambda: run.path.exists() and len(run.read_index()["checkpoints"]) > 1, command)
    workers = sorted(children(command.pid))
    assert len(workers) >= 2, children(command.pid)
    os.kill(workers[-1], signal.SIGKILL)
    assert command.wait(60) == 2, command.output
    lines = notices(command.output, "ganagerie: error: ")
    assert len(lines) == 1 and "Traceback" not in command.output, command.output
    assert re.search(r"data loading worker was killed.*ganagerie resume .*run", lines[0])
    assert run.read_run()["status"] == "failed"
    for row in run.read_index()["checkpoints"]:
        torch.load(run.verify(row), weights_only=True)
    reached = run.read_index()["checkpoints"][-1]["generator_step"]
    config = run.config_path.read_text()
    run.config_path.write_text(config.replace("max_steps: 100000", f"max_steps: {reached + 20}"))
    code, output = server.run("resume", run.path)
    assert code == 0, output
    assert json.loads(run.record_path.read_text())["status"] == "finished"
    assert run.read_metrics()[-1]["generator_steps"] == reached + 20


def test_run_that_is_training_is_not_gone_on_with_a_second_time(
    server: CommandServer, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    command = server.start(*fit(run.path, *LONG))
    wait_for(lambda: run.path.exists() and run.read_index()["checkpoints"], command)
    code, output = server.run("resume", run.path)
    assert code == 2 and output.count("\n") == 1, output
    assert re.search(r"one process at a time, got .*run, which is training now; .*SIGTERM", output)
    reached = len(run.read_metrics())
    wait_for(lambda: len(run.read_metrics()) > reached, command)
    command.kill(signal.SIGTERM)
    assert command.wait() == 143, command.output
    assert run.read_run()["status"] == "stopped"


def test_unreachable_wandb_costs_seconds_and_one_line(
    unreachable: tuple[RunFolder, Command, float],
) -> None:
    run, command, began = unreachable
    assert_finished(command.wait(90), command.output, run)
    assert run.record_path.stat().st_mtime - began < 75
    told = notices(command.output, "W&B")
    assert len(told) == 1, command.output
    assert "could not start online" in told[0] and "going on offline" in told[0]
    assert list((run.path / "wandb").glob("offline-run-*"))

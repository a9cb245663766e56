"""SIGKILL at random moments, then resume: the run must end as if nothing had happened."""

import random
import signal
import time
from pathlib import Path

import pytest
import torch

from benchmarks.ranks import free_port, rank_environment
from callbacks.run_folder import RunFolder
from tests.command_server import Command, CommandServer

CONFIG = Path(__file__).parent / "toy.yaml"


def fit_words(path: Path, *more: str) -> list[str]:
    return ["fit", "--config", str(CONFIG), "--run_dir", str(path), *more]


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(run.file_of(run.resolve("last")), weights_only=True)["state_dict"]


def logged(run: RunFolder) -> list[tuple[float, ...]]:
    """What training logged, without clocks."""
    return [
        tuple(value for name, value in row.items() if name.startswith("train/"))
        for row in run.read_metrics()
    ]


def assert_same_end(run: RunFolder, reference: RunFolder) -> None:
    mine, theirs = weights(run), weights(reference)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []
    assert logged(run) == logged(reference)
    assert [(r["images_seen"], r["scores"]) for r in run.read_evaluations()] == [
        (r["images_seen"], r["scores"]) for r in reference.read_evaluations()
    ]


def assert_index_true(run: RunFolder) -> None:
    """Every checkpoint that the index names is there, whole and readable."""
    if (run.path / "index.json").exists():
        for row in run.read_index()["checkpoints"]:
            torch.load(run.verify(row), weights_only=True)


def started(path: Path, command: Command) -> None:
    """Wait until training can begin."""
    end = time.monotonic() + 60
    while not (path / "run.json").exists() and not command.ended.is_set():
        assert time.monotonic() < end
        time.sleep(0.01)


def kill_until_done(
    server: CommandServer, path: Path, draws: random.Random, longest: float, *more: str
) -> int:
    """Fit, be killed, resume, be killed, ...; returns how many kills hit a running process."""
    command, kills = server.start(*fit_words(path, *more)), 0
    started(path, command)
    while True:
        if kills < 3 and not command.ended.wait(draws.uniform(0.0, longest)):
            command.kill(signal.SIGKILL)
        if command.wait() == 0:
            return kills
        assert command.code == -signal.SIGKILL, command.output
        kills += 1
        assert_index_true(RunFolder(path))
        command = server.start("resume", path)


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments_a_resumed_run_ends_bit_equal(
    server: CommandServer, tmp_path: Path, workers: int
) -> None:
    more = ["--data.init_args.num_workers", str(workers)]
    began = time.monotonic()
    assert server.run(*fit_words(tmp_path / "whole"))[0] == 0
    longest = time.monotonic() - began
    reference = RunFolder(tmp_path / "whole")
    draws, kills, number = random.Random(workers), 0, 0
    while kills < (10 if workers == 0 else 4):
        path = tmp_path / f"killed{number}"
        hits = kill_until_done(server, path, draws, longest, *more)
        assert_same_end(RunFolder(path), reference)
        kills, number = kills + hits, number + 1
        # The first run was slower than the rest: aim where the runs still are.
        longest *= 1.0 if hits else 0.6


@pytest.mark.parametrize("step", ["mid_epoch", "last_batch"])
def test_resumed_at_the_last_batch_of_an_epoch_nothing_is_lost(
    server: CommandServer, tmp_path: Path, step: str
) -> None:
    # 180 training points, batches of 16: 11 batches an epoch.
    batches = 44 if step == "last_batch" else 40
    assert server.run(*fit_words(tmp_path / "whole"))[0] == 0
    first = server.run(*fit_words(tmp_path / "part", "--trainer.max_steps", str(batches // 2)))
    assert first[0] == 0
    code, output = server.run(
        "resume", tmp_path / "part", "--set", "trainer.max_steps=60", "--out", tmp_path / "rest"
    )
    assert code == 0, output
    mine, theirs = weights(RunFolder(tmp_path / "rest")), weights(RunFolder(tmp_path / "whole"))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_resume_of_a_run_whose_time_is_up_says_so(server: CommandServer, tmp_path: Path) -> None:
    path = tmp_path / "run"
    more = ("--trainer.max_steps", "100000", "--trainer.max_time", "00:00:00:02")
    code, output = server.run(*fit_words(path, *more))
    assert code == 0, output
    reached = RunFolder(path).resolve("last")
    code, output = server.run("resume", path)
    assert code == 0, output
    assert f"nothing was trained: the limits of {path} are used up" in output
    assert "trainer.max_time 00:00:00:02" in output
    assert RunFolder(path).resolve("last") == reached
    longer = ("--set", "trainer.max_time=00:00:00:04", "--out", tmp_path / "longer")
    code, output = server.run("resume", path, *longer)
    assert code == 0 and "nothing was trained" not in output, output
    assert RunFolder(tmp_path / "longer").resolve("last")["images_seen"] > reached["images_seen"]


def start_two(server: CommandServer, *words: object) -> list[Command]:
    port = free_port()
    return [server.start(*words, env=rank_environment(rank, port)) for rank in range(2)]


TWO = ["--trainer.devices", "2", "--trainer.strategy", "gan_ddp"]


def test_two_ranks_killed_and_resumed_end_bit_equal(server: CommandServer, tmp_path: Path) -> None:
    began = time.monotonic()
    for command in start_two(server, *fit_words(tmp_path / "whole", *TWO)):
        assert command.wait() == 0, command.output
    longest = time.monotonic() - began
    path, draws = tmp_path / "killed", random.Random(1)
    commands = start_two(server, *fit_words(path, *TWO))
    started(path, commands[0])
    time.sleep(draws.uniform(0.3, 0.7) * longest)
    for command in commands:
        command.kill(signal.SIGKILL)
        command.wait()
    assert_index_true(RunFolder(path))
    for command in start_two(server, "resume", path):
        assert command.wait() == 0, command.output
    assert_same_end(RunFolder(path), RunFolder(tmp_path / "whole"))


@pytest.mark.parametrize("rank", [0, 1])
def test_sigterm_to_either_rank_alone_saves_and_stops_both(
    server: CommandServer, tmp_path: Path, rank: int
) -> None:
    path = tmp_path / "run"
    words = fit_words(
        path, *TWO, "--trainer.max_steps", "100000", "--evaluation.every_n_images=null"
    )
    commands = start_two(server, *words)
    end = time.monotonic() + 60
    while not RunFolder(path).read_metrics() if path.exists() else True:
        assert time.monotonic() < end and not commands[0].ended.is_set(), commands[0].output
        time.sleep(0.05)
    began = time.monotonic()
    commands[rank].kill(signal.SIGTERM)
    codes = [command.wait(30) for command in commands]
    assert codes == [143, 143], [command.output for command in commands]
    assert time.monotonic() - began < 30
    run = RunFolder(path)
    last = run.resolve("last")
    assert "preemption" in last["reasons"] and run.read_run()["status"] == "stopped"
    assert_index_true(run)


def test_one_rank_killed_the_other_ends_with_one_clear_line(
    server: CommandServer, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    commands = start_two(server, *fit_words(path, *TWO, "--trainer.max_steps", "100000"))
    end = time.monotonic() + 60
    while not RunFolder(path).read_metrics() if path.exists() else True:
        assert time.monotonic() < end and not commands[0].ended.is_set(), commands[0].output
        time.sleep(0.05)
    commands[1].kill(signal.SIGKILL)
    assert commands[0].wait(60) == 2
    lines = [line for line in commands[0].output.splitlines() if line.startswith("ganagerie:")]
    assert len(lines) == 1 and "another process of this run ended" in lines[0]
    assert "Traceback" not in commands[0].output

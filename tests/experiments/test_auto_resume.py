"""``fit --auto_resume``: one command begins a run, goes on with it, and says when it is done."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.ranks import ROOT, free_port, rank_environment
from callbacks.run_folder import RunFolder
from callbacks.run_lock import sole_writer
from tests.command_server import Command, CommandServer
from tests.test_kill_and_resume import assert_same_end, fit_words, weights

AUTO = "--auto_resume"
#: Long enough to be hit in the middle, in float64: ranks must agree with one process to rounding.
EXACT = ["--trainer.precision", "64-true", "--trainer.max_steps", "120"]


def per_rank(batch: int) -> list[str]:
    return ["--data.init_args.batch_size", str(batch)]


def start_two(server: CommandServer, *words: object) -> list[Command]:
    """As torchrun would: nothing says how many they are but the environment."""
    port = free_port()
    return [server.start(*words, env=rank_environment(rank, port)) for rank in range(2)]


def wait_for_checkpoints(path: Path, number: int, command: Command) -> None:
    end = time.monotonic() + 60
    index = path / "index.json"
    while not index.exists() or len(json.loads(index.read_text())["checkpoints"]) < number:
        assert time.monotonic() < end and not command.ended.is_set(), command.output
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(server: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in one piece, in float64."""
    path = tmp_path_factory.mktemp("whole") / "run"
    code, output = server.run(*fit_words(path, *EXACT))
    assert code == 0, output
    return RunFolder(path)


@pytest.fixture
def part(server: CommandServer, tmp_path: Path) -> Path:
    """The same, killed in the middle."""
    path = tmp_path / "part"
    command = server.start(*fit_words(path, *EXACT, AUTO))
    wait_for_checkpoints(path, 2, command)
    command.kill(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    return path


def test_the_same_command_goes_on_and_ends_bit_equal_and_then_says_so(
    server: CommandServer, part: Path, whole: RunFolder
) -> None:
    code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 0 and "auto_resume: going on with" in output, output
    assert_same_end(RunFolder(part), whole)
    before = {file: file.read_bytes() for file in part.rglob("*") if file.is_file()}
    code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 0 and f"{part} is finished at generator step 120" in output, output
    assert {file: file.read_bytes() for file in part.rglob("*") if file.is_file()} == before


def test_a_damaged_last_checkpoint_is_passed_over(
    server: CommandServer, part: Path, whole: RunFolder
) -> None:
    run = RunFolder(part)
    first, last = run.read_index()["checkpoints"][-2:]
    run.file_of(last).write_bytes(b"not what was written")
    code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 0 and "looking at the one before" in output, output
    assert f"from {run.file_of(first)}" in output
    assert_same_end(run, whole)


def test_with_no_whole_checkpoint_nothing_is_thrown_away(server: CommandServer, part: Path) -> None:
    run = RunFolder(part)
    for row in run.read_index()["checkpoints"]:
        run.file_of(row).write_bytes(b"")
    code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 2 and "must be whole, got" in output, output
    assert run.read_index()["checkpoints"]


def test_killed_before_its_first_checkpoint_it_begins_anew(
    server: CommandServer, part: Path, whole: RunFolder
) -> None:
    run = RunFolder(part)
    for row in run.read_index()["checkpoints"]:
        run.drop_checkpoint(row["path"])
    code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 0 and "anew, before its first checkpoint" in output, output
    assert_same_end(run, whole)


def test_killed_while_its_folder_was_made_it_begins(server: CommandServer, tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    (path / "index.json").write_text("{}")
    (path / "config.yaml").write_text("")
    code, output = server.run(*fit_words(path, AUTO))
    assert code == 0 and RunFolder(path).read_run()["status"] == "finished", output


def test_other_settings_are_refused_in_one_line(server: CommandServer, part: Path) -> None:
    before = (part / "run.json").read_bytes()
    words = ["--model.init_args.generator_lr", "0.5"]
    code, output = server.run(*fit_words(part, *EXACT, *words, AUTO))
    (line,) = [line for line in output.splitlines() if line.startswith("ganagerie:")]
    assert code == 2 and "got model.init_args.generator_lr 0.5 for its" in line
    assert f"ganagerie resume {part} --set model.init_args.generator_lr=0.5" in line
    assert (part / "run.json").read_bytes() == before


def test_files_of_others_are_refused_and_left_alone(server: CommandServer, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("x")
    code, output = server.run(*fit_words(tmp_path / "run", AUTO))
    assert code == 2 and "path must be a new or empty folder" in output
    assert (tmp_path / "run" / "thesis.tex").read_text() == "x"


def test_a_run_that_is_training_now_is_left_alone(server: CommandServer, part: Path) -> None:
    with sole_writer(part):
        code, output = server.run(*fit_words(part, *EXACT, AUTO))
    assert code == 2 and "must be written by one process at a time" in output


def test_it_needs_a_run_dir(server: CommandServer) -> None:
    code, output = server.run("fit", "--config", "tests/toy.yaml", AUTO)
    assert code == 2 and "run_dir must be given with auto_resume" in output


def test_nodes_that_nobody_started_are_refused(server: CommandServer, tmp_path: Path) -> None:
    words = fit_words(tmp_path / "run", AUTO, "--trainer.num_nodes", "2")
    code, output = server.run(*words)
    assert code == 2 and "auto_resume on several nodes needs torchrun or srun" in output
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_processes_that_the_trainer_starts_go_on_too(tmp_path: Path) -> None:
    def start(name: str) -> "subprocess.Popen[bytes]":
        two = ["--trainer.devices", "2", *per_rank(8), *EXACT, AUTO]
        words = [sys.executable, "-m", "experiments", *fit_words(tmp_path / name, *two)]
        # The trainer repeats the command of its own process: a fork of the server has none.
        return subprocess.Popen(words, cwd=ROOT)

    killed = start("part")
    index = tmp_path / "part" / "index.json"
    while not index.exists() or len(json.loads(index.read_text())["checkpoints"]) < 2:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    for name in ("part", "whole"):
        assert start(name).wait(120) == 0
    assert_same_end(RunFolder(tmp_path / "part"), RunFolder(tmp_path / "whole"))


def test_another_number_of_processes_goes_on_with_the_same_global_batch(
    server: CommandServer, part: Path, whole: RunFolder, tmp_path: Path
) -> None:
    for command in start_two(server, *fit_words(part, *EXACT, *per_rank(8), AUTO)):
        assert command.wait() == 0, command.output
        assert "Traceback" not in command.output
    mine, theirs = weights(RunFolder(part)), weights(whole)
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, rtol=1e-9, atol=1e-12)


def test_a_change_of_processes_is_told_and_another_global_batch_refused(
    server: CommandServer, part: Path
) -> None:
    copy = part.with_name("copy")
    shutil.copytree(part, copy)
    first, second = start_two(server, *fit_words(copy, *EXACT, AUTO))
    assert [first.wait(), second.wait()] == [2, 2], first.output + second.output
    assert "global batch must stay the 16 x 1 processes" in first.output
    assert "add --data.init_args.batch_size 8, or start 1 processes as before" in first.output
    first, second = start_two(server, *fit_words(part, *EXACT, *per_rank(8), AUTO))
    assert [first.wait(), second.wait()] == [0, 0], first.output + second.output
    assert "on 2 processes instead of 1: the global batch stays 16" in first.output
    assert "auto_resume" not in second.output
    first, second = start_two(server, *fit_words(part, *EXACT, *per_rank(8), AUTO))
    assert [first.wait(), second.wait()] == [0, 0], first.output + second.output
    assert "is finished at generator step 120" in first.output and not second.output


def test_processes_of_torchrun_that_are_not_the_trainers_are_refused(
    server: CommandServer, tmp_path: Path
) -> None:
    # Each would train for itself, and both would write.
    words = fit_words(tmp_path / "run", "--trainer.devices", "3")
    for command in start_two(server, *words):
        assert command.wait() == 2
        assert "must be the 2 processes that torchrun has started" in command.output
        assert "--trainer.devices 2 --trainer.num_nodes 1" in command.output
    assert not (tmp_path / "run").exists()


def test_resume_says_on_a_node_without_the_folder_that_it_is_missing_there(
    server: CommandServer, tmp_path: Path
) -> None:
    code, output = server.run("resume", tmp_path / "run", env={"RANK": "1", "LOCAL_RANK": "0"})
    assert code == 2 and "run folder must be seen by all nodes to be resumed" in output

"""One run on two nodes that share no files: exact, written by the first alone, and kill-proof."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from callbacks.run_folder import RunFolder
from tests.test_kill_and_resume import assert_index_true, assert_same_end, fit_words, weights
from tests.two_namespaces import ROOT, Node, NoNamespacesError, two_nodes, wait_until

#: In float64 two nodes must agree with one process to rounding. Each has half of its batch.
EXACT = (
    *("--trainer.precision", "64-true", "--trainer.max_steps", "120"),
    *("--evaluation.every_n_images", "1280"),
)
HALF = ("--data.init_args.batch_size", "8")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    try:
        with two_nodes(tmp_path_factory.mktemp("nodes")) as pair:
            yield pair
    except NoNamespacesError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def whole(nodes: tuple[Node, Node]) -> RunFolder:
    """A run on both of them, in one piece."""
    first, second = nodes
    for node in nodes:
        start(node, first, "whole")
    assert wait(first, second) == [0, 0], first.output + second.output
    return RunFolder(first.home / "whole")


def start(node: Node, first: Node, run: str, restarts: int = 0) -> None:
    """The run folder is relative: each node has its own, or none."""
    node.torchrun(first, fit_words(Path(run), *EXACT, *HALF, "--auto_resume"), restarts)


def wait(*nodes: Node) -> list[int]:
    return [node.agents[-1].wait(400) for node in nodes]


def checkpoints(run: Path) -> int:
    index = run / "index.json"
    return len(json.loads(index.read_text())["checkpoints"]) if index.exists() else 0


def test_two_nodes_are_one_process_on_the_joined_batch(whole: RunFolder, tmp_path: Path) -> None:
    words = ["-m", "experiments", *fit_words(tmp_path / "alone", *EXACT)]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, timeout=400)
    alone = RunFolder(tmp_path / "alone")
    mine, theirs = weights(whole), weights(alone)
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, rtol=1e-12, atol=1e-12)
    rows = list(zip(whole.read_evaluations(), alone.read_evaluations(), strict=True))
    assert len(rows) == 3
    for ours, of_one in rows:
        assert ours["images_seen"] == of_one["images_seen"]
        assert ours["scores"] == pytest.approx(of_one["scores"], rel=1e-9)


def test_each_node_has_a_local_rank_zero_and_only_the_first_ones_writes(
    whole: RunFolder, nodes: tuple[Node, Node]
) -> None:
    assert whole.read_run()["status"] == "finished"
    assert {file.suffix for file in nodes[1].home.iterdir()} == {".log"}
    assert "run folder" in nodes[0].output and "run folder" not in nodes[1].output


@pytest.mark.slow
def test_a_node_is_killed_and_comes_back_and_the_run_ends_bit_equal(
    whole: RunFolder, nodes: tuple[Node, Node]
) -> None:
    first, second = nodes
    killed = RunFolder(first.home / "killed")
    for node in nodes:
        start(node, first, "killed", restarts=2)
    wait_until(lambda: checkpoints(killed.path) >= 2, 200, first)
    second.kill()
    wait_until(lambda: "another process of this run ended" in first.output, 60, first)
    assert_index_true(killed)
    start(second, first, "killed", restarts=2)
    assert wait(first, second) == [0, 0], first.output + second.output
    assert "auto_resume: going on with killed from" in first.output
    assert "auto_resume: going on" not in second.output
    assert_same_end(killed, whole)
    assert {file.suffix for file in second.home.iterdir()} == {".log"}


@pytest.mark.slow
def test_what_the_first_node_refuses_ends_both_with_one_line(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    (first.home / "taken").mkdir()
    (first.home / "taken" / "notes.txt").write_text("mine")
    for node in nodes:
        start(node, first, "taken")
    assert 0 not in wait(first, second)
    for node in nodes:
        lines = [line for line in node.output.splitlines() if line.startswith("ganagerie:")]
        assert len([line for line in lines if "must be a new or empty folder" in line]) == 1

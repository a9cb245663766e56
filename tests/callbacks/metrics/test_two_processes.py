"""Two gloo ranks see the same bank, and the same scores, as one process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

ROOT = Path(__file__).resolve().parents[3]
MODULE = "tests.callbacks.metrics.two_processes"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    running = []
    for rank, world in ((0, 1), (0, 2), (1, 2)):
        command = [sys.executable, "-m", MODULE, str(rank), str(world), str(folder)]
        cache = str(folder / f"cache{world}")
        environment = {**os.environ, "GANAGERIE_CACHE": cache, "OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment))
    assert [process.wait(timeout=240) for process in running] == [0, 0, 0]
    assert len(list((folder / "cache2").iterdir())) == 1
    return [
        torch.load(folder / name, weights_only=False) for name in ("1-0.pt", "2-0.pt", "2-1.pt")
    ]


def test_ranks_hold_the_bank_of_one_process_in_its_order(found: list[dict[str, Any]]) -> None:
    one, first, second = found
    assert (one["added"], first["added"], second["added"]) == (81, 41, 40)
    assert torch.equal(first["features"], second["features"])
    assert_close(first["features"], one["features"], rtol=1e-5, atol=1e-6)


def test_scores_of_two_ranks_equal_those_of_one(found: list[dict[str, Any]]) -> None:
    one, first, second = found
    assert first["scores"] == second["scores"]
    assert first["scores"] == pytest.approx(one["scores"], rel=1e-6, abs=1e-6)
    assert first["floor"] == second["floor"]
    assert first["floor"] == pytest.approx(one["floor"], rel=1e-6, abs=1e-6)
    fd = "fd_rand_vgg@81"
    assert first["scores"][fd] == pytest.approx(one["scores"][fd], rel=1e-6)


def test_moments_merged_from_two_ranks_equal_those_of_one(found: list[dict[str, Any]]) -> None:
    one, first, second = found
    assert one["n"] == first["n"] == second["n"] == 81
    assert torch.equal(first["covariance"], second["covariance"])
    assert_close(first["mean"], one["mean"], rtol=1e-5, atol=1e-7)
    assert_close(first["covariance"], one["covariance"], rtol=1e-5, atol=1e-8)
    assert_close(first["real"], one["real"], rtol=1e-5, atol=1e-4)


def test_failure_of_rank_zero_reaches_every_rank(found: list[dict[str, Any]]) -> None:
    assert [result["failure"] for result in found] == ["only rank 0 saw this"] * 3
    assert [result["agreed"] for result in found] == ["from 0"] * 3


def test_ragged_shares_are_gathered_in_order(found: list[dict[str, Any]]) -> None:
    assert [result["gathered"].tolist() for result in found] == [[0, 1, 2, 3, 4]] * 3


def test_evaluation_leaves_each_ranks_generator_alone(found: list[dict[str, Any]]) -> None:
    for result, rank in zip(found, (0, 0, 1), strict=True):
        expected = torch.rand(3, generator=torch.Generator().manual_seed(rank))
        assert torch.equal(result["random"], expected)

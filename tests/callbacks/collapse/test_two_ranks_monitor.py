"""The monitor on two gloo ranks, which are started once for all tests."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks.run_folder import RunFolder
from tests.helpers_monitor import DRILL_AT, EVERY, monitor, states_of, watch


@pytest.fixture(scope="module")
def out(two_ranks: Path) -> Path:
    return two_ranks / "collapse"


@pytest.fixture(scope="module")
def ranks(out: Path) -> list[dict[str, Any]]:
    return [torch.load(out / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


CASES = ["alert", "stop", "rollback", "nan", "rank1", "rank0", "detector"]


@pytest.mark.parametrize("case", CASES)
def test_both_ranks_decide_alike_and_hold_the_same_weights(
    ranks: list[dict[str, Any]], case: str
) -> None:
    first, second = (rank[case] for rank in ranks)
    assert first.keys() == second.keys()
    for key in first:
        if key != "weights":
            assert first[key] == second[key], key
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name


def test_states_are_those_of_one_process(out: Path, tmp_path: Path) -> None:
    watch(tmp_path / "one", monitor())
    assert states_of(out / "alert") == states_of(tmp_path / "one")


def test_stop_stops_both(ranks: list[dict[str, Any]]) -> None:
    assert ranks[0]["stop"]["stopped"] and ranks[0]["stop"]["images_seen"] < DRILL_AT + 4 * EVERY


def test_rollback_goes_back_on_both(out: Path, ranks: list[dict[str, Any]]) -> None:
    seen = ranks[1]["rollback"]
    assert (seen["rollbacks"], seen["steps"], seen["verdict"]["state"]) == (1, 340, "healthy")
    events = [row["event"] for row in RunFolder(out / "rollback").read_monitor()]
    assert events == ["begin", "rollback"]


def test_nan_on_rank_1_alone_diverges_and_rolls_both_back(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    seen = ranks[0]["nan"]
    assert (seen["rollbacks"], seen["verdict"]["state"], seen["steps"]) == (1, "healthy", 340)
    assert "diverged" in {state for _, state in states_of(out / "nan")}
    assert all(bool(weight.isfinite().all()) for weight in seen["weights"].values())


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("rank0", "MemoryError: no room on this rank"),
        ("rank1", "another rank could not draw"),
        ("detector", "ArithmeticError: no such number"),
    ],
)
def test_failure_on_one_rank_neither_hangs_nor_stops_training(
    out: Path, ranks: list[dict[str, Any]], case: str, note: str
) -> None:
    assert (ranks[0][case]["steps"], ranks[0][case]["stopped"]) == (100, False)
    rows = RunFolder(out / case).read_monitor()
    errors = [row for row in rows if row["event"] == "evaluation_error"]
    assert [(row["images_seen"], row["note"]) for row in errors] == [(EVERY * 3, note)]
    assert EVERY * 3 not in dict(states_of(out / case))
    assert EVERY * 4 in dict(states_of(out / case))

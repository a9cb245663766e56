"""The callbacks on two gloo ranks, which are started once for all tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.checkpoint_io import read_checkpoint
from callbacks.rng import KEY, reseed
from callbacks.run_folder import RunFolder
from callbacks.sample_grid import SampleGrid
from tests.helpers_callbacks import ToyGan, make_trainer, read_image
from tests.two_ranks_callbacks import memorization_case, sentences_case


@pytest.fixture(scope="module")
def out(two_ranks: Path) -> Path:
    return two_ranks / "callbacks"


@pytest.fixture(scope="module")
def ranks(out: Path) -> list[dict[str, Any]]:
    return [torch.load(out / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def test_each_rank_draws_after_a_resume_what_it_would_have_drawn(
    ranks: list[dict[str, Any]],
) -> None:
    draws = []
    for rank in ranks:
        whole, rest = rank["rng"]["whole"], rank["rng"]["rest"]
        assert len(whole) == 8 and len(rest) == 4
        assert rest == whole[4:]
        draws.append([value for _, value in whole])
    assert draws[0] != draws[1]


def test_checkpoint_of_rank_0_holds_the_states_of_both(out: Path) -> None:
    run = RunFolder(out / "rng")
    states = read_checkpoint(run.verify(run.resolve("last")))[KEY]
    assert len(states) == 2
    assert not torch.equal(states[0]["torch"], states[1]["torch"])


def test_metrics_have_one_row_per_moment(out: Path) -> None:
    rows = RunFolder(out / "rng").read_metrics()
    assert [row["images_seen"] for row in rows] == [8, 16, 24, 32, 40, 48, 56, 64]


@pytest.mark.parametrize("target", [0, 1])
def test_sigterm_to_one_rank_alone_stops_both_at_the_same_batch(
    out: Path, ranks: list[dict[str, Any]], target: int
) -> None:
    """Trap T8: Lightning's own handler hangs here when the signal goes to rank 1."""
    seen = [rank[f"preempt{target}"] for rank in ranks]
    # Sent at the second batch, agreed on after the fourth.
    assert seen == [{"images_seen": 32, "preempted": True}] * 2
    entry = RunFolder(out / f"preempt{target}").resolve("last")
    assert (entry["images_seen"], entry["reasons"]) == (32, ["preemption"])


def test_full_disk_of_rank_0_ends_both_with_the_same_line(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    assert ranks[0]["disk"] == ranks[1]["disk"]
    assert "MB free for a checkpoint, got 0.0 MB" in ranks[0]["disk"]
    assert RunFolder(out / "disk").resolve("last")["images_seen"] == 8


def test_weights_of_one_rank_that_are_not_finite_end_both(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    assert "the weights of another rank at images_seen=16" in ranks[0]["poison"]
    assert "discriminator.weight at images_seen=16" in ranks[1]["poison"]
    assert RunFolder(out / "poison").resolve("last")["images_seen"] == 8


def test_both_ranks_are_given_the_same_health_with_the_best_checkpoint_before_the_onset(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    assert ranks[0]["watched"] == ranks[1]["watched"]
    run = RunFolder(out / "watched")
    health, chosen = ranks[1]["watched"][-1], run.resolve("pre-collapse")
    assert (health["onset"], health["alarm"]) == (32, 48)
    # Nothing was evaluated: the newest healthy one before the onset is the best.
    assert health["pre_collapse"] == chosen["path"] and chosen["images_seen"] == 24
    assert len(run.read_index()["checkpoints"]) == len(run.checkpoint_files()) == 8


def test_picture_of_two_ranks_is_that_of_one(out: Path, tmp_path: Path) -> None:
    reseed(0, 0, 0)
    SampleGrid().publish(make_trainer(tmp_path), ToyGan(image_shape=(1, 4, 4)))
    pictures = []
    for folder in (out / "grid", tmp_path):
        _, file = RunFolder(folder).media_files("samples")[0]
        pictures.append(np.asarray(read_image(file)))
    assert np.array_equal(pictures[0], pictures[1]) and pictures[0].std() > 1


def test_verdict_on_copies_of_two_ranks_is_that_of_one(ranks: list[dict[str, Any]]) -> None:
    one = memorization_case()
    first, second = (rank["memorization"] for rank in ranks)
    assert one["verdict"]["verdict"] == "memorised"
    assert first["verdict"] == second["verdict"]
    assert first["verdict"]["reasons"] == one["verdict"]["reasons"]
    for space, numbers in one["verdict"]["spaces"].items():
        for name, value in numbers.items():
            expected = (
                value if isinstance(value, str | dict | None) else pytest.approx(value, rel=1e-5)
            )
            assert first["verdict"]["spaces"][space][name] == expected, name
    for name in ("matches", "changes"):
        assert first[name] == second[name] == one[name]
    for images in zip(first["images"], second["images"], one["images"], strict=True):
        assert torch.equal(images[0], images[2]) and torch.equal(images[1], images[2])


def test_scores_and_signals_of_sentences_of_two_ranks_are_those_of_one(
    ranks: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANAGERIE_CACHE", "")
    one = sentences_case(tmp_path / "cache")
    first, second = (rank["sentences"] for rank in ranks)
    assert first["scores"] == second["scores"] and first["floor"] == second["floor"]
    for part in ("scores", "floor", "signals"):
        assert first[part].keys() == one[part].keys()
        for name, value in one[part].items():
            # What does not apply to sentences is None on all ranks.
            expected = value if value is None else pytest.approx(value, rel=1e-5)
            assert first[part][name] == expected, name

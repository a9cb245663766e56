"""Two gloo ranks against one process on the joined batch."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.small_variants import names
from tests.two_ranks import equal_case, scores_case, with_values


@pytest.fixture(scope="module")
def ranks(two_ranks: Path) -> list[dict[str, Any]]:
    """What each rank saw."""
    return [torch.load(two_ranks / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def largest_difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    pairs = [(a[k], b[k]) for k in a if a[k].is_floating_point()]
    return max(float((x - y).abs().max() / y.abs().max().clamp_min(1e-30)) for x, y in pairs)


@functools.cache
def alone_case(name: str) -> dict[str, Any]:
    """One process on the joined batch, played once for all tests."""
    return equal_case(name, 0, 1)


@pytest.mark.parametrize("name", names())
def test_two_ranks_equal_one_process_on_the_joined_batch(ranks, name: str) -> None:
    alone = alone_case(name)
    seen = [rank[f"equal/{name}"] for rank in ranks]
    assert largest_difference(seen[0]["weights"], alone["weights"]) <= 1e-12
    assert largest_difference(seen[1]["weights"], alone["weights"]) <= 1e-12
    assert seen[0]["axes"] == seen[1]["axes"] == alone["axes"]
    assert seen[0]["axes"]["images_seen"] == 80


def test_their_statistics_are_those_of_the_joined_batch(ranks) -> None:
    alone = alone_case("WGANGP")["statistics"]
    for rank in ranks:
        assert rank["equal/WGANGP"]["statistics"] == pytest.approx(alone, rel=1e-9)


def test_clipping_comes_after_the_reduction(ranks) -> None:
    options = {"generator_clip_norm": 0.05, "discriminator_clip_norm": 0.05}
    alone, free = equal_case("WGANGP", 0, 1, **options), alone_case("WGANGP")
    assert largest_difference(ranks[0]["equal/clipped"]["weights"], alone["weights"]) <= 1e-12
    assert largest_difference(free["weights"], alone["weights"]) > 1e-3


def test_a_learned_baseline_reads_the_sentences_of_all_ranks(ranks) -> None:
    alone = equal_case("SeqGAN", 0, 1, **with_values())
    for rank in ranks:
        assert largest_difference(rank["equal/values"]["weights"], alone["weights"]) <= 1e-12
    assert any("baseline" in name for name in alone["weights"])
    assert "train/generator/value" in alone["statistics"]


def test_only_the_acting_players_gradients_are_reduced(ranks) -> None:
    assert ranks[0]["bytes/gan_ddp"]["own"] == pytest.approx(1.0, abs=1e-9)
    # The statistics add one vector of a few doubles.
    assert ranks[0]["bytes/gan_ddp"]["ratio"] == pytest.approx(1.0, abs=0.01)


def test_buffers_differ_between_ranks_until_they_are_synchronised(ranks) -> None:
    first, second = (rank["buffers"] for rank in ranks)
    means = [name for name in first["before"] if name.endswith("running_mean")]
    assert means and any(not first["before"][n].equal(second["before"][n]) for n in means)
    for name, value in first["after"].items():
        assert value.equal(second["after"][name]) and value.equal(first["before"][name])


def test_nan_on_one_rank_stops_both_in_the_same_step_unharmed(ranks) -> None:
    for rank in ranks:
        seen = rank["non_finite"]
        assert seen["message"].startswith("NonFiniteError: ") and "\n" not in seen["message"]
        assert "lower the learning rate" in seen["message"]
        assert seen["finite"] and seen["rounds"] == 1


def test_scores_are_the_same_with_one_rank_and_with_two(ranks, tmp_path: Path) -> None:
    alone = scores_case(tmp_path, 1)
    assert alone["fd_rand_vgg@101"] > 0 and len(alone) >= 7
    for rank in ranks:
        assert rank["scores"] == pytest.approx(alone, rel=1e-6)

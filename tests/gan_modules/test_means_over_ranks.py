"""Two gloo ranks against one process: losses of batch means (known answer 26 and DRAGAN)."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gan_modules.engine.reduction import mean_over_ranks
from tests.two_ranks_reduction import CASES, local, part


@pytest.fixture(scope="module")
def ranks(two_ranks: Path) -> list[dict[str, Any]]:
    """What each rank saw."""
    files = [two_ranks / f"rank{rank}.pt" for rank in range(2)]
    return [torch.load(file, weights_only=True)["reduction"] for file in files]


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_see_the_values_and_gradients_of_the_joined_batch_kat_26(
    ranks: list[dict[str, Any]], name: str
) -> None:
    alone = CASES[name](0, 1)
    for rank in ranks:
        assert rank[name].keys() == alone.keys()
        for key, value in alone.items():
            assert value.abs().max() > 1e-3
            torch.testing.assert_close(rank[name][key], value, rtol=1e-12, atol=1e-14)


def test_without_the_reduction_a_rank_would_see_another_distance_kat_26() -> None:
    """So the test above would notice if the means were local."""
    for name in ("curved", "features", "dragan"):
        alone, half = CASES[name](0, 1), CASES[name](0, 2)
        assert all(not torch.allclose(half[key], alone[key], rtol=1e-3) for key in alone)


def test_minibatch_discrimination_compares_the_samples_of_one_rank(
    ranks: list[dict[str, Any]],
) -> None:
    for number, rank in enumerate(ranks):
        torch.testing.assert_close(rank["local"], local(number, 2))
    joined = torch.cat([rank["local"] for rank in ranks])
    assert (joined < local(0, 1)).all()


def test_in_one_process_a_mean_over_ranks_is_the_tensor_itself() -> None:
    tensor = part(0, 1, 3)
    assert mean_over_ranks(tensor) is tensor

"""The largest singular values of weights (known answer 19) and following them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import spectral
from gan_modules.networks.singular_values import SingularValues, top_singular_values


def with_values(*values: float, rows: int = 6, columns: int = 10) -> Tensor:
    """A matrix of these singular values."""
    left = torch.linalg.qr(torch.randn(rows, len(values), dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(columns, len(values), dtype=torch.float64)).Q
    return left @ torch.tensor(values, dtype=torch.float64).diag() @ right.T


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (8, 3, 3, 3), (4, 5)])
def test_three_vectors_find_the_three_largest_singular_values_kat_19(
    shape: tuple[int, ...],
) -> None:
    weight = torch.randn(shape, dtype=torch.float64)
    exact = torch.linalg.svdvals(weight.flatten(1))[:3]
    torch.testing.assert_close(top_singular_values(weight, 3, 500), exact, atol=1e-3, rtol=0)


def test_known_values_come_out_in_order_whatever_their_number() -> None:
    matrix = with_values(5.0, 3.0, 2.0, 1.0, 0.5)
    for k in (1, 3, 5):
        exact = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5][:k], dtype=torch.float64)
        torch.testing.assert_close(top_singular_values(matrix, k, 100), exact, atol=1e-9, rtol=0)
    assert top_singular_values(matrix, 9, 1).shape == (6,)


def test_values_that_are_not_there_are_zero() -> None:
    ones = top_singular_values(torch.ones(4, 5), 3, 20)
    torch.testing.assert_close(ones, torch.tensor([20**0.5, 0.0, 0.0]))
    rank_two = top_singular_values(with_values(4.0, 2.0).float(), 3, 50)
    torch.testing.assert_close(rank_two, torch.tensor([4.0, 2.0, 0.0]), atol=1e-5, rtol=0)
    assert torch.equal(top_singular_values(torch.zeros(4, 5), 3, 5), torch.zeros(3))
    torch.testing.assert_close(top_singular_values(torch.eye(4), 3, 5), torch.ones(3))


@pytest.mark.parametrize("steep", [1e2, 1e4])
def test_values_of_unlike_size_come_out_in_single_precision(steep: float) -> None:
    values = torch.tensor([steep, 1.0, 0.5])
    matrix = with_values(*values.tolist()).float()
    torch.testing.assert_close(top_singular_values(matrix, 3, 50), values, rtol=1e-2, atol=0)


def network() -> Any:
    return nn.Sequential(
        spectral(nn.Conv2d(3, 5, 3)),
        nn.ConvTranspose2d(5, 4, 2),
        nn.Embedding(7, 6),
        nn.BatchNorm2d(4),
        nn.Sequential(nn.Linear(9, 8), nn.Linear(8, 1)),
    ).double()


def exact_values(net: Any) -> dict[str, Tensor]:
    raw = net[0].parametrizations.weight.original
    matrices = {
        "0": raw.flatten(1),
        "1": net[1].weight.transpose(0, 1).flatten(1),
        "2": net[2].weight,
        "4.0": net[4][0].weight,
        "4.1": net[4][1].weight,
    }
    return {name: torch.linalg.svdvals(m.detach())[:3] for name, m in matrices.items()}


def test_looks_follow_weights_that_change_before_their_normalisation() -> None:
    net = network()
    spectra = SingularValues(net).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for step in range(150):
        if step < 30:
            sum(p.square().sum() * (1 + i) for i, p in enumerate(net.parameters())).backward()
            optimizer.step()
            optimizer.zero_grad()
        found = spectra.look(net)
    exact = exact_values(net)
    assert list(found) == list(exact)
    for name, values in exact.items():
        torch.testing.assert_close(found[name], values, atol=2e-3, rtol=0)
    assert found["4.1"].shape == (1,)


def test_a_look_is_one_iteration_that_changes_buffers_alone_and_continues_after_loading() -> None:
    net = network()
    spectra = SingularValues(net)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    kept = {k: v.clone() for k, v in spectra.state_dict().items()}
    assert len(kept) == 5 and not list(spectra.parameters())
    again = SingularValues(net)
    spectra.look(net)
    again.load_state_dict(spectra.state_dict())
    assert any(not torch.equal(v, kept[k]) for k, v in spectra.state_dict().items())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    for one, other in zip(spectra.look(net).values(), again.look(net).values(), strict=True):
        assert torch.equal(one, other)


def test_two_started_alike_are_alike_and_leave_the_global_generator_alone() -> None:
    net, state = network(), torch.get_rng_state()
    one, other = SingularValues(net).state_dict(), SingularValues(net).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_weight_that_was_zero_is_followed_once_it_is_not() -> None:
    net = nn.Linear(6, 4, bias=False).double()
    nn.init.zeros_(net.weight)
    spectra = SingularValues(net)
    assert not spectra.look(net)[""].any()
    net.weight.data.copy_(with_values(3.0, 2.0, 1.0, rows=4, columns=6))
    for _ in range(60):
        found = spectra.look(net)[""]
    torch.testing.assert_close(found, torch.tensor([3.0, 2.0, 1.0]).double(), atol=1e-3, rtol=0)


def test_autocast_leaves_the_values_in_full_precision() -> None:
    net = nn.Linear(30, 20)
    spectra, other = SingularValues(net), SingularValues(net)
    with torch.autocast("cpu", torch.bfloat16):
        half = spectra.look(net)[""]
    assert half.dtype == torch.float32 and torch.equal(half, other.look(net)[""])

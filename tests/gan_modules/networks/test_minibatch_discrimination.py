"""Closeness within a batch (known answer 22), and the discriminator that looks at it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.networks.minibatch_discrimination import (
    MinibatchDCGANDiscriminator,
    MinibatchDiscrimination,
)


def discriminator(**options: Any) -> MinibatchDCGANDiscriminator:
    return MinibatchDCGANDiscriminator(
        32, 1, 4, **{"normalization": "none", "kernels": 3, "dims": 2, **options}
    )


def images(n: int = 4) -> Tensor:
    return torch.rand(n, 1, 32, 32) * 2 - 1


def test_equal_samples_are_close_to_all_others_but_not_to_themselves_kat_22() -> None:
    layer = MinibatchDiscrimination(7, kernels=4, dims=3)
    features = torch.randn(1, 7).expand(6, 7)
    torch.testing.assert_close(layer(features), torch.full((6, 4), 5.0))
    assert torch.equal(layer(features[:1]), torch.zeros(1, 4))


def test_samples_far_apart_are_close_to_nobody_kat_22() -> None:
    layer = MinibatchDiscrimination(7, kernels=4, dims=3)
    features = 1e4 * torch.eye(7)[:5]
    assert torch.equal(layer(features), torch.zeros(5, 4))


def test_closeness_is_the_sum_written_as_a_loop_kat_22() -> None:
    layer = MinibatchDiscrimination(5, kernels=2, dims=3).double()
    features = torch.randn(4, 5, dtype=torch.float64)
    tensor = layer.weight.view(5, 2, 3)
    found = layer(features)
    for i in range(4):
        for b in range(2):
            rows = [features[n] @ tensor[:, b] for n in range(4)]
            others = [torch.exp(-(rows[i] - rows[j]).abs().sum()) for j in range(4) if j != i]
            assert found[i, b].item() == pytest.approx(sum(others).item(), rel=1e-12)


def test_second_derivatives_exist_so_that_a_penalty_can_be_added() -> None:
    network = discriminator().double()
    x = images(3).double().requires_grad_(True)
    (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    gradient = network.closeness.weight.grad
    assert gradient is not None and torch.isfinite(gradient).all()


def test_it_sees_a_repeated_image_that_each_image_alone_does_not_show() -> None:
    network = discriminator(normalization="layer")
    with torch.no_grad():
        network.head.weight.zero_()[:, -3:] = 1.0
    various, repeated = images(6), images(1).expand(6, 1, 32, 32)
    assert network(repeated).tolist() == pytest.approx([15.0] * 6, rel=1e-4)
    assert (network(various) < 14.5).all()


def test_scores_depend_on_the_local_batch_alone() -> None:
    network, x = discriminator(), images(6)
    halves = torch.cat([network(x[:3]), network(x[3:])])
    assert not torch.allclose(halves, network(x))
    torch.testing.assert_close(network(x[:3]), halves[:3])
    moved = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(moved)[0], moved)
    assert gradient[1:].any()


def test_features_are_maps_and_closenesses_under_the_head() -> None:
    network, x = discriminator(), images()
    features = network.features(x)
    assert features.shape == (4, 4 * 32 * 2 + 3)
    torch.testing.assert_close(network.head(features).squeeze(1), network(x))
    torch.testing.assert_close(features[:, -3:], network.closeness(features[:, :-3]))
    assert network(x[:1]).shape == (1,)


def test_every_weight_learns() -> None:
    network = discriminator(normalization="batch")
    network(images()).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernels": 0}, "MinibatchDiscrimination: kernels must be a positive integer, got 0"),
        ({"dims": -1}, "dims must be a positive integer, got -1"),
        ({"normalization": "spectral"}, "normalization must be one of batch, .* got spectral"),
    ],
)
def test_what_no_network_can_be_made_of_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        discriminator(**options)

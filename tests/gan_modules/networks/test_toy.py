"""The networks of the published experiments on points: shapes, starts, sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_modules.networks.toy import (
    Maxout,
    MaxoutDiscriminator,
    OrthogonalDiscriminator,
    OrthogonalGenerator,
    ToyGenerator,
)


def test_sizes_are_those_of_the_published_networks() -> None:
    def size(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert size(ToyGenerator()) == 2 * 400 + 3 * 400**2 + 4 * 800 + 802 == 484_802
    # PacGAN's table of sizes grows by the first layer alone.
    assert size(MaxoutDiscriminator(4)) - size(MaxoutDiscriminator(2)) == 2 * 1000
    assert size(MaxoutDiscriminator(2)) == 3 * 1000 + 2 * 201 * 1000 + 201
    assert size(OrthogonalGenerator()) == 257 * 128 + 129 * 128 + 129 * 2
    assert size(OrthogonalDiscriminator()) == 3 * 128 + 129 * 128 + 129


def test_the_generator_is_bias_free_and_normalised_but_for_its_last_layer() -> None:
    layers = list(ToyGenerator(hidden=8, layers=2).layers)
    assert [type(layer).__name__ for layer in layers] == [
        *["Linear", "BatchNorm1d", "ReLU"] * 2,
        "Linear",
    ]
    assert [layer.bias is None for layer in layers if isinstance(layer, nn.Linear)] == [
        True,
        True,
        False,
    ]


def test_weights_start_normal_with_a_deviation_of_a_fiftieth() -> None:
    for network in (ToyGenerator(), MaxoutDiscriminator(4)):
        linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        weights = torch.cat([layer.weight.detach().flatten() for layer in linear])
        assert weights.std().item() == pytest.approx(0.02, rel=0.01)
        assert weights.mean().abs() < 2e-4
        assert not any(layer.bias.any() for layer in linear if layer.bias is not None)


def test_a_maxout_unit_is_the_largest_of_its_own_pieces() -> None:
    layer = Maxout(3, 4, pieces=5)
    nn.init.normal_(layer.maps.bias)
    x = torch.randn(6, 3)
    maps = x @ layer.maps.weight.T + layer.maps.bias
    for unit in range(4):
        expected = maps[:, 5 * unit : 5 * unit + 5].max(1).values
        torch.testing.assert_close(layer(x)[:, unit], expected)


@pytest.mark.parametrize("network", [OrthogonalGenerator(8), OrthogonalDiscriminator()])
def test_orthogonal_networks_start_with_singular_values_of_the_gain(network: nn.Module) -> None:
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == 3
    for layer in linear:
        values = torch.linalg.svdvals(layer.weight.detach())
        torch.testing.assert_close(values, torch.full_like(values, 1.4))
        assert not layer.bias.any()
    assert sum(isinstance(layer, nn.Tanh) for layer in network.modules()) == 2


def test_points_go_in_and_out_and_every_weight_gets_a_gradient() -> None:
    for generator in (ToyGenerator(hidden=8, layers=2), OrthogonalGenerator(5, hidden=8)):
        for discriminator in (MaxoutDiscriminator(2, 8, 2, 3), OrthogonalDiscriminator(hidden=8)):
            x = generator(torch.randn(7, generator.latent_dim))
            assert x.shape == (7, 2)
            scores = discriminator(x)
            torch.testing.assert_close(
                scores, discriminator.head(discriminator.features(x)).squeeze(1)
            )
            scores.square().sum().backward()
            for network in (generator, discriminator):
                assert all(p.grad is not None and p.grad.any() for p in network.parameters())
                network.zero_grad()
    assert OrthogonalGenerator(4, [1, 4, 4]).forward(torch.randn(2, 4)).abs().max() <= 1


def test_double_precision_agrees_with_single() -> None:
    x = torch.randn(5, 4)
    discriminator = MaxoutDiscriminator(4)
    torch.testing.assert_close(discriminator(x), discriminator.double()(x.double()).float())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ToyGenerator(layers=0), "ToyGenerator: layers must be a positive integer, got 0"),
        (lambda: ToyGenerator(out_features=0), "out_features must be a positive integer, got 0"),
        (lambda: MaxoutDiscriminator(0), "MaxoutDiscriminator: in_features must be a positive"),
        (lambda: MaxoutDiscriminator(pieces=-1), "pieces must be a positive integer, got -1"),
        (lambda: OrthogonalGenerator(out_shape=[2, 2]), "OrthogonalGenerator: out_shape must be"),
        (lambda: OrthogonalDiscriminator(hidden=0), "hidden must be a positive integer, got 0"),
    ],
)
def test_sizes_out_of_range_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_points_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 4\), got \(3, 2\)"):
        MaxoutDiscriminator(4)(torch.zeros(3, 2))

"""Fully connected networks for images and for points."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import nn

from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 8, 8), (2,)])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_shapes_of_images_and_points(shape: tuple[int, ...], activation: Any) -> None:
    generator = MLPGenerator(5, shape, hidden=16, layers=2, activation=activation)
    discriminator = MLPDiscriminator(shape, hidden=16, layers=2, activation=activation)
    samples = generator(torch.randn(3, 5))
    assert generator.latent_dim == 5
    assert samples.shape == (3, *shape)
    assert discriminator(samples).shape == (3,)
    assert discriminator.features(samples).shape == (3, 16)


def test_images_are_bounded_and_points_are_not() -> None:
    z = 100 * torch.randn(64, 4)
    images = MLPGenerator(4, [1, 2, 2], hidden=32)(z)
    points = MLPGenerator(4, [2], hidden=32)(z)
    assert images.abs().max() <= 1
    assert points.abs().max() > 10


@pytest.mark.parametrize("layers", [1, 3])
def test_number_of_hidden_layers_is_the_argument(layers: int) -> None:
    for network in (MLPGenerator(layers=layers), MLPDiscriminator(layers=layers)):
        linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        assert len(linear) == layers + 1


def test_defaults_are_the_toy_networks_of_wgan_gp() -> None:
    discriminator = MLPDiscriminator([2])
    counts = 2 * 512 + 512 + 2 * (512 * 512 + 512) + 512 + 1
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == counts


def test_relu_layers_keep_the_scale_of_the_signal() -> None:
    network = MLPDiscriminator([256], hidden=1024, layers=4)
    features = network.features(torch.randn(64, 256))
    # He initialisation keeps the mean square, and half of it lies on each side of the ReLU.
    assert features.square().mean().item() == pytest.approx(1.0, rel=0.25)


def test_spectral_normalisation_bounds_how_fast_scores_change() -> None:
    torch.manual_seed(0)
    plain = MLPDiscriminator([2], hidden=32, layers=2)
    normalised = MLPDiscriminator([2], hidden=32, layers=2, normalization="spectral")
    for _ in range(200):  # The estimate of the norm follows the weights in training.
        normalised(torch.zeros(1, 2))
    with torch.no_grad():
        for layer in (m for m in normalised.modules() if isinstance(m, nn.Linear)):
            assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=1e-3)
    x = 3 * torch.randn(256, 2)
    slopes = []
    for network in (plain, normalised):
        x.requires_grad_(True)
        (slope,) = torch.autograd.grad(network(x).sum(), x)
        slopes.append(slope.norm(dim=1).max().item())
    assert slopes[1] <= 1.001 < slopes[0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: MLPGenerator(out_shape=[3, 3]),
            r"MLPGenerator: out_shape must be .* got \[3, 3\]",
        ),
        (lambda: MLPDiscriminator(in_shape=[]), r"MLPDiscriminator: in_shape must be .* got \[\]"),
        (lambda: MLPDiscriminator([1, 0, 4]), r"in_shape\[1\] must be a positive integer, got 0"),
        (lambda: MLPGenerator(latent_dim=0), "latent_dim must be a positive integer"),
        (lambda: MLPGenerator(layers=0), "layers must be a positive integer, got 0"),
        (lambda: MLPDiscriminator(hidden=-1), "hidden must be a positive integer, got -1"),
        (
            lambda: MLPDiscriminator(activation=cast(Any, "elu")),
            "activation must be one of .* got elu",
        ),
        (
            lambda: MLPDiscriminator(normalization=cast(Any, "batch")),
            "normalization must be one of .* got batch",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

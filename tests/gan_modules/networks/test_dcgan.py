"""DCGAN's networks: counts, shapes, where a normalisation stands (known answer 27)."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import nn

from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def kinds(network: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in network.modules()]


def test_parameter_counts_at_64_pixels_and_width_64_are_the_known_ones_kat_27() -> None:
    assert count(DCGANGenerator()) == 3_576_704
    assert count(DCGANDiscriminator()) == 2_765_568


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_and_range_at_every_size_kat_27(size: int, channels: int) -> None:
    generator = DCGANGenerator(size, channels, latent_dim=10, width=8)
    discriminator = DCGANDiscriminator(size, channels, width=8)
    images = generator(torch.randn(3, 10))
    assert generator.latent_dim == 10
    assert images.shape == (3, channels, size, size) and images.abs().max() <= 1
    assert discriminator(images).shape == (3,)
    assert discriminator.features(images).shape == (3, 8 * size * 2)


@pytest.mark.parametrize(("size", "stages"), [(32, 3), (64, 4), (128, 5)])
def test_each_doubling_of_the_size_adds_one_stage_at_the_inner_end(size: int, stages: int) -> None:
    generator, discriminator = DCGANGenerator(size, width=4), DCGANDiscriminator(size, width=4)
    assert kinds(generator).count("ConvTranspose2d") == stages
    assert kinds(discriminator).count("Conv2d") == stages
    widest = 4 * size // 8
    assert discriminator.head.in_features == generator.layers[0].out_features == widest * 16


def test_output_of_g_and_input_of_d_are_not_normalised() -> None:
    assert kinds(DCGANGenerator(64))[-2:] == ["ConvTranspose2d", "Tanh"]
    assert kinds(DCGANDiscriminator(64))[2:5] == ["Conv2d", "LeakyReLU", "Conv2d"]
    assert kinds(DCGANGenerator(64)).count("BatchNorm2d") == 4
    assert kinds(DCGANDiscriminator(64)).count("BatchNorm2d") == 3
    assert "Sigmoid" not in kinds(DCGANDiscriminator(64))


@pytest.mark.parametrize(
    ("normalization", "kind", "biases"),
    [("layer", "GroupNorm", 0), ("instance", "InstanceNorm2d", 0), ("none", "Identity", 3)],
)
def test_normalisation_can_be_exchanged_and_a_bias_takes_its_place_when_left_out(
    normalization: Any, kind: str, biases: int
) -> None:
    discriminator = DCGANDiscriminator(64, width=4, normalization=normalization)
    generator = DCGANGenerator(64, width=4, normalization=normalization)
    assert kinds(discriminator).count(kind) == 3 and kinds(generator).count(kind) == 4
    for network in (discriminator, generator):
        assert "BatchNorm2d" not in kinds(network)
    found = [layer for layer in discriminator.layers if getattr(layer, "bias", None) is not None]
    assert sum(isinstance(layer, nn.Conv2d) for layer in found) == biases


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DCGANGenerator(48), "DCGANGenerator: size must be one of 32, 64, 128, got 48"),
        (lambda: DCGANDiscriminator(16), "DCGANDiscriminator: size must be one of"),
        (lambda: DCGANGenerator(latent_dim=0), "latent_dim must be a positive integer, got 0"),
        (lambda: DCGANGenerator(width=-8), "width must be a positive integer, got -8"),
        (lambda: DCGANDiscriminator(channels=0), "channels must be a positive integer, got 0"),
        (
            lambda: DCGANDiscriminator(normalization=cast(Any, "x")),
            "normalization must be one of .* got x",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_spectral_discriminator_has_no_layer_steeper_than_one() -> None:
    network = DCGANDiscriminator(32, 1, 4, "spectral").double().train()
    for _ in range(100):
        network(torch.randn(2, 1, 32, 32, dtype=torch.float64))
    network.eval()
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 4
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        torch.testing.assert_close(largest, torch.ones_like(largest), rtol=1e-4, atol=0)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())

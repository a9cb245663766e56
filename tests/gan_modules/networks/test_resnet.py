"""Residual networks: plans, shortcuts, pooling, initialisation."""

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_modules.networks.residual import DownBlock, FirstBlock, UpBlock
from gan_modules.networks.resnet import (
    DiscriminatorNormalization,
    ResNetDiscriminator,
    ResNetGenerator,
)

NORMALIZATIONS: tuple[DiscriminatorNormalization, ...] = ("spectral", "layer", "none")


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_range_at_every_size(size: int, channels: int) -> None:
    generator = ResNetGenerator(size, channels, latent_dim=10, width=2)
    discriminator = ResNetDiscriminator(size, channels, width=2)
    images = generator(torch.randn(3, 10))
    assert generator.latent_dim == 10
    assert images.shape == (3, channels, size, size) and images.abs().max() <= 1
    assert discriminator(images).shape == (3,)
    assert discriminator.features(images).shape == (3, 2 if size == 32 else 32)


@pytest.mark.parametrize(
    ("size", "generator_maps", "discriminator_maps"),
    [
        (32, [256, 256, 256], [128, 128, 128, 128]),
        (64, [512, 256, 128, 64], [64, 128, 256, 512, 1024]),
    ],
)
def test_default_widths_are_the_papers(
    size: int, generator_maps: list[int], discriminator_maps: list[int]
) -> None:
    with torch.device("meta"):
        generator: Any = ResNetGenerator(size)
        discriminator: Any = ResNetDiscriminator(size, normalization="none")
    assert [block.first.out_channels for block in generator.blocks] == generator_maps
    assert [block.residual[-1].out_channels for block in discriminator.blocks] == discriminator_maps


@pytest.mark.parametrize(("size", "sizes"), [(32, [16, 8, 8, 8]), (64, [32, 16, 8, 4, 2])])
def test_discriminator_halves_where_the_paper_does(size: int, sizes: list[int]) -> None:
    discriminator = ResNetDiscriminator(size, width=2)
    maps, found = torch.zeros(1, 3, size, size), []
    for block in discriminator.blocks:
        maps = block(maps)
        found.append(maps.shape[-1])
    assert found == sizes


def test_parameter_counts_follow_from_the_plan() -> None:
    def conv(inputs: int, outputs: int, kernel: int) -> int:
        return inputs * outputs * kernel**2 + outputs

    first = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1)
    down = 2 * conv(128, 128, 3) + conv(128, 128, 1)
    discriminator = first + down + 2 * 2 * conv(128, 128, 3) + 128
    assert count(ResNetDiscriminator(normalization="none")) == discriminator
    up = 2 * conv(256, 256, 3) + conv(256, 256, 1) + 2 * 2 * 256
    generator = 129 * 16 * 256 + 3 * up + 2 * 256 + conv(256, 3, 3)
    assert count(ResNetGenerator()) == generator


def test_sum_pooling_is_mean_pooling_times_the_number_of_pixels() -> None:
    summed = ResNetDiscriminator(32, width=4, normalization="none", pool="sum")
    averaged = ResNetDiscriminator(32, width=4, normalization="none", pool="mean")
    averaged.load_state_dict(summed.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(summed.features(x), summed.blocks(x).relu().sum((2, 3)))
    torch.testing.assert_close(summed.features(x), 64 * averaged.features(x))
    torch.testing.assert_close(summed(x), 64 * averaged(x))


def test_normalisation_choice_reaches_the_weights_or_the_maps() -> None:
    def weighted(network: nn.Module) -> list[nn.Module]:
        return [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]

    networks = {
        name: ResNetDiscriminator(32, width=4, normalization=name) for name in NORMALIZATIONS
    }
    assert all(is_parametrized(layer, "weight") for layer in weighted(networks["spectral"]))
    assert not any(is_parametrized(layer) for layer in weighted(networks["layer"]))
    norms = {
        name: sum(isinstance(layer, nn.GroupNorm) for layer in network.modules())
        for name, network in networks.items()
    }
    # Two in each of the three blocks after the first; none on the image.
    assert norms == {"spectral": 0, "layer": 6, "none": 0}


def reference_up(block: Any, x: Tensor) -> Tensor:
    """The paper's order: doubling first, then the 1x1 convolution."""
    hidden = block.activate[0](x).relu()
    hidden = block.first(F.interpolate(hidden, scale_factor=2))
    hidden = block.second[2](block.second[0](hidden).relu())
    return hidden + block.shortcut(F.interpolate(x, scale_factor=2))


def reference_down(block: Any, x: Tensor) -> Tensor:
    """The paper's order: the 1x1 convolution first, then the average."""
    hidden = block.residual[1](block.residual[0][0](x).relu())
    hidden = block.residual[4](block.residual[2](hidden).relu())
    return block.pool(hidden) + block.pool(block.shortcut(x))


@pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "none"])
def test_up_block_equals_the_papers_order_and_spares_its_input(normalization: Any) -> None:
    block: Any = UpBlock(4, 6, normalization).double()
    nn.init.normal_(block.shortcut.bias)
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    kept = x.clone()
    found = block(x)
    assert torch.equal(x, kept)
    assert found.shape == (2, 6, 10, 10)
    torch.testing.assert_close(found, reference_up(block, kept))


@pytest.mark.parametrize(("outputs", "halve"), [(6, True), (4, True), (6, False), (4, False)])
@pytest.mark.parametrize("normalization", ["layer", "none"])
def test_down_block_equals_the_papers_order_and_spares_its_input(
    normalization: Any, outputs: int, halve: bool
) -> None:
    block: Any = DownBlock(4, outputs, halve=halve, normalization=normalization).double()
    if isinstance(block.shortcut, nn.Conv2d):
        nn.init.normal_(block.shortcut.get_parameter("bias"))
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    kept = x.clone()
    found = block(x)
    assert torch.equal(x, kept)
    assert found.shape == (2, outputs, 3, 3) if halve else (2, outputs, 6, 6)
    torch.testing.assert_close(found, reference_down(block, kept))
    assert isinstance(block.shortcut, nn.Identity) == (outputs == 4 and not halve)


def test_first_block_puts_no_relu_on_the_image() -> None:
    block: Any = FirstBlock(3, 4)
    dark = torch.full((1, 3, 4, 4), -1.0)
    darker = torch.full((1, 3, 4, 4), -2.0)
    assert not torch.allclose(block(dark), block(darker))
    expected = F.avg_pool2d(block.residual[2](block.residual[0](dark).relu()), 2)
    torch.testing.assert_close(block(dark), expected + block.shortcut(F.avg_pool2d(dark, 2)))


def test_initial_spreads_are_xavier_with_gain_sqrt2_in_blocks_and_1_elsewhere() -> None:
    generator: Any = ResNetGenerator(32, width=64)
    discriminator: Any = ResNetDiscriminator(32, width=64, normalization="none")
    for layer, fans, gain in (
        (generator.start[0], 128 + 1024, 1.0),
        (generator.blocks[0].first, 128 * 9, math.sqrt(2)),
        (generator.blocks[0].shortcut, 128, 1.0),
        (generator.end[2], (64 + 3) * 9, 1.0),
        (discriminator.blocks[0].residual[2], 128 * 9, math.sqrt(2)),
        (discriminator.blocks[1].residual[4], 128 * 9, math.sqrt(2)),
        (discriminator.blocks[1].shortcut, 128, 1.0),
    ):
        assert isinstance(layer, (nn.Linear, nn.Conv2d))
        assert layer.weight.std().item() == pytest.approx(gain * math.sqrt(2 / fans), rel=0.04)
        assert layer.bias is not None and not layer.bias.any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ResNetGenerator(48), "ResNetGenerator: size must be one of 32, 64, 128, got 48"),
        (lambda: ResNetDiscriminator(16), "ResNetDiscriminator: size must be one of .* got 16"),
        (
            lambda: ResNetDiscriminator(normalization=cast(Any, "batch")),
            "one of spectral, layer, none",
        ),
        (
            lambda: ResNetDiscriminator(pool=cast(Any, "max")),
            "pool must be one of sum, mean, got max",
        ),
        (
            lambda: ResNetGenerator(normalization=cast(Any, "spectral")),
            "normalization must be one of batch",
        ),
        (lambda: ResNetGenerator(width=0), "width must be a positive integer, got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

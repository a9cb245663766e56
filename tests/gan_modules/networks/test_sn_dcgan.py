"""The plain nets of spectral normalisation."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from gan_modules.networks.sn_dcgan import SNDCGANDiscriminator, SNDCGANGenerator


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 48, 64])
def test_shapes_and_range_at_every_size(size: int, channels: int) -> None:
    generator = SNDCGANGenerator(size, channels, latent_dim=10, width=4)
    discriminator = SNDCGANDiscriminator(size, channels, width=4)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, channels, size, size) and images.abs().max() <= 1
    assert discriminator(images).shape == (3,)
    assert discriminator.features(images).shape == (3, 4 * size * size // 8)


def test_layers_are_those_of_the_papers_table() -> None:
    convolutions = [
        (layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in SNDCGANDiscriminator().layers
        if isinstance(layer, nn.Conv2d)
    ]
    assert convolutions == [
        (64, 3, 1), (128, 4, 2), (128, 3, 1), (256, 4, 2), (256, 3, 1), (512, 4, 2), (512, 3, 1),
    ]  # fmt: skip
    widths = [
        layer.out_channels
        for layer in SNDCGANGenerator().layers
        if isinstance(layer, nn.ConvTranspose2d)
    ]
    assert widths == [256, 128, 64]


def test_every_weight_of_d_is_spectrally_normalised_and_none_of_g() -> None:
    weighted = [
        layer
        for layer in SNDCGANDiscriminator(width=4).modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    assert len(weighted) == 8 and all(is_parametrized(layer, "weight") for layer in weighted)
    assert not any(is_parametrized(layer) for layer in SNDCGANGenerator(width=4).modules())


def test_discriminator_has_no_normalisation_between_layers() -> None:
    kinds = {type(layer).__name__ for layer in SNDCGANDiscriminator(width=4).layers}
    assert not any("Norm" in kind for kind in kinds - {"ParametrizedConv2d"})


def test_spread_of_images_is_not_amplified_by_the_discriminator() -> None:
    discriminator = SNDCGANDiscriminator(32, width=4).eval()
    x, y = torch.randn(2, 16, 3, 32, 32)
    slope = (discriminator(x) - discriminator(y)).abs() / (x - y).flatten(1).norm(dim=1)
    # Reshaped sigma bounds a 3x3 layer by 3, so this is far from tight and still excludes growth.
    assert slope.max() < 1 and slope.max() > 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SNDCGANGenerator(20), "SNDCGANGenerator: size must be a multiple of 8 .* got 20"),
        (lambda: SNDCGANDiscriminator(8), "SNDCGANDiscriminator: size must be .* got 8"),
        (lambda: SNDCGANDiscriminator(width=0), "width must be a positive integer, got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

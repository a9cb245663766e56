"""Encoders, VAE-GAN's networks and discriminators of pairs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_modules.networks.autoencoders import (
    DCGANEncoder,
    DCGANPairDiscriminator,
    MLPEncoder,
    MLPPairDiscriminator,
)
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.vae_gan import VAEGANDiscriminator, VAEGANEncoder, VAEGANGenerator

ENCODERS: dict[str, Callable[..., Any]] = {
    "dcgan": lambda n="none": DCGANEncoder(32, 3, 10, 4, n),
    "vae_gan": lambda n="none": VAEGANEncoder(32, 3, 10, 4, n),
    "mlp": lambda n="none": MLPEncoder([3, 32, 32], 10, 16),
}
PAIRS: dict[str, Callable[..., Any]] = {
    "dcgan": lambda n="none": DCGANPairDiscriminator(32, 3, 6, 4, 16, n),
    "mlp": lambda n="none": MLPPairDiscriminator(6, [3, 32, 32], 16, 2),
}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def images(n: int = 4, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size) * 2 - 1


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_give_their_outputs_and_learn_with_all_weights(name: str) -> None:
    encoder = ENCODERS[name]()
    assert encoder.outputs == 10
    codes = encoder(images())
    assert codes.shape == (4, 10) and codes.std() > 0
    (codes * torch.randn_like(codes)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    assert encoder.double()(images().double()).dtype == torch.float64


@pytest.mark.parametrize("name", ENCODERS)
def test_codes_without_normalization_depend_on_their_own_image(name: str) -> None:
    encoder, x = ENCODERS[name](), images()
    torch.testing.assert_close(encoder(x[:1]), encoder(x)[:1], rtol=1e-4, atol=1e-6)
    assert not any(isinstance(layer, _BatchNorm) for layer in encoder.modules())


@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_convolutional_encoder_mirrors_the_generator(size: int) -> None:
    encoder, generator = DCGANEncoder(size, 3, 12, 8), DCGANGenerator(size, 3, 6, 8)
    assert encoder(images(2, size)).shape == (2, 12)
    down = [tuple(p.shape) for p in encoder.layers.parameters() if p.dim() == 4]
    up = [tuple(p.shape) for p in generator.layers.parameters() if p.dim() == 4]
    # A transposed convolution holds (in, out, h, w), a convolution (out, in, h, w).
    assert down == up[::-1]
    trunk = count(encoder) - count(encoder.head)
    plain = DCGANDiscriminator(size, 3, 8)
    assert trunk == count(plain) - count(plain.head)


def test_vae_gan_networks_have_the_papers_layers() -> None:
    """Counted by hand from the table: at 64 px, latent_dim 128, width 64, with BatchNorm."""
    encoder = VAEGANEncoder(64, 3, 256)
    hidden = 256 * 8 * 8 * 1024 + 2 * 1024
    convolutions = 25 * (3 * 64 + 64 * 128 + 128 * 256) + 2 * (64 + 128 + 256)
    assert count(encoder) == convolutions + hidden + 1024 * 256 + 256
    generator = VAEGANGenerator(64, 3, 128)
    start = 128 * 256 * 64 + 2 * 256
    convolutions = 25 * (256 * 256 + 256 * 128 + 128 * 32) + 2 * (256 + 128 + 32)
    assert count(generator) == start + convolutions + 25 * 32 * 3 + 3
    discriminator = VAEGANDiscriminator(64, 3)
    convolutions = 25 * (3 * 32 + 32 * 128 + 128 * 256 + 256 * 256) + 32 + 2 * (128 + 256 + 256)
    assert count(discriminator) == convolutions + 256 * 64 * 512 + 2 * 512 + 512 + 1


def test_vae_gan_networks_at_32_px_have_the_widths_of_the_authors_code() -> None:
    maps = [m for m in VAEGANGenerator(32).layers if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in maps] == [(256, 192), (192, 128), (128, 32)]
    judge = VAEGANDiscriminator(32)
    maps = [m for m in judge.layers if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.stride[0]) for m in maps] == [(32, 1), (128, 2), (192, 2), (256, 2)]
    assert VAEGANGenerator(32)(torch.randn(2, 128)).shape == (2, 3, 32, 32)
    assert judge.features(images(2)).shape == (2, 256, 4, 4)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
def test_vae_gan_networks_fit_each_other(size: int, normalization: Any) -> None:
    generator = VAEGANGenerator(size, 3, 6, 4, normalization)
    encoder = VAEGANEncoder(size, 3, 12, 4, normalization)
    discriminator = VAEGANDiscriminator(size, 3, 4, normalization)
    made = generator(torch.randn(3, 6))
    assert made.shape == (3, 3, size, size) and made.abs().max() <= 1 and made.std() > 1e-3
    assert encoder(made).shape == (3, 12)
    assert discriminator(made).shape == (3,) and discriminator(made[:2]).shape == (2,)
    has_batch = any(
        isinstance(m, _BatchNorm) for n in (generator, encoder, discriminator) for m in n.modules()
    )
    assert has_batch == (normalization == "batch")


def test_the_features_of_vae_gan_come_before_normalisation_and_relu() -> None:
    discriminator, x = VAEGANDiscriminator(32, 3, 4, "none"), images()
    features = discriminator.features(x)
    assert isinstance(discriminator.layers[-1], nn.Conv2d) and features.min() < 0
    kept = features.clone()
    scores = discriminator.head(features)[:, 0]
    torch.testing.assert_close(discriminator(x), scores)
    assert torch.equal(features, kept)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_judged_by_both_and_by_their_match(name: str) -> None:
    judge, x, z = PAIRS[name]().double(), images().double(), torch.randn(4, 6).double()
    x.requires_grad_(True)
    z.requires_grad_(True)
    scores = judge(z, x)
    assert scores.shape == (4,) and judge(z[:1], x[:1]).shape == (1,)
    torch.testing.assert_close(judge(z[:1], x[:1]), scores[:1])
    of_z, of_x = torch.autograd.grad(scores.sum(), [z, x], retain_graph=True)
    assert of_z.abs().sum(1).min() > 0 and of_x.abs().flatten(1).sum(1).min() > 0
    scores.sum().backward()
    assert all(p.grad is not None for p in judge.parameters())
    # No sum of a term of z and a term of x: D must see whether the two belong together.
    swapped = judge(z.flip(0), x)
    alone = judge(z, x.flip(0)).flip(0)
    assert (scores + judge(z.flip(0), x.flip(0)) - swapped - alone.flip(0)).abs().max() > 1e-6


def test_pairs_of_codes_and_points() -> None:
    judge = MLPPairDiscriminator(3, [2], 8, 1)
    assert judge(torch.randn(5, 3), torch.randn(5, 2)).shape == (5,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DCGANEncoder(48), "DCGANEncoder: size must be one of 32, 64, 128, got 48"),
        (
            lambda: DCGANEncoder(32, normalization="spectral"),  # type: ignore[arg-type]
            "DCGANEncoder: normalization must be one of batch, layer, instance, none, got spectral",
        ),
        (lambda: DCGANEncoder(32, outputs=0), "DCGANEncoder: outputs must be a positive integer"),
        (lambda: MLPEncoder([2], outputs=-1), "MLPEncoder: outputs must be a positive integer"),
        (lambda: MLPEncoder([2, 2]), r"MLPEncoder: in_shape must be \[C, H, W\] or \[D\]"),
        (
            lambda: MLPPairDiscriminator(4, [0]),
            r"MLPPairDiscriminator: in_shape\[0\] must be a positive integer, got 0",
        ),
        (
            lambda: DCGANPairDiscriminator(32, latent_dim=0),
            "DCGANPairDiscriminator: latent_dim must be a positive integer, got 0",
        ),
        (lambda: VAEGANEncoder(128), "VAEGANEncoder: size must be one of 32, 64, got 128"),
        (
            lambda: VAEGANGenerator(32, normalization="instance"),  # type: ignore[arg-type]
            "VAEGANGenerator: normalization must be one of batch, layer, none, got instance",
        ),
        (lambda: VAEGANGenerator(32, width=5), "VAEGANGenerator: width must be even, got 5"),
        (lambda: VAEGANDiscriminator(32, width=3), "VAEGANDiscriminator: width must be even"),
    ],
)
def test_networks_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ENCODERS)
def test_images_of_another_shape_are_refused_with_both_shapes(name: str) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 3, 32, 32\), got \(2, 1, 32, 32\)"):
        ENCODERS[name]()(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize("name", PAIRS)
def test_samples_of_another_shape_are_refused_in_pairs(name: str) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 3, 32, 32\), got \(2, 3, 16, 16\)"):
        PAIRS[name]()(torch.zeros(2, 6), torch.zeros(2, 3, 16, 16))

"""What every network must do, whatever its file: precision, layouts, second derivatives."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_modules.engine.noise import Noise
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_modules.networks.sn_dcgan import SNDCGANDiscriminator, SNDCGANGenerator
from gan_modules.regularizers import GradientPenalty

# Any: what a network has beside nn.Module's own attributes is what these tests look at.
DISCRIMINATORS: dict[str, Callable[[], Any]] = {
    "dcgan-batch": lambda: DCGANDiscriminator(32, width=4),
    "dcgan-layer": lambda: DCGANDiscriminator(32, width=4, normalization="layer"),
    "dcgan-instance": lambda: DCGANDiscriminator(32, width=4, normalization="instance"),
    "dcgan-none": lambda: DCGANDiscriminator(32, width=4, normalization="none"),
    "sn_dcgan": lambda: SNDCGANDiscriminator(32, width=4),
    "resnet-spectral": lambda: ResNetDiscriminator(32, width=4),
    "resnet-layer": lambda: ResNetDiscriminator(32, width=4, normalization="layer"),
    "resnet-none": lambda: ResNetDiscriminator(32, width=4, normalization="none", pool="mean"),
    "resnet-64": lambda: ResNetDiscriminator(64, width=2),
    "mlp-relu": lambda: MLPDiscriminator([3, 32, 32], hidden=16),
    "mlp-tanh": lambda: MLPDiscriminator([3, 32, 32], hidden=16, activation="tanh"),
}
GENERATORS: dict[str, Callable[[], Any]] = {
    "dcgan-batch": lambda: DCGANGenerator(32, latent_dim=6, width=4),
    "dcgan-none": lambda: DCGANGenerator(32, latent_dim=6, width=4, normalization="none"),
    "sn_dcgan": lambda: SNDCGANGenerator(32, latent_dim=6, width=4),
    "resnet-batch": lambda: ResNetGenerator(32, latent_dim=6, width=4),
    "resnet-none": lambda: ResNetGenerator(32, latent_dim=6, width=4, normalization="none"),
    "mlp": lambda: MLPGenerator(6, [3, 32, 32], hidden=16),
}
PER_SAMPLE = [name for name in DISCRIMINATORS if name != "dcgan-batch"]


def images(discriminator: nn.Module, n: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    shape = getattr(discriminator, "image_shape", (3, 32, 32))
    return torch.randn(n, *shape, dtype=dtype).clamp(-1, 1)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_scores_are_the_head_on_the_features(name: str) -> None:
    discriminator = DISCRIMINATORS[name]().eval()
    x = images(discriminator)
    torch.testing.assert_close(
        discriminator(x), discriminator.head(discriminator.features(x))[:, 0]
    )
    assert discriminator(x).shape == (3,)
    assert discriminator(x[:1]).shape == (1,)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_second_derivatives_equal_finite_differences(name: str) -> None:
    """Of the squared input gradient along a direction: what every gradient penalty descends."""
    discriminator = DISCRIMINATORS[name]().double().eval()
    x = images(discriminator, n=2, dtype=torch.float64)
    weight = max(discriminator.parameters(), key=lambda parameter: parameter.numel())
    # Larger weights than at the start, so that slopes stand out of the rounding errors.
    for parameter in discriminator.parameters():
        parameter.data.mul_(2.0)
    direction = torch.randn_like(weight)

    def squared_slope() -> Tensor:
        points = x.clone().requires_grad_(True)
        total = discriminator(points).sum()
        (slope,) = torch.autograd.grad(total, points, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(squared_slope(), weight)
    step = 1e-6
    weight.data.add_(direction, alpha=step)
    above = squared_slope().item()
    weight.data.sub_(direction, alpha=2 * step)
    below = squared_slope().item()
    slope = (gradient * direction).sum().item()
    assert slope != 0
    assert slope == pytest.approx((above - below) / (2 * step), rel=1e-3)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_score_of_a_sample_depends_on_that_sample_alone(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    x = images(discriminator).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x)[0], x)
    assert gradient[0].abs().max() > 0
    assert not gradient[1:].any()


def test_batch_normalised_discriminator_couples_samples_and_can_be_recognised() -> None:
    discriminator = DISCRIMINATORS["dcgan-batch"]()
    x = images(discriminator).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x)[0], x)
    assert gradient[1:].abs().max() > 0
    coupled = [
        name
        for name, build in DISCRIMINATORS.items()
        if any(isinstance(layer, _BatchNorm) for layer in build().modules())
    ]
    assert coupled == ["dcgan-batch"]


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_gradient_penalty_reaches_every_weight(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    real, fake = images(discriminator), images(discriminator)
    GradientPenalty().penalty(discriminator, real, fake, Noise()).backward()
    for key, parameter in discriminator.named_parameters():
        if parameter.dim() > 1:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key
            assert torch.isfinite(parameter.grad).all(), key


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_evaluation_changes_no_buffer(name: str) -> None:
    discriminator = DISCRIMINATORS[name]().eval()
    before = copy.deepcopy(discriminator.state_dict())
    discriminator(images(discriminator))
    after = discriminator.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_double_precision_agrees_with_single(name: str) -> None:
    discriminator = DISCRIMINATORS[name]().eval()
    x = images(discriminator)
    single = discriminator(x)
    double = discriminator.double()(x.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in DISCRIMINATORS if "mlp" not in name])
def test_channels_last_gives_the_same_scores_and_gradients(name: str) -> None:
    discriminator = DISCRIMINATORS[name]().double().eval()
    last = copy.deepcopy(discriminator).to(memory_format=torch.channels_last)
    x = images(discriminator, dtype=torch.float64)
    expected, found = discriminator(x), last(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)
    expected.sum().backward()
    found.sum().backward()
    for one, other in zip(discriminator.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad)


@pytest.mark.parametrize("name", ["dcgan-batch", "sn_dcgan", "resnet-spectral", "mlp-relu"])
def test_bf16_autocast_gives_close_scores_and_finite_gradients(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    x = images(discriminator)
    with torch.autocast("cpu", torch.bfloat16):
        scores = discriminator(x)
    scores.float().sum().backward()
    gradients = [parameter.grad for parameter in discriminator.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    discriminator.eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = discriminator(x).float()
    torch.testing.assert_close(half, discriminator(x), rtol=0.1, atol=0.05)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_give_images_in_both_precisions_and_in_both_modes(name: str) -> None:
    generator = GENERATORS[name]()
    z = torch.randn(4, generator.latent_dim)
    assert generator(z).shape == (4, 3, 32, 32)
    generator.eval()
    single, double = generator(z), copy.deepcopy(generator).double()(z.double())
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    assert double.abs().max() <= 1 and double.std() > 0
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-5)
    # One latent alone gives the image it gives in a batch.
    torch.testing.assert_close(generator(z[:1]), single[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_gradients_reach_every_parameter(name: str) -> None:
    generator = GENERATORS[name]()
    (generator(torch.randn(4, 6)) * torch.randn(4, 3, 32, 32)).sum().backward()
    assert all(
        parameter.grad is not None and torch.isfinite(parameter.grad).all()
        for parameter in generator.parameters()
    )


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_images_of_another_shape_are_refused_with_both_shapes(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    size = 64 if name == "resnet-64" else 32
    with pytest.raises(
        ValueError, match=rf"must have shape \(N, 3, {size}, {size}\), got \(2, 1, {size}, {size}\)"
    ):
        discriminator(torch.zeros(2, 1, size, size))
    with pytest.raises(ValueError, match=r"got \(2, 3, 40, 40\)"):
        discriminator(torch.zeros(2, 3, 40, 40))


@pytest.mark.parametrize("name", ["dcgan-layer", "resnet-spectral"])
def test_compiled_discriminator_equals_the_eager_one(name: str) -> None:
    discriminator = DISCRIMINATORS[name]()
    x = images(discriminator)
    expected = copy.deepcopy(discriminator)
    compiled = torch.compile(discriminator, backend="aot_eager")
    for _ in range(2):
        ours, theirs = compiled(x), expected(x)
        torch.testing.assert_close(ours, theirs)
    ours.sum().backward()
    theirs.sum().backward()
    # Equal power iterations too, where there are any.
    for key, value in expected.state_dict().items():
        torch.testing.assert_close(discriminator.state_dict()[key], value)
    for one, other in zip(discriminator.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)

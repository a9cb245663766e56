"""R3GAN's networks: what they are at the start, and that nothing couples or bounds them."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.filters import downsample, upsample
from gan_modules.networks.r3gan import (
    BiasedLeakyReLU,
    InvertedBottleneck,
    R3GANDiscriminator,
    R3GANGenerator,
)
from gan_modules.regularizers import R1, R2

SMALL: dict[str, Any] = {"widths": (8, 8, 4, 4), "blocks": 1, "groups": 2}


def generator(**options: Any) -> R3GANGenerator:
    return R3GANGenerator(32, 1, 6, **{**SMALL, **options})


def discriminator(**options: Any) -> R3GANDiscriminator:
    return R3GANDiscriminator(32, 1, **{**SMALL, "widths": (4, 4, 8, 8), **options})


def trained(network: nn.Module) -> Any:
    """Weights as if the blocks had learned something."""
    own = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=own))
    return network


def images(n: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(1), dtype=dtype) * 2 - 1


@pytest.mark.parametrize(("size", "stages"), [(8, 2), (32, 4), (64, 5)])
def test_every_size_makes_images_and_scores(size: int, stages: int) -> None:
    widths = [8] * stages
    made = R3GANGenerator(size, 3, 6, widths, blocks=1, groups=4)(torch.randn(2, 6))
    assert made.shape == (2, 3, size, size)
    scores = R3GANDiscriminator(size, 3, widths, blocks=1, groups=4)(made)
    assert scores.shape == (2,)
    assert R3GANDiscriminator(size, 3, widths, blocks=1, groups=4)(made[:1]).shape == (1,)


def test_parameters_of_the_cifar_network_are_the_sum_of_its_layers() -> None:
    with torch.device("meta"):
        made, judge = R3GANGenerator(), R3GANDiscriminator()
    width, inner = 768, 1536
    block = width * inner + inner + inner * (inner // 96) * 9 + inner + inner * width
    shared = 8 * block
    assert sum(p.numel() for p in made.parameters()) == shared + 64 * width + width * 16 + width * 3
    assert sum(p.numel() for p in judge.parameters()) == shared + 3 * width + width * 16 + width


def test_generator_at_the_start_is_its_transitions_alone() -> None:
    net, z = generator(), torch.randn(5, 6)
    maps = (z @ net.start.weight.T)[:, :, None, None] * net.basis
    for transition in net.transitions:
        maps = upsample(transition(maps))
    expected = nn.functional.conv2d(maps, net.to_image.weight)
    torch.testing.assert_close(net(z), expected)
    # And a linear map of the latent, therefore.
    torch.testing.assert_close(net(2 * z), 2 * net(z))
    assert not torch.allclose(trained(net)(2 * z), 2 * net(z))


def test_discriminator_at_the_start_is_its_transitions_alone() -> None:
    net, x = discriminator(), images()
    maps = nn.functional.conv2d(x, net.from_image.weight)
    for transition in net.transitions:
        maps = transition(downsample(maps))
    numbers = (maps * net.basis.weight[:, 0]).sum((2, 3))
    torch.testing.assert_close(net(x), (numbers @ net.head.weight.T)[:, 0])
    torch.testing.assert_close(net(-2 * x), -2 * net(x))


@pytest.mark.parametrize("build", [generator, discriminator])
def test_residual_branches_end_in_zeros_and_wake_up_in_one_step(build: Any) -> None:
    net = build()
    inputs = torch.randn(3, 6) if build is generator else images()
    net(inputs).square().sum().backward()
    blocks = [m for m in net.modules() if isinstance(m, InvertedBottleneck)]
    assert len(blocks) == 4
    for block in blocks:
        last = block.layers[-1].weight
        assert not last.any()
        assert last.grad is not None and last.grad.abs().sum() > 0


@pytest.mark.parametrize("blocks", [1, 16])
def test_inner_weights_are_he_normal_scaled_down_by_the_number_of_blocks(blocks: int) -> None:
    block = InvertedBottleneck(128, groups=4, expansion=2, blocks=blocks)
    gain = math.sqrt(2 / (1 + 0.2**2)) * blocks**-0.25
    first, grouped = block.layers[0].weight, block.layers[2].weight
    assert first.shape == (256, 128, 1, 1) and grouped.shape == (256, 64, 3, 3)
    assert first.std().item() == pytest.approx(gain / math.sqrt(128), rel=0.02)
    assert grouped.std().item() == pytest.approx(gain / math.sqrt(64 * 9), rel=0.02)
    assert first.mean().abs() < 0.01 and BiasedLeakyReLU.gain == pytest.approx(1.386750, abs=1e-6)


def test_a_network_counts_all_its_blocks() -> None:
    net = generator(widths=(64, 64, 64, 64), blocks=4, groups=2)
    expected = BiasedLeakyReLU.gain * 16**-0.25 / 8
    assert net.stages[0][0].layers[0].weight.std().item() == pytest.approx(expected, rel=0.05)


def test_middle_convolution_keeps_groups_apart() -> None:
    grouped = InvertedBottleneck(4, groups=4, expansion=2, blocks=1).layers[2]
    x = torch.randn(1, 8, 5, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(grouped(x)[:, :2].sum(), x)
    assert gradient[:, :2].abs().sum() > 0 and not gradient[:, 2:].any()


def test_bias_comes_before_the_leaky_relu() -> None:
    layer = BiasedLeakyReLU(2)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, -3.0])[:, None, None])
    x = torch.tensor([[[[2.0]], [[1.0]]]])
    assert layer(x).flatten().tolist() == pytest.approx([3.0, -0.4])


def test_nothing_normalises_and_nothing_bounds() -> None:
    for net in (generator(), discriminator()):
        kinds = {type(module) for module in net.modules()}
        assert kinds <= {
            type(net),
            nn.ModuleList,
            nn.Sequential,
            nn.Conv2d,
            nn.Linear,
            nn.Identity,
            InvertedBottleneck,
            BiasedLeakyReLU,
        }
        assert all(m.bias is None for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    assert generator()(100 * torch.randn(4, 6)).abs().max() > 1


def test_label_is_put_behind_the_latent_of_the_generator() -> None:
    net, z = trained(generator(num_classes=3, embedding_dim=5)), torch.randn(4, 6)
    labels = torch.tensor([0, 1, 2, 1])
    assert net.start.in_features == 11 and net.num_classes == 3
    made = net(z, labels)
    assert not torch.allclose(made[0], net(z, torch.tensor([1, 1, 2, 1]))[0])
    torch.testing.assert_close(made[1:], net(z, torch.tensor([1, 1, 2, 1]))[1:])


def test_conditional_score_is_the_inner_product_with_the_labels_embedding() -> None:
    net, x = trained(discriminator(num_classes=3, embedding_dim=5)), images()
    labels = torch.tensor([2, 0, 1])
    expected = (net.head(net.features(x)) * net.embedding.weight[labels]).sum(1)
    torch.testing.assert_close(net(x, labels), expected)
    assert not torch.allclose(net(x, labels), net(x, labels.flip(0)))


def test_embeddings_start_as_linear_layers_on_one_hot_labels() -> None:
    made = generator(num_classes=4, embedding_dim=4000).embedding.weight
    judge = discriminator(num_classes=4, embedding_dim=4000).embedding.weight
    assert made.std().item() == pytest.approx(0.5, rel=0.03)
    assert judge.std().item() == pytest.approx(0.5 / math.sqrt(4000), rel=0.03)


def test_score_of_a_sample_depends_on_that_sample_alone() -> None:
    net, x = trained(discriminator()), images().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(x)[0], x)
    assert gradient[0].abs().max() > 0 and not gradient[1:].any()


def test_second_derivatives_equal_finite_differences() -> None:
    """Of the squared input gradient: what R1 and R2 descend."""
    net = trained(discriminator()).double()
    x = images(2, torch.float64)
    weight = net.stages[1][0].layers[2].weight
    direction = torch.randn_like(weight)

    def squared_slope() -> Tensor:
        points = x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(net(points).sum(), points, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(squared_slope(), weight)
    step = 1e-6
    weight.data.add_(direction, alpha=step)
    above = squared_slope().item()
    weight.data.sub_(direction, alpha=2 * step)
    below = squared_slope().item()
    slope = (gradient * direction).sum().item()
    assert slope != 0 and slope == pytest.approx((above - below) / (2 * step), rel=1e-4)


def test_penalties_reach_every_weight_of_a_network_that_has_learned() -> None:
    net = trained(discriminator())
    real, fake = images(), images().flip(0)
    penalties = [r.penalty(net, real, fake, Noise()) for r in (R1(), R2())]
    (penalties[0] + penalties[1]).backward()
    for key, parameter in net.named_parameters():
        if parameter.dim() == 4 or "head" in key:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


def test_precision_and_memory_layout_change_nothing() -> None:
    net, x = trained(discriminator()), images()
    double = copy.deepcopy(net).double()
    last = copy.deepcopy(double).to(memory_format=torch.channels_last)
    torch.testing.assert_close(double(x.double()).float(), net(x), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        last(x.double().contiguous(memory_format=torch.channels_last)), double(x.double())
    )
    z = torch.randn(3, 6)
    made = trained(generator())
    torch.testing.assert_close(made(z[:1]), made(z)[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [generator, discriminator])
def test_what_does_not_fit_together_is_refused(build: Any) -> None:
    name = "R3GANGenerator" if build is generator else "R3GANDiscriminator"
    for options, message in (
        ({"widths": (8, 8)}, "size must be 8 for the 2 widths, got 32; each further width"),
        ({"widths": ()}, "size must be 0 for the 0 widths, got 32"),
        ({"widths": (8, 8, 4, 5), "groups": 4}, "groups must divide .* got 4 for 2 x 5; choose"),
        ({"widths": (8, 8, 4, 0)}, r"widths\[3\] must be a positive integer, got 0"),
        ({"blocks": 0}, "blocks must be a positive integer, got 0"),
        ({"groups": 0}, "groups must be a positive integer, got 0"),
        ({"num_classes": -1}, "num_classes must not be negative, got -1; 0 is without labels"),
        ({"num_classes": 2, "embedding_dim": 0}, "embedding_dim must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: {message}"):
            build(**options)


def test_images_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 1, 32, 32\), got \(2, 3, 32, 32\)"):
        discriminator()(torch.zeros(2, 3, 32, 32))

"""Known answer 30: fading in of both networks, and what is in use at a level."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks import progressive, resizing
from gan_modules.networks.equalized import Equalized
from gan_modules.networks.growing import enlarged, reduced
from gan_modules.networks.pixel_norm import PixelNorm
from gan_modules.networks.progressive import (
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    feature_maps,
)
from gan_modules.networks.resizing import doubled, halved
from gan_modules.regularizers import GradientPenalty

LATENT = 6
#: 16, 8, 4 and 2 maps at 4, 8, 16 and 32 px.
PLAN = {"fmap_base": 32, "fmap_max": 16}
SIZES = {0: 4, 1: 8, 2: 16, 3: 32}


def generator(size: int = 32) -> ProgressiveGenerator:
    torch.manual_seed(1)
    return _with_biases(ProgressiveGenerator(size, 2, LATENT, **PLAN))


def discriminator(size: int = 32, group: int = 2) -> ProgressiveDiscriminator:
    torch.manual_seed(2)
    return _with_biases(ProgressiveDiscriminator(size, 2, **PLAN, minibatch_group=group))


def _with_biases(network: Any) -> Any:
    """Biases start at zero, which would hide where they are added."""
    for name, parameter in network.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter, 0.0, 0.3)
    return network


def smaller(network: Any, size: int) -> Any:
    """The network that was built for ``size``, with the weights of the larger one."""
    small = (generator if isinstance(network, ProgressiveGenerator) else discriminator)(size)
    weights = network.state_dict()
    kept = {key: weights[key] for key in small.state_dict() if key != "_level"}
    small.load_state_dict({**kept, "_level": small._level})
    return small


def at(network: Any, level: float, x: Tensor) -> Tensor:
    network.level = level
    return network(x)


def latents(n: int = 4) -> Tensor:
    return torch.randn(n, LATENT)


def images(size: int = 32, n: int = 4) -> Tensor:
    return torch.rand(n, 2, size, size) * 2 - 1


@pytest.mark.parametrize("level", SIZES)
def test_generator_at_a_whole_level_is_the_smaller_network_enlarged_exactly_kat_30(
    level: int,
) -> None:
    large, z = generator(), latents()
    small = smaller(large, SIZES[level])
    assert small(z).shape == (4, 2, SIZES[level], SIZES[level])
    assert torch.equal(at(large, level, z), enlarged(small(z), 32))


@pytest.mark.parametrize("level", SIZES)
def test_discriminator_at_a_whole_level_is_the_smaller_network_exactly_kat_30(level: int) -> None:
    large, x = discriminator(), images(SIZES[level])
    small = smaller(large, SIZES[level])
    assert small(x).std() > 0
    assert torch.equal(at(large, level, enlarged(x, 32)), small(x))


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.875])
def test_generator_in_a_fade_mixes_the_images_of_both_sizes_kat_30(
    stage: int, alpha: float
) -> None:
    network, z = generator().double(), latents().double()
    small, large = at(network, stage - 1, z), at(network, stage, z)
    assert (small - large).abs().max() > 0.1
    found = at(network, stage - 1 + alpha, z)
    torch.testing.assert_close(found, (1 - alpha) * small + alpha * large)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.875])
def test_discriminator_in_a_fade_mixes_the_maps_of_both_sizes_kat_30(
    stage: int, alpha: float
) -> None:
    network, x = discriminator().double(), images().double()
    shown = reduced(x, SIZES[stage])
    new = halved(network.blocks[stage](network.from_images[stage](shown)))
    old = network.from_images[stage - 1](halved(shown))
    maps = alpha * new + (1 - alpha) * old
    for level in range(stage - 1, 0, -1):
        maps = halved(network.blocks[level](maps))
    expected = network.head(network.blocks[0](maps))[:, 0]
    torch.testing.assert_close(at(network, stage - 1 + alpha, x), expected)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_there_is_no_jump_at_either_end_of_a_fade_kat_30(stage: int) -> None:
    for network, x in ((generator(), latents()), (discriminator(), images())):
        network, x, close = network.double(), x.double(), {"rtol": 0, "atol": 1e-5}
        for end, inside in ((stage - 1, stage - 1 + 1e-7), (stage, stage - 1e-7)):
            torch.testing.assert_close(at(network, inside, x), at(network, end, x), **close)


def used(network: nn.Module) -> set[str]:
    return {
        ".".join(name.split(".")[:2])
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize(
    ("level", "blocks", "ends"),
    [(0, {0}, {0}), (0.5, {0, 1}, {0, 1}), (2, {0, 1, 2}, {2}), (2.5, {0, 1, 2, 3}, {2, 3})],
)
def test_layers_that_are_not_in_use_get_no_gradient(
    level: float, blocks: set[int], ends: set[int]
) -> None:
    g, d = generator(), discriminator()
    at(g, level, latents()).square().sum().backward()
    at(d, level, images()).square().sum().backward()
    own = {"start.weight", "start_bias"}
    assert used(g) - own == {f"blocks.{i}" for i in blocks} | {f"to_images.{i}" for i in ends}
    own = {"head.weight", "head.bias"}
    assert used(d) - own == {f"blocks.{i}" for i in blocks} | {f"from_images.{i}" for i in ends}


def test_a_picture_below_the_full_size_stands_in_blocks_of_equal_pixels() -> None:
    picture = at(generator(), 1, latents())
    assert picture.shape == (4, 2, 32, 32)
    assert torch.equal(picture, enlarged(picture[..., ::4, ::4], 32))
    assert not torch.equal(picture, enlarged(picture[..., ::8, ::8], 32))


def test_the_output_is_linear_and_only_the_direction_of_a_latent_counts() -> None:
    network, z = generator().double(), latents().double()
    for layer in network.to_images:
        layer.bias.data.zero_()
    before = network(z)
    network.to_images[3].weight.data.mul_(50.0)
    torch.testing.assert_close(network(z), 50.0 * before)
    assert network(z).abs().max() > 1
    torch.testing.assert_close(network(3.0 * z), network(z), rtol=1e-3, atol=1e-3)
    assert (network(-z) - network(z)).abs().max() > 0.1


def test_gains_of_the_first_and_the_last_layers_are_the_authors_kat_28() -> None:
    g, d = generator(), discriminator()
    odd = {"start": math.sqrt(2) / 4, "head": 1.0}
    for network in (g, d):
        for name, layer in network.named_modules():
            if isinstance(layer, Equalized):
                gain = layer.scale * math.sqrt(layer.weight[0].numel())
                kind = name.split(".")[0]
                expected = 1.0 if kind == "to_images" else odd.get(kind, math.sqrt(2.0))
                assert gain == pytest.approx(expected), name
                assert layer.lr_multiplier == 1


def test_every_convolution_of_g_is_rectified_and_normalised_in_this_order() -> None:
    for block in generator().blocks:
        kinds = [type(layer).__name__ for layer in block]
        assert kinds[-3:] == ["EqualizedConv2d", "LeakyReLU", "PixelNorm"]
        assert kinds.count("PixelNorm") == 2
    slopes = {m.negative_slope for m in generator().modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}
    assert not any(isinstance(m, PixelNorm) for m in discriminator().modules())


def test_widths_are_the_papers_and_so_are_the_counts_of_parameters() -> None:
    widths = [feature_maps(level, 8192, 512) for level in range(9)]
    assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert [feature_maps(level, 4096, 128) for level in range(4)] == [128] * 4
    assert feature_maps(6, 32, 16) == 1
    with torch.device("meta"):
        g, d = ProgressiveGenerator(), ProgressiveDiscriminator()
    conv = 512 * 512 * 9 + 512
    assert sum(p.numel() for p in g.parameters()) == (
        512 * 512 * 16 + 512 + conv + 3 * 2 * conv + 4 * (512 * 3 + 3)
    )
    assert sum(p.numel() for p in d.parameters()) == (
        4 * (3 * 512 + 512) + 3 * 2 * conv + conv + 512 * 9 + 512 * 512 * 16 + 512 + 512 + 1
    )


def test_scores_are_the_head_on_the_features_and_see_the_spread_of_the_batch() -> None:
    network, x = discriminator(group=4), images()
    torch.testing.assert_close(network(x), network.head(network.features(x))[:, 0])
    same = x[:1].expand(4, -1, -1, -1)
    assert not torch.allclose(network(same)[:1], network(x)[:1])
    alone = discriminator(group=1)
    torch.testing.assert_close(alone(x)[:1], alone(x[:1]))


@pytest.mark.parametrize("level", [0, 1.5, 3])
def test_second_derivatives_equal_finite_differences(level: float) -> None:
    network = discriminator().double()
    network.level = level
    points, weight = images(n=2).double(), network.blocks[0][1].weight
    direction = torch.randn_like(weight)

    def squared_slope() -> Tensor:
        x = points.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(squared_slope(), weight)
    step = 1e-6
    weight.data.add_(direction, alpha=step)
    above = squared_slope().item()
    weight.data.sub_(direction, alpha=2 * step)
    below = squared_slope().item()
    slope = (gradient * direction).sum().item()
    assert slope != 0 and slope == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_the_slope_is_that_of_full_size_images_at_every_level() -> None:
    """A coarse pixel spreads over many fine ones, as in the authors' penalty."""
    network, x = discriminator(), images(4)
    network.level = 0

    def slope(points: Tensor) -> Tensor:
        points = points.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(network(points).sum(), points)
        return gradient.flatten(1).norm(dim=1)

    fine = slope(enlarged(x, 32))
    network = smaller(network, 4)
    torch.testing.assert_close(slope(x), 8.0 * fine)


def test_a_penalty_reaches_the_weights_in_use() -> None:
    network = discriminator()
    network.level = 2.5
    GradientPenalty().penalty(network, images(), images(), Noise()).backward()
    for name, parameter in network.named_parameters():
        in_use = not name.startswith(("from_images.0", "from_images.1"))
        if in_use and parameter.dim() > 1:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("level", [0, 1.5, 3])
def test_bf16_autocast_gives_close_results(level: float) -> None:
    for network, x in ((generator(), latents()), (discriminator(), images())):
        expected = at(network, level, x)
        with torch.autocast("cpu", torch.bfloat16):
            found = network(x)
        # Not the largest: where two maps are nearly 0, pixel norm magnifies what is rounded away.
        assert (found - expected).abs().mean() < 0.03 * expected.abs().mean()


def test_it_fades_in_under_the_autocast_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    # There the doubled maps come in float32, here in bfloat16: so the CPU would not tell.
    monkeypatch.setattr(progressive, "doubled", lambda x: resizing.doubled(x.float()))
    network, z = generator(), latents()
    expected = at(network, 1.5, z)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(z)
    assert (found - expected).abs().mean() < 0.03 * expected.abs().mean()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="^ProgressiveGenerator: size must be a power of two"):
        ProgressiveGenerator(24)
    with pytest.raises(ValueError, match="ProgressiveDiscriminator: fmap_max must be a positive"):
        ProgressiveDiscriminator(32, fmap_max=0)
    with pytest.raises(ValueError, match="ProgressiveGenerator: latent_dim must be a positive"):
        ProgressiveGenerator(32, latent_dim=0)
    with pytest.raises(ValueError, match=r"must have shape \(N, 2, 32, 32\), got \(4, 2, 16, 16\)"):
        discriminator()(images(16))
    with pytest.raises(ValueError, match="group must divide the batch of one rank, got 2 for 3"):
        discriminator()(images(n=3))


def test_doubling_before_the_first_convolution_of_a_block() -> None:
    """So that a new resolution is convolved at its own size, not enlarged after."""
    network, z = generator().double(), latents().double()
    start = network.start(network.normalize(z)).unflatten(1, (-1, 4, 4)) + network.start_bias
    x = network.blocks[0](start)
    expected = network.to_images[1](network.blocks[1](doubled(x)))
    torch.testing.assert_close(at(network, 1, z), enlarged(expected, 32))

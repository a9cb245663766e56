"""Modulated convolutions, skip generator and residual discriminator of StyleGAN2."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.filters import SMOOTH, upsample
from gan_modules.networks.modulated import ModulatedConv2d, StyleLayer
from gan_modules.networks.stylegan2 import (
    HalvingBlock,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)


def generator(size: int = 16, **options: int) -> StyleGAN2Generator:
    small = {"w_dim": 5, "fmap_base": 32, "fmap_max": 6, "mapping_layers": 2}
    return StyleGAN2Generator(size, 2, 6, **{**small, **options}).double()


def discriminator(group: int = 1) -> StyleGAN2Discriminator:
    return StyleGAN2Discriminator(16, 2, fmap_base=32, fmap_max=6, minibatch_group=group).double()


def modulated(layer: ModulatedConv2d, style: Tensor) -> Tensor:
    """The weight of one image, equations 1 and 3 written out."""
    weight = layer.weight * layer.scale * style[None, :, None, None]
    if layer.demodulate:
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    return weight


def stretched(x: Tensor) -> Tensor:
    """Zeros between pixels, after the first and before the last too."""
    zeros = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    zeros[..., ::2, ::2] = x
    return zeros


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_each_image_is_convolved_with_its_own_modulated_weight(
    kernel: int, demodulate: bool
) -> None:
    layer = ModulatedConv2d(3, 4, kernel, w_dim=5, demodulate=demodulate).double()
    nn.init.normal_(layer.bias)
    x, w = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 5).double()
    noise = torch.randn(2, 1, 6, 6).double()
    found = layer(x, w, noise)
    for image in range(2):
        weight = modulated(layer, layer.affine(w)[image])
        expected = F.conv2d(x[image : image + 1], weight, layer.bias, padding=kernel // 2)
        torch.testing.assert_close(found[image : image + 1], expected + noise[image])


def test_doubling_layer_convolves_the_stretched_maps_and_smooths() -> None:
    layer = ModulatedConv2d(3, 4, 3, w_dim=5, doubles=True).double()
    x, w = torch.randn(1, 3, 6, 6).double(), torch.randn(1, 5).double()
    row = torch.tensor(SMOOTH).double() / 8
    smooth = 4 * torch.outer(row, row).expand(4, 1, -1, -1)
    # Wide margins, so that nothing is lost between the two steps.
    spread = F.conv2d(F.pad(stretched(x), (4, 4, 4, 4)), modulated(layer, layer.affine(w)[0]))
    expected = F.conv2d(spread, smooth, groups=4)
    found = layer(x, w)
    assert found.shape == (1, 4, 12, 12)
    inside = expected[..., 1:13, 1:13]
    torch.testing.assert_close(found, inside)


def test_demodulated_filters_have_length_one_whatever_the_style_kat_31() -> None:
    layer = ModulatedConv2d(32, 8, 3, w_dim=5).double()
    w = torch.randn(1, 5).double()
    impulses = torch.zeros(32, 32, 5, 5).double()
    impulses[torch.arange(32), torch.arange(32), 2, 2] = 1.0
    for scale in (0.01, 1.0, 100.0):
        with torch.no_grad():
            layer.affine.bias.fill_(scale)
            layer.affine.weight.mul_(scale)
        # Row i: what channel i alone contributes to each output, over the kernel.
        responses = layer(impulses, w.expand(32, -1))
        lengths = responses.square().sum((0, 2, 3)).sqrt()
        torch.testing.assert_close(lengths, torch.ones(8).double(), rtol=1e-3, atol=0)


def test_noise_of_unit_variance_comes_out_with_unit_variance_kat_31() -> None:
    layer, plain = (ModulatedConv2d(32, 32, 3, w_dim=8, demodulate=d) for d in (True, False))
    x, w = torch.randn(16, 32, 32, 32), torch.randn(16, 8)
    assert layer(x, w)[..., 1:-1, 1:-1].std().item() == pytest.approx(1.0, abs=0.02)
    for loud in (layer, plain):
        with torch.no_grad():
            loud.affine.bias.fill_(50.0)
    assert layer(x, w).std().item() == pytest.approx(1.0, abs=0.03)
    assert plain(x, w).std().item() == pytest.approx(50.0, rel=0.1)


def test_styles_start_at_one() -> None:
    layer = ModulatedConv2d(3, 4, 3, w_dim=5)
    assert layer.affine(torch.zeros(1, 5)).tolist() == [[1.0] * 3]
    assert not layer.bias.any()


def test_at_the_start_noise_changes_nothing_and_later_it_does_kat_32() -> None:
    net = generator()
    z = torch.randn(3, 6).double()
    drawn = [net.randomness(z, Noise(seed), 0.0).maps for seed in range(2)]
    silent = [net(z, maps=maps) for maps in (*drawn, None)]
    assert torch.equal(silent[0], silent[1]) and torch.equal(silent[0], silent[2])
    bare = copy.deepcopy(net)
    for layer in bare.synthesis.layers:
        layer.noise_const.zero_()
    assert torch.equal(bare(z), silent[0])
    for layer in net.synthesis.layers:
        nn.init.constant_(layer.noise_strength, 0.5)
    loud = [net(z, maps=maps) for maps in (*drawn, None)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (loud[one] - loud[other]).abs().max() > 1e-3
    assert torch.equal(bare(z), silent[0])


def test_noise_is_one_map_for_all_channels_of_one_strength() -> None:
    layer = StyleLayer(3, 4, 5, size=6, doubles=False).double()
    x, w = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 5).double()
    noise = torch.randn(2, 1, 6, 6).double()
    nn.init.constant_(layer.noise_strength, 0.25)
    linear = layer.convolution(x, w) + 0.25 * noise
    expected = math.sqrt(2) * F.leaky_relu(linear, 0.2)
    torch.testing.assert_close(layer(x, w, noise), expected)
    constant = layer.convolution(x, w) + 0.25 * layer.noise_const
    torch.testing.assert_close(layer(x, w, None), math.sqrt(2) * F.leaky_relu(constant, 0.2))


@pytest.mark.parametrize("size", [4, 8, 32, 64])
def test_shapes_and_layers_at_every_size(size: int) -> None:
    net = StyleGAN2Generator(size, 3, 6, w_dim=5, fmap_base=16, fmap_max=4, mapping_layers=1)
    images = net(torch.randn(2, 6))
    assert images.shape == (2, 3, size, size) and images.dtype == torch.float32
    assert net.num_layers == 2 * size.bit_length() - 4
    judge = StyleGAN2Discriminator(size, 3, fmap_base=16, fmap_max=4, minibatch_group=2)
    assert judge(images).shape == (2,) and judge.features(images).shape == (2, 4)


def test_widths_are_those_of_configuration_f() -> None:
    with torch.device("meta"):
        net, judge = StyleGAN2Generator(1024), StyleGAN2Discriminator(1024)
    widths = [layer.convolution.weight.shape[0] for layer in net.synthesis.layers[::2]]
    assert widths == [512, 512, 512, 512, 512, 256, 128, 64, 32]
    assert net.num_layers == 18 and len(net.mapping.layers) == 8
    blocks = [layer for layer in judge.layers if isinstance(layer, HalvingBlock)]
    assert [block.second.weight.shape[0] for block in blocks] == widths[-2::-1]
    # As the authors' code prints them.
    assert sum(p.numel() for p in net.parameters()) == 30_370_060
    assert sum(p.numel() for p in judge.parameters()) == 29_012_513


def test_image_is_the_sum_of_what_each_size_adds() -> None:
    net = generator()
    parts = []
    z = torch.randn(2, 6).double()
    whole = net(z)
    for kept in range(3):
        alone = copy.deepcopy(net)
        for level, layer in enumerate(alone.synthesis.to_image):
            if level != kept:
                nn.init.zeros_(layer.weight)
        parts.append(alone(z))
    torch.testing.assert_close(sum(parts), whole)
    seen = []
    net.synthesis.to_image[0].register_forward_hook(lambda *call: seen.append(call[2]))
    net(z)
    assert seen[0].shape == (2, 2, 4, 4)
    torch.testing.assert_close(parts[0], upsample(upsample(seen[0])))


def test_last_style_of_a_size_is_also_that_of_the_next_convolution() -> None:
    net = generator()
    calls = []
    for name, layer in net.synthesis.named_modules():
        if isinstance(layer, ModulatedConv2d):
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name: calls.append((name, inputs[1][0, 0].item()))
            )
    ws = torch.arange(6.0).double()[None, :, None].expand(1, 6, 5)
    net.synthesis(ws)
    assert calls == [
        ("layers.0.convolution", 0),
        ("to_image.0", 1),
        ("layers.1.convolution", 1),
        ("layers.2.convolution", 2),
        ("to_image.1", 3),
        ("layers.3.convolution", 3),
        ("layers.4.convolution", 4),
        ("to_image.2", 5),
    ]


def test_size_of_a_style_drives_the_image_layers_alone() -> None:
    """What demodulation takes away in the convolutions, the image layers keep."""
    net = generator()
    with torch.no_grad():
        for layer in net.synthesis.layers:
            layer.convolution.affine.bias.mul_(10.0)
            layer.convolution.affine.weight.mul_(10.0)
    same = generator()
    same.load_state_dict(net.state_dict())
    with torch.no_grad():
        for layer in same.synthesis.layers:
            layer.convolution.affine.bias.div_(10.0)
            layer.convolution.affine.weight.div_(10.0)
    z = torch.randn(2, 6).double()
    torch.testing.assert_close(net(z), same(z), rtol=1e-3, atol=1e-4)


def test_gradients_of_the_image_reach_every_parameter() -> None:
    net = generator()
    z, other = torch.randn(2, 4, 6).double()
    images = net(z, *net.randomness(other, Noise(), 0.9))
    (images * torch.randn_like(images)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_residual_block_smooths_before_it_halves_and_keeps_the_variance() -> None:
    block = HalvingBlock(3, 4).double()
    x = torch.randn(1, 3, 8, 8).double()
    row = torch.tensor(SMOOTH).double() / 8
    smooth = torch.outer(row, row).expand(3, 1, -1, -1)
    around = F.conv2d(x, smooth, stride=2, padding=1, groups=3)
    around = F.conv2d(around, block.shortcut.scaled()[0])
    inner = F.leaky_relu(block.first(x), 0.2)
    inner = F.conv2d(F.conv2d(F.pad(inner, (2,) * 4), smooth, groups=3), block.second.scaled()[0])
    expected = (around + F.leaky_relu(inner[..., ::2, ::2], 0.2)) / math.sqrt(2)
    torch.testing.assert_close(block(x), expected)


def test_scores_see_the_spread_of_their_group() -> None:
    judge = discriminator(group=2)
    x = torch.randn(1, 2, 16, 16).double()
    alike, unlike = x.expand(2, -1, -1, -1), torch.cat([x, torch.randn_like(x)])
    assert judge(alike)[0] == judge(alike)[1]
    assert abs(judge(alike)[0] - judge(unlike)[0]) > 1e-6
    alone = discriminator(group=1)
    torch.testing.assert_close(alone(alike)[0], alone(unlike)[0])


def test_scores_are_the_head_on_the_features_of_each_sample_alone() -> None:
    judge = discriminator()
    x = torch.randn(3, 2, 16, 16).double().requires_grad_(True)
    torch.testing.assert_close(judge(x), judge.head(judge.features(x))[:, 0])
    (gradient,) = torch.autograd.grad(judge(x)[0], x)
    assert gradient[0].any() and not gradient[1:].any()


def test_images_of_another_shape_and_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 2, 16, 16\), got \(2, 1, 16, 16\)"):
        discriminator()(torch.zeros(2, 1, 16, 16).double())
    with pytest.raises(ValueError, match="group must divide the batch of one rank, got 2 for 3"):
        discriminator(group=2)(torch.zeros(3, 2, 16, 16).double())
    with pytest.raises(ValueError, match="StyleGAN2Discriminator: size must be .* got 20"):
        StyleGAN2Discriminator(20)


def test_second_derivatives_of_the_scores_equal_finite_differences() -> None:
    judge = discriminator()
    x = torch.randn(2, 2, 16, 16).double()
    weight = judge.layers[2].second.weight
    direction = torch.randn_like(weight)

    def squared_slope() -> Tensor:
        points = x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(judge(points).sum(), points, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(squared_slope(), weight)
    step = 1e-6
    weight.data.add_(direction, alpha=step)
    above = squared_slope().item()
    weight.data.sub_(direction, alpha=2 * step)
    slope = (gradient * direction).sum().item()
    assert slope != 0
    assert slope == pytest.approx((above - squared_slope().item()) / (2 * step), rel=1e-3)


def test_autocast_and_channels_last_stay_close_and_styles_stay_exact() -> None:
    net = generator().float()
    judge = discriminator().float()
    z = torch.randn(4, 6)
    exact = net(z)
    with torch.autocast("cpu", torch.bfloat16):
        images = net(z)
        scores = judge(images)
    assert images.dtype == torch.bfloat16 and scores.isfinite().all()
    assert (images.float() - exact).abs().mean() < 0.05 * exact.std()
    last = copy.deepcopy(net).to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(z), exact, rtol=1e-4, atol=1e-5)


def test_compiled_generator_equals_the_eager_one_with_its_average() -> None:
    net = generator(size=4)
    z, other = torch.randn(2, 4, 6).double()
    drawn = net.randomness(other, Noise(), 0.9)
    eager = copy.deepcopy(net)
    compiled = torch.compile(net, backend="aot_eager")
    for _ in range(2):
        torch.testing.assert_close(compiled(z, *drawn), eager(z, *drawn))
    torch.testing.assert_close(net.w_avg, eager.w_avg)
    assert net.w_avg.any()

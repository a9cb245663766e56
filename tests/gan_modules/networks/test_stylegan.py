"""AdaIN, noise and growth of StyleGAN's generator, and its discriminator."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.filters import blur
from gan_modules.networks.stylegan import (
    AdaIN,
    StyledLayer,
    StyleGANDiscriminator,
    StyleGANGenerator,
)


def generator(size: int = 16) -> StyleGANGenerator:
    net = StyleGANGenerator(size, 2, 6, w_dim=5, fmap_base=32, fmap_max=4, mapping_layers=2)
    return net.double()


def discriminator() -> StyleGANDiscriminator:
    return StyleGANDiscriminator(16, 2, fmap_base=32, fmap_max=4, minibatch_group=1).double()


def latents(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 6, dtype=torch.float64)


def test_a_style_sets_mean_and_spread_of_every_map_kat_31() -> None:
    adain = AdaIN(3, w_dim=4).double()
    nn.init.zeros_(adain.affine.weight)
    with torch.no_grad():
        adain.affine.bias.copy_(torch.tensor([0.5, 0.0, -2.0, 1.0, 2.0, 3.0]))
    x = 7.0 + 5.0 * torch.randn(2, 3, 16, 16).double()
    styled = adain(x, torch.randn(2, 4).double())
    mean, spread = styled.mean((2, 3)), styled.std((2, 3), correction=0)
    torch.testing.assert_close(mean, torch.tensor([[1.0, 2.0, 3.0]] * 2).double())
    torch.testing.assert_close(spread, torch.tensor([[1.5, 1.0, 1.0]] * 2).double())
    # The sign: 1 + y_s is -1 for the last.
    normal = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(styled[:, 2], 3.0 - normal[:, 2], atol=1e-6, rtol=0)


def test_adain_starts_at_gain_one_and_treats_each_image_and_map_alone() -> None:
    adain = AdaIN(3, w_dim=4).double()
    x = torch.randn(2, 3, 8, 8).double()
    plain = adain(x, torch.zeros(2, 4).double())
    torch.testing.assert_close(plain, F.instance_norm(x), rtol=1e-4, atol=1e-5)
    w = torch.randn(2, 4).double()
    torch.testing.assert_close(adain(3.0 * x + 1.0, w), adain(x, w), rtol=1e-6, atol=1e-6)


def test_layer_doubles_convolves_blurs_adds_noise_and_bias_then_styles() -> None:
    layer = StyledLayer(3, 4, w_dim=5, size=8, doubles=True).double()
    nn.init.normal_(layer.noise_strength)
    nn.init.normal_(layer.bias)
    x, w = torch.randn(2, 3, 4, 4).double(), torch.randn(2, 5).double()
    noise = torch.randn(2, 1, 8, 8).double()
    maps = layer.convolution(F.interpolate(x, scale_factor=2, mode="nearest"))
    maps = blur(maps) + layer.noise_strength * noise + layer.bias
    expected = layer.adain(F.leaky_relu(maps, 0.2), w)
    torch.testing.assert_close(layer(x, w, noise), expected)


def test_at_the_start_noise_changes_nothing_and_later_it_does_kat_32() -> None:
    net, z = generator(), latents()
    drawn = [net.randomness(z, Noise(seed), 0.0).maps for seed in range(2)]
    silent = [net(z, maps=maps) for maps in (*drawn, None)]
    assert torch.equal(silent[0], silent[1]) and torch.equal(silent[0], silent[2])
    for layer in net.synthesis.layers:
        nn.init.constant_(layer.noise_strength, 0.5)
    loud = [net(z, maps=maps) for maps in (*drawn, None)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (loud[one] - loud[other]).abs().max() > 1e-3


def test_input_is_a_constant_of_ones_and_strengths_are_one_a_map() -> None:
    net = generator()
    assert torch.equal(net.synthesis.const, torch.ones(4, 4, 4).double())
    assert [tuple(layer.noise_strength.shape) for layer in net.synthesis.layers] == [
        (width, 1, 1) for width in (4, 4, 4, 4, 4, 4)
    ]
    assert not any(layer.noise_strength.any() for layer in net.synthesis.layers)


def test_layers_are_two_for_each_resolution_and_widths_the_papers() -> None:
    with torch.device("meta"):
        net = StyleGANGenerator(1024)
    widths = [layer.adain.affine.weight.shape[0] // 2 for layer in net.synthesis.layers[::2]]
    assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert net.num_layers == 18
    # As the authors' code prints it; 26.2 millions in section 2 of arXiv:1812.04948.
    assert sum(p.numel() for p in net.parameters()) == 26_219_627


def test_between_two_levels_images_are_a_blend_of_both() -> None:
    net, z = generator(), latents()
    seen = {}
    for level in (0.0, 1.0, 1.25, 2.0):
        net.synthesis.level = level
        seen[level] = net(z)
        assert seen[level].shape == (3, 2, 16, 16)
    torch.testing.assert_close(seen[1.25], 0.75 * seen[1.0] + 0.25 * seen[2.0])
    for level, step in ((0.0, 4), (1.0, 2)):
        coarse = seen[level][..., ::step, ::step]
        repeated = coarse.repeat_interleave(step, 2).repeat_interleave(step, 3)
        assert torch.equal(seen[level], repeated)


def test_layers_above_the_level_are_not_used() -> None:
    net = generator()
    net.synthesis.level = 1.0
    assert net.synthesis.active_layers == 4 and net.synthesis.noise_sizes == (4, 4, 8, 8)
    drawn = net.randomness(latents(), Noise(), 0.9)
    (net(latents(), *drawn) ** 2).sum().backward()
    for name, parameter in net.synthesis.named_parameters():
        used = name == "const" or int(name.split(".")[1]) < 4
        if name.startswith("to_images"):
            used = name.startswith("to_images.1")
        assert (parameter.grad is not None) == used, name
    net.synthesis.level = 1.5
    assert net.synthesis.active_layers == 6 and net.synthesis.noise_sizes[-1] == 16


def test_an_averaged_copy_has_the_level_in_its_state() -> None:
    net = generator()
    net.synthesis.level = 0.5
    other = generator()
    other.load_state_dict(net.state_dict())
    assert other.synthesis.level == 0.5
    z = latents()
    assert torch.equal(other(z), net(z)) and torch.equal(copy.deepcopy(net)(z), net(z))


def test_discriminator_blurs_before_the_convolution_that_halves() -> None:
    judge = discriminator()
    for level, block in enumerate(judge.blocks):
        kinds = [type(layer).__name__ for layer in block]
        if level:
            assert kinds == ["EqualizedConv2d", "LeakyReLU", "Blur", "EqualizedConv2d", "LeakyReLU"]
        else:
            assert "Blur" not in kinds
    block, x = judge.blocks[1], torch.randn(2, 4, 8, 8).double()
    inner = blur(F.leaky_relu(block[0](x), 0.2))
    torch.testing.assert_close(block(x), F.leaky_relu(block[3](inner), 0.2))


def test_discriminator_scores_at_every_level() -> None:
    judge, x = discriminator(), torch.randn(3, 2, 16, 16).double()
    for level in (0.0, 0.5, 1.0, 1.75, 2.0):
        judge.level = level
        assert judge(x).shape == (3,) and judge(x).isfinite().all()
    torch.testing.assert_close(judge(x), judge.head(judge.features(x))[:, 0])


def test_bf16_autocast_stays_close() -> None:
    net, z = generator().float(), latents().float()
    with torch.autocast("cpu", torch.bfloat16):
        half = net(z)
    exact = net(z)
    assert (half.float() - exact).abs().mean() < 0.05 * exact.std()

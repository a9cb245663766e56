"""Mapping, mixing, truncation and the randomness of a style generator."""

import copy
import math

import pytest
import torch
from torch import nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.style import MappingNetwork, StyleGenerator, mix, require_styles
from gan_modules.networks.stylegan import StyleGANGenerator
from gan_modules.networks.stylegan2 import StyleGAN2Generator

SMALL = {"w_dim": 5, "fmap_base": 32, "fmap_max": 4, "mapping_layers": 2}
GENERATORS = {"stylegan": StyleGANGenerator, "stylegan2": StyleGAN2Generator}
both = pytest.mark.parametrize("kind", GENERATORS)


def build(kind: str = "stylegan2", size: int = 16) -> StyleGenerator:
    return GENERATORS[kind](size, 1, 6, **SMALL).double()


def latents(n: int = 4) -> torch.Tensor:
    return torch.randn(n, 6, dtype=torch.float64)


def test_length_of_a_latent_does_not_matter() -> None:
    mapping = MappingNetwork(6, 5, layers=3).double()
    z = latents()
    assert mapping(z).shape == (4, 5)
    torch.testing.assert_close(mapping(7.0 * z), mapping(z), rtol=1e-6, atol=1e-9)


def test_mapping_starts_as_if_it_learned_at_full_rate_and_learns_at_a_hundredth_kat_28() -> None:
    mapping = MappingNetwork(512, 512, layers=1)
    layer = mapping.layers[0]
    assert layer.weight.std().item() == pytest.approx(100.0, rel=0.01)
    before, _ = layer.scaled()
    assert before.std().item() == pytest.approx(math.sqrt(2.0 / 512), rel=0.01)
    before = before.detach().clone()
    optimizer = torch.optim.Adam(mapping.parameters(), lr=0.1, betas=(0.0, 0.99))
    mapping(torch.randn(8, 512)).sum().backward()
    optimizer.step()
    after, bias = layer.scaled()
    moved = (after - before).abs().max().item()
    # Adam's first step is the rate itself; in use it is scaled like the weight.
    assert moved == pytest.approx(0.1 * 0.01 * math.sqrt(2.0 / 512), rel=1e-2)
    assert bias.abs().max().item() == pytest.approx(0.1 * 0.01, rel=1e-4)


def test_signal_keeps_its_mean_square_from_layer_to_layer() -> None:
    w = MappingNetwork(512, 512, layers=2)(torch.randn(64, 512))
    # Gain sqrt(2) before a leaky ReLU of slope 0.2: 1.04 for each layer.
    assert w.square().mean().item() == pytest.approx(1.04**2, rel=0.06)


def test_autocast_does_not_reach_the_mapping() -> None:
    mapping, z = MappingNetwork(6, 5, layers=2), torch.randn(3, 6)
    with torch.autocast("cpu", torch.bfloat16):
        inside = mapping(z)
    assert inside.dtype == torch.float32 and torch.equal(inside, mapping(z))


def test_mixing_takes_the_second_style_from_the_cutoff_on_kat_33() -> None:
    first, second = torch.zeros(4, 2), torch.ones(4, 2)
    mixed = mix(first, second, torch.tensor([8, 1, 3, 7]), num_layers=8)
    assert mixed.shape == (4, 8, 2)
    assert mixed[:, :, 0].tolist() == [
        [0] * 8,
        [0] + [1] * 7,
        [0] * 3 + [1] * 5,
        [0] * 7 + [1],
    ]


@both
def test_mixed_styles_reach_the_image(kind: str) -> None:
    generator = build(kind).eval()
    z, other = latents(), latents()
    layers = generator.num_layers

    def mixed(cutoff: int) -> torch.Tensor:
        return generator(z, other, torch.full((4,), cutoff))

    torch.testing.assert_close(mixed(layers), generator(z))
    assert (mixed(layers - 1) - generator(z)).abs().max() > 1e-6
    first_only = generator.truncate(generator.mapping(other), 1.0).clone()
    first_only[:, 0] = generator.mapping(z)
    torch.testing.assert_close(mixed(1), generator.synthesis(first_only))


def test_truncation_goes_from_the_average_to_the_style_itself_kat_33() -> None:
    generator = build()
    generator.w_avg.copy_(torch.arange(5.0))
    w = torch.randn(3, 5, dtype=torch.float64)
    layers = generator.num_layers
    assert layers == 6 and generator.truncate(w, 0.3).shape == (3, 6, 5)
    average = generator.w_avg.expand(3, 6, 5)
    torch.testing.assert_close(generator.truncate(w, 0.0), average)
    torch.testing.assert_close(generator.truncate(w, 1.0), w[:, None].expand(3, 6, 5))
    expected = 0.3 * w[:, None] + 0.7 * average
    torch.testing.assert_close(generator.truncate(w, 0.3), expected)
    early = generator.truncate(w, 0.3, cutoff=2)
    torch.testing.assert_close(early[:, :2], expected[:, :2])
    torch.testing.assert_close(early[:, 2:], w[:, None].expand(3, 4, 5))
    assert torch.equal(generator.truncate(w, 0.3, cutoff=0), generator.truncate(w, 1.0))


def test_average_style_follows_the_first_latents_in_training_alone() -> None:
    generator = build().train()
    first, second, other = latents(), latents(), latents()
    means = [generator.mapping(z).mean(0).detach() for z in (first, second)]
    assert not generator.w_avg.any()
    generator(first, other, torch.tensor([2, 2, 2, 2]))
    generator(second)
    expected = 0.005 * (0.995 * means[0] + means[1])
    torch.testing.assert_close(generator.w_avg, expected)
    generator.eval()
    generator(first)
    torch.testing.assert_close(generator.w_avg, expected)


def test_average_style_is_no_part_of_the_graph() -> None:
    generator = build().train()
    z = latents().requires_grad_(True)
    generator(z).sum().backward()
    assert not generator.w_avg.requires_grad
    generator(z).sum().backward()


@both
def test_noise_of_rank_after_rank_is_that_of_one_process(kind: str) -> None:
    generator = build(kind)
    other = latents(6)
    whole = generator.randomness(other, Noise(3), 0.9)
    parts = [
        generator.randomness(other[3 * rank : 3 * rank + 3], Noise(3, rank), 0.9)
        for rank in range(2)
    ]
    assert torch.equal(torch.cat([part.cutoffs for part in parts]), whole.cutoffs)
    assert torch.equal(torch.cat([part.other for part in parts]), whole.other)
    for layer, expected in enumerate(whole.maps):
        assert torch.equal(torch.cat([part.maps[layer] for part in parts]), expected)


@both
def test_noise_maps_have_the_size_of_their_layer_and_are_new_for_each_image(kind: str) -> None:
    maps = build(kind).randomness(latents(), Noise(), 0.9).maps
    expected = {"stylegan": [4, 4, 8, 8, 16, 16], "stylegan2": [4, 8, 8, 16, 16]}[kind]
    assert [tuple(each.shape) for each in maps] == [(4, 1, size, size) for size in expected]
    largest = torch.stack([each.flatten(1)[:, 0] for each in maps])
    assert largest.unique().numel() == largest.numel()
    assert maps[-1].std().item() == pytest.approx(1.0, abs=0.1)


def test_nine_of_ten_images_are_mixed_at_a_cutoff_inside_the_network() -> None:
    generator, other = build(), latents(4000)
    cutoffs = generator.randomness(other, Noise(), 0.9).cutoffs
    mixes = cutoffs < 6
    assert mixes.double().mean().item() == pytest.approx(0.9, abs=0.015)
    shares = torch.bincount(cutoffs[mixes], minlength=6)[1:].double() / mixes.sum()
    torch.testing.assert_close(shares, torch.full((5,), 0.2).double(), atol=0.02, rtol=0)
    assert generator.randomness(other, Noise(), 1.0).cutoffs.max() == 5
    assert generator.randomness(other, Noise(), 0.0).other is None


def test_at_a_lower_level_the_cutoff_lies_among_the_layers_in_use() -> None:
    generator, other = build("stylegan"), latents(200)
    for level, last in ((0.0, 1), (0.5, 3), (1.0, 3), (1.25, 5)):
        generator.synthesis.level = level
        cutoffs = generator.randomness(other, Noise(), 0.9).cutoffs
        assert sorted(set(cutoffs.tolist())) == [*range(1, last + 1), 6]


@both
def test_image_is_a_function_of_its_latent_where_nothing_is_drawn(kind: str) -> None:
    generator, z = build(kind), latents()
    for layer in generator.synthesis.layers:
        nn.init.constant_(layer.noise_strength, 0.3)
    assert torch.equal(generator(z), generator(z))
    torch.testing.assert_close(generator.eval()(z[:1]), generator.train()(z)[:1])
    torch.testing.assert_close(copy.deepcopy(generator)(z), generator(z))


@both
def test_every_layer_reads_its_style(kind: str) -> None:
    generator = build(kind)
    ws = generator.styles(latents()).detach().clone().requires_grad_(True)
    generator.synthesis(ws).square().sum().backward()
    assert (ws.grad.abs().sum((0, 2)) > 0).all() and ws.shape == (4, 6, 5)


@both
def test_styles_of_another_shape_are_refused(kind: str) -> None:
    generator = build(kind)
    with pytest.raises(ValueError, match=r"input must have shape \(N, 6, 5\), got \(2, 5, 5\)"):
        generator.synthesis(torch.zeros(2, 5, 5).double())


@both
def test_sizes_and_counts_out_of_range_are_refused(kind: str) -> None:
    generator = GENERATORS[kind]
    with pytest.raises(ValueError, match="size must be a power of two of at least 4, got 48"):
        generator(48)
    for name in ("channels", "latent_dim", "w_dim", "fmap_base", "fmap_max"):
        with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
            generator(8, **{name: 0})
    with pytest.raises(ValueError, match="layers must be a positive integer, got 0"):
        generator(8, mapping_layers=0)


def test_generators_without_styles_and_odd_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="Own: generator must be one with styles, got Linear"):
        require_styles("Own", nn.Linear(1, 1), 0.9)
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"mixing_probability must lie in .*, got {share}"):
            require_styles("Own", build(), share)

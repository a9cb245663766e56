"""DiscoGAN, DualGAN, StarGAN, CoGAN, UNIT, U-GAT-IT, pix2pixHD: sizes, gradients, parameters."""

import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.cogan import CoGANDiscriminator, CoGANGenerator
from gan_modules.networks.discogan import DiscoGANDiscriminator, DiscoGANGenerator
from gan_modules.networks.dualgan import DualGANDiscriminator, DualGANGenerator
from gan_modules.networks.multiscale import MultiScaleDiscriminator, MultiScalePatchDiscriminator
from gan_modules.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from gan_modules.networks.stargan import StarGANDiscriminator, StarGANGenerator
from gan_modules.networks.translation_blocks import PlainInstanceNorm
from gan_modules.networks.ugatit import UGATITDiscriminator, UGATITGenerator
from gan_modules.networks.unit import UNITDecoder, UNITEncoder


class Through(nn.Module):
    """An encoder and a decoder as one translator."""

    def __init__(self, domains: int = 0) -> None:
        super().__init__()
        self.encoder = UNITEncoder(1, width=2, downs=2, blocks=2, num_domains=domains)
        self.decoder = UNITDecoder(3, width=2, downs=2, blocks=2, num_domains=domains)
        self.domains = domains

    def forward(self, x: Tensor) -> Any:
        domain = torch.arange(len(x)) % self.domains if self.domains else None
        return self.decoder(self.encoder(x, domain), domain)


class Told(nn.Module):
    """StarGAN's generator with labels."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.generator = StarGANGenerator(1, 2, width=4, blocks=1, **options)

    def forward(self, x: Tensor) -> Any:
        return self.generator(x, torch.eye(2).to(x)[torch.arange(len(x)) % 2])


#: Images (N, 1, 32, 32) to images.
TRANSLATORS: dict[str, Callable[[], nn.Module]] = {
    "discogan": lambda: DiscoGANGenerator(1, 3, size=32, width=4),
    "discogan-none": lambda: DiscoGANGenerator(1, 3, size=32, width=4, normalization="none"),
    "discogan-bottleneck": lambda: DiscoGANGenerator(1, 3, size=32, width=4, bottleneck=5),
    "dualgan": lambda: DualGANGenerator(1, 3, downs=5, width=4),
    "dualgan-shallow": lambda: DualGANGenerator(1, 3, downs=4, width=4, dropout_blocks=0),
    "stargan": Told,
    "stargan-none": lambda: Told(normalization="none", padding="reflect"),
    "unit": Through,
    "unit-domains": lambda: Through(2),
    "ugatit": lambda: UGATITGenerator(1, 3, width=4, blocks=1),
    "ugatit-full": lambda: UGATITGenerator(1, 3, width=2, blocks=1, full_size=32, share_cam=True),
    "global": lambda: GlobalGenerator(1, 3, width=2, blocks=1, downs=3),
    "enhancer": lambda: LocalEnhancer(1, 3, 2, blocks=1, global_blocks=1, global_downs=2),
}
#: Images (N, 1, 32, 32) to scores or several.
JUDGES: dict[str, Callable[[], nn.Module]] = {
    "discogan": lambda: DiscoGANDiscriminator(1, size=32, width=4),
    "dualgan": lambda: DualGANDiscriminator(1, size=32, width=4),
    "dualgan-patch": lambda: DualGANDiscriminator(1, size=32, width=4, kind="patch"),
    "stargan": lambda: StarGANDiscriminator(1, 2, size=32, width=4, layers=4),
    "ugatit": lambda: UGATITDiscriminator(1, width=4, layers=4),
    "ugatit-shared": lambda: UGATITDiscriminator(1, width=4, layers=3, share_cam=True),
    "unit": lambda: MultiScaleDiscriminator(1, width=4, layers=3, scales=2),
    "pix2pixhd": lambda: MultiScalePatchDiscriminator(1, width=4, layers=2, scales=2),
}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network too large to be filled with numbers in a test."""
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: DiscoGANGenerator(3, 3), 5_513_856),
        (lambda: DiscoGANDiscriminator(3), 2_765_568),
        (lambda: StarGANGenerator(3, 5), 8_430_528),
        (lambda: StarGANDiscriminator(3, 5), 44_762_048),
        (lambda: StarGANDiscriminator(3, 5, size=64, layers=5), 11_175_872),
        (lambda: UGATITGenerator(3, 3), 10_589_888),
        (lambda: UGATITGenerator(3, 3, full_size=64), 27_301_568),
        (lambda: UGATITGenerator(3, 3, full_size=256), 278_959_808),
    ],
)
def test_parameters_of_the_papers_networks_are_met_k04(
    build: Callable[[], nn.Module], parameters: int
) -> None:
    assert count(on_meta(build)) == parameters


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_give_images_of_the_same_size_in_range(name: str) -> None:
    images = TRANSLATORS[name]()(torch.rand(4, 1, 32, 32) * 2 - 1)
    assert images.shape == (4, 1 if "stargan" in name else 3, 32, 32)
    assert images.abs().max() <= 1 and images.std() > 0


@pytest.mark.parametrize("name", TRANSLATORS)
def test_gradients_of_translators_reach_input_and_parameters(name: str) -> None:
    network = TRANSLATORS[name]().double()
    x = torch.rand(4, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    images = network(x)
    (images * torch.randn_like(images)).sum().backward()
    assert x.grad is not None and (x.grad != 0).double().mean() > 0.9
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


def parts(output: Any) -> list[Tensor]:
    return list(output) if isinstance(output, (list, tuple)) else [output]


@pytest.mark.parametrize("name", JUDGES)
def test_gradients_of_discriminators_reach_input_and_parameters(name: str) -> None:
    network: Any = JUDGES[name]().double()
    x = torch.rand(3, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    output = parts(network(x))
    assert all(scores.shape[:2] == (3, 1) and scores.dim() == 4 for scores in output)
    if "ugatit" in name:
        output += list(network.attended(x))
    if "stargan" in name:
        output.append(network.scores_and_logits(x)[1])
    torch.stack([(part * torch.randn_like(part)).sum() for part in output]).sum().backward()
    assert x.grad is not None and (x.grad != 0).double().mean() > 0.9
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", [*TRANSLATORS, *JUDGES])
def test_wrong_channels_are_refused_by_every_network(name: str) -> None:
    for networks in (TRANSLATORS, JUDGES):
        if name in networks:
            with pytest.raises(ValueError, match=r"must have shape \(N, .*got \(2, 5, 32, 32\)"):
                networks[name]()(torch.zeros(2, 5, 32, 32))


@pytest.mark.parametrize("name", [*TRANSLATORS, *JUDGES])
def test_bf16_autocast_gives_close_outputs_and_finite_gradients(name: str) -> None:
    for networks in (TRANSLATORS, JUDGES):
        if name not in networks:
            continue
        network, x = networks[name](), torch.rand(4, 1, 32, 32)
        # Dropout apart, so that the two outputs are of the same network.
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
        state = copy.deepcopy(network.state_dict())
        with torch.autocast("cpu", torch.bfloat16):
            half = parts(network(x))
        torch.stack([part.float().square().sum() for part in half]).sum().backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients)
        network.load_state_dict(state)
        for one, other in zip(half, parts(network(x)), strict=True):
            torch.testing.assert_close(one.float(), other, rtol=0.1, atol=0.1)


# -- one paper after the other ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_discogan_squeezes_every_size_to_four_pixels(size: int) -> None:
    generator = DiscoGANGenerator(1, 1, size=size, width=1, normalization="none")
    stages = size.bit_length() - 3
    x = torch.rand(1, 1, size, size)
    assert generator.layers[:stages](x).shape == (1, min(8, 2 ** (stages - 1)), 4, 4)
    assert generator(x).shape == x.shape
    features = DiscoGANDiscriminator(1, size=size, width=1, normalization="none").features(x)
    assert len(features) == stages + 1 and features[-1].shape == (1, 1, 1, 1)


def test_discogan_shows_three_levels_of_features_at_64_px() -> None:
    discriminator = DiscoGANDiscriminator(3, width=2).eval()
    x = torch.rand(2, 3, 64, 64)
    levels = discriminator.features(x)[1:-1]
    assert [level.shape[1:] for level in levels] == [(4, 16, 16), (8, 8, 8), (16, 4, 4)]
    # After the activation, whose slope below zero is 0.2: such values are there and small.
    assert all(level.min() < 0 < level.max() for level in levels)
    torch.testing.assert_close(discriminator.stages[-1](levels[-1]), discriminator(x))


def test_discogan_s_bottleneck_has_one_pixel() -> None:
    generator: Any = TRANSLATORS["discogan-bottleneck"]()
    shapes: list[Any] = []
    for layer in generator.layers:
        layer.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    generator(torch.rand(2, 1, 32, 32))
    assert (5, 1, 1) in shapes and shapes[2] == (16, 4, 4) == shapes[4]


def test_dualgan_has_small_kernels_and_affine_instance_norms_but_none_at_one_pixel() -> None:
    generator = DualGANGenerator(1, 1, downs=5, width=1)
    convolutions = [
        layer.kernel_size[0]
        for layer in generator.modules()
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    assert convolutions == [5, 3, 3, 3, 3, 3, 3, 3, 3, 5]
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.InstanceNorm2d)]
    assert all(norm.affine for norm in norms) and len(norms) == 3 + 4
    one, other = generator.eval()(torch.rand(2, 1, 32, 32))
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("size", "patch"), [(32, 2), (64, 2), (128, 2), (256, 4)])
def test_dualgan_judges_the_whole_image_or_a_coarse_map(size: int, patch: int) -> None:
    x = torch.rand(2, 1, size, size)
    assert DualGANDiscriminator(1, size, width=1)(x).shape == (2, 1, 1, 1)
    assert DualGANDiscriminator(1, size, 1, "patch")(x).shape == (2, 1, patch, patch)


def test_constant_planes_are_lost_under_reflected_borders_and_instance_norm_k17() -> None:
    image = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    planes = [torch.full((2, 1, 16, 16), value, dtype=torch.float64) for value in (0.0, 1.0)]
    cases: list[tuple[Any, bool]] = [("reflect", True), ("zeros", False)]
    for padding, lost in cases:
        convolution = nn.Conv2d(4, 8, 7, padding=3, padding_mode=padding).double()
        one, other = (
            PlainInstanceNorm()(convolution(torch.cat([image, plane], 1))) for plane in planes
        )
        change = (one - other).abs().max().item()
        assert change < 1e-10 if lost else change > 1e-3


def test_stargan_hears_the_label_and_refuses_to_be_built_deaf_k17() -> None:
    with pytest.raises(
        ValueError, match="padding must be zeros under instance normalisation, got reflect; the nor"
    ):
        StarGANGenerator(3, 2, padding="reflect")
    x = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    for options in ({}, {"normalization": "none", "padding": "reflect"}):
        network = StarGANGenerator(1, 2, width=4, blocks=1, **cast(Any, options)).double()
        for parameter in network.parameters():
            parameter.data.mul_(5.0)
        one, other = (network(x, torch.tensor([label])) for label in ([0.0, 1.0], [1.0, 0.0]))
        assert (one - other).abs().max() > 1e-3


def test_stargan_s_heads_read_the_same_maps() -> None:
    network = StarGANDiscriminator(1, 3, size=32, width=2, layers=4)
    scores, logits = network.scores_and_logits(torch.rand(2, 1, 32, 32))
    assert scores.shape == (2, 1, 2, 2) and logits.shape == (2, 3)
    at_128 = on_meta(lambda: StarGANDiscriminator(3, 5))
    assert at_128(torch.empty(1, 3, 128, 128, device="meta")).shape == (1, 1, 2, 2)
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(network.scores_and_logits(x)[0], network(x))


@pytest.mark.parametrize("size", [28, 32])
def test_cogan_s_pairs_share_all_layers_but_the_last(size: int) -> None:
    generator = CoGANGenerator(size, latent_dim=6, width=2)
    pair = generator(torch.randn(3, 6))
    assert [images.shape for images in pair] == [(3, 1, size, size)] * 2
    assert not torch.equal(*pair) and max(images.abs().max() for images in pair) <= 1
    pair[0].square().sum().backward()
    assert generator.heads[1].get_parameter("weight").grad is None
    shared = dict(generator.shared.named_parameters())
    assert all(p.grad is not None and p.grad.any() for p in shared.values()) and len(shared) == 8
    heads: Any = generator.heads
    heads[1].load_state_dict(heads[0].state_dict())
    assert torch.equal(*generator(torch.randn(3, 6)))


@pytest.mark.parametrize("size", [28, 32])
def test_cogan_s_discriminator_shares_all_layers_but_the_first(size: int) -> None:
    discriminator = CoGANDiscriminator(size, widths=(2, 3, 5))
    x = torch.rand(4, 1, size, size)
    assert discriminator(x, 0).shape == (4,) and discriminator.features(x, 1).shape == (4, 5)
    assert not torch.equal(discriminator(x, 0), discriminator(x, 1))
    discriminator(x, 0).sum().backward()
    assert all(parameter.grad is None for parameter in discriminator.tails[1].parameters())
    assert all(parameter.grad is not None for parameter in discriminator.shared.parameters())
    torch.testing.assert_close(
        discriminator.head(discriminator.features(x, 1))[:, 0], discriminator(x, 1)
    )


def test_scales_are_halves_of_the_image_without_a_dark_border() -> None:
    network = MultiScalePatchDiscriminator(1, width=2, layers=2, scales=3, normalization="none")
    x = torch.rand(2, 1, 64, 64)
    features = network.features(x)
    assert [len(scale) for scale in features] == [4, 4, 4]
    assert [scale[-1].shape[2] for scale in features] == [14, 6, 2]
    for scale, scores in zip(features, network(x), strict=True):
        torch.testing.assert_close(scale[-1], scores)
    torch.testing.assert_close(network.shrink(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 3, 3))
    half: Any = network.scales[1]
    expected = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    torch.testing.assert_close(half(expected), features[1][-1])
    unit = MultiScaleDiscriminator(1, width=1, layers=3, scales=2)
    assert [scores.shape[1:] for scores in unit(x)] == [(1, 8, 8), (1, 4, 4)]


def test_enhancer_begins_with_the_generator_that_was_trained_at_half_the_size() -> None:
    enhancer = LocalEnhancer(1, 1, 2, blocks=1, global_blocks=1, global_downs=2)
    trained = GlobalGenerator(1, 1, 4, blocks=1, downs=2)
    enhancer.start_from(trained)
    x = torch.rand(1, 1, 16, 16)
    stages: Any = [*trained.encoder, *trained.decoder[:-2]]
    torch.testing.assert_close(enhancer.inner(x), nn.Sequential(*stages)(x))
    assert enhancer.inner[0] is not trained.encoder[0]


SMALL = (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DiscoGANGenerator(1, 1, size=48), "size must be one of 32, 64, 128, 256, got 48"),
        (
            lambda: DiscoGANGenerator(1, 1, normalization="instance", bottleneck=100),
            "bottleneck must be null under instance normalisation, got 100",
        ),
        (
            lambda: DiscoGANDiscriminator(1, normalization=cast(Any, "layer")),
            "normalization must be one of instance, batch, none, got layer",
        ),
        (
            lambda: DualGANDiscriminator(1, kind=cast(Any, "pixel")),
            "kind must be one of global, pa",
        ),
        (lambda: DualGANDiscriminator(1, size=48), "size must be one of 32, 64, 128, 256, got 48"),
        (lambda: DualGANGenerator(1, 1, 6, width=1)(torch.zeros(1, 1, 32, 32)), "at downs 6;"),
        (lambda: StarGANGenerator(1, 0), "attributes must be a positive integer, got 0"),
        (
            lambda: StarGANGenerator(1, 2, width=1)(torch.zeros(2, 1, 8, 8), torch.zeros(2, 3)),
            r"label must have shape \(2, 2\), got \(2, 3\); one number for each attribute",
        ),
        (lambda: StarGANDiscriminator(1, 2, size=32), r"multiple of 2\^layers = 64, got 32"),
        (lambda: CoGANGenerator(64), "size must be one of 28, 32, got 64"),
        (
            lambda: CoGANGenerator(normalization=cast(Any, "instance")),
            "normalization must be one of batch, none, got instance",
        ),
        (lambda: CoGANDiscriminator(16), "size must be at least 20, got 16; two pools would leave"),
        (lambda: CoGANDiscriminator(widths=cast(Any, (1, 2))), r"three numbers, got \[1, 2\]"),
        (
            lambda: CoGANDiscriminator()(torch.zeros(1, 1, 28, 28), 2),
            "domain must be one of 0, 1, got 2",
        ),
        (lambda: MultiScaleDiscriminator(1, scales=0), "scales must be a positive integer, got 0"),
        (
            lambda: MultiScaleDiscriminator(1, 1, 3, 2)(torch.zeros(SMALL)),
            "at least 8 px at the coarsest of 2 scales, got 4x4, of which 2 are left; set scales",
        ),
        (
            lambda: MultiScalePatchDiscriminator(1, 1, 3, 2)(torch.zeros(1, 1, 32, 32)),
            "at least 24 px at the coarsest of 2 scales, got 32x32, of which 16 are left",
        ),
        (
            lambda: LocalEnhancer(1, 1, 1)(torch.zeros(1, 1, 32, 32)),
            r"2\^downs = 32 and at least 64, got 32x32 px at downs 5",
        ),
        (lambda: UGATITGenerator(1, 1, full_size=30), "full_size must be a multiple of 4 .*got 30"),
        (
            lambda: UGATITGenerator(1, 1, 1, 1, full_size=32)(torch.zeros(1, 1, 16, 16)),
            "images must have full_size 32, got 16x16; set it to the data's",
        ),
        (lambda: UGATITDiscriminator(1, layers=2), "layers must be at least 3, got 2"),
        (
            lambda: UGATITDiscriminator(1, 1, layers=7)(torch.zeros(1, 1, 64, 64)),
            "at least 96 px at layers 7, got 64x64; set layers lower, to 4 and 6 at 64 px",
        ),
        (lambda: UNITEncoder(1, num_domains=-1), "num_domains must be 0 or a positive integer"),
        (
            lambda: UNITEncoder(1, width=1)(torch.zeros(1, 1, 16, 16), torch.tensor([0])),
            "domain must be given to a network of num_domains, .* got some at num_domains 0",
        ),
        (
            lambda: UNITDecoder(1, width=1, num_domains=2)(torch.zeros(1, 4, 4, 4)),
            "got none at num_domains 2; set num_domains",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

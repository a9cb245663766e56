"""PatchGAN, ResnetTranslator and U-Net: patches, sizes, parameters, gradients, refusals."""

import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.patchgan import PatchDiscriminator, receptive_field
from gan_modules.networks.resnet_translator import ResnetTranslator
from gan_modules.networks.translation_blocks import (
    PlainInstanceNorm,
    TranslationBlock,
    translation_norm,
)
from gan_modules.networks.unet import UNet

GENERATORS: dict[str, Callable[[], Any]] = {
    "resnet": lambda: ResnetTranslator(1, 3, width=4, blocks=2),
    "resnet-resize": lambda: ResnetTranslator(1, 3, width=4, blocks=1, upsample="resize"),
    "resnet-shallow": lambda: ResnetTranslator(1, 3, width=4, blocks=0, downs=1),
    "resnet-flat": lambda: ResnetTranslator(1, 3, width=4, blocks=1, downs=0),
    "resnet-batch": lambda: ResnetTranslator(1, 3, width=4, blocks=1, normalization="batch"),
    "unet": lambda: UNet(1, 3, 4, width=4),
    "unet-instance": lambda: UNet(1, 3, 4, width=4, normalization="instance"),
    "unet-none": lambda: UNet(1, 3, 4, width=4, normalization="none", dropout_blocks=0),
    "encoder-decoder": lambda: UNet(1, 3, 4, width=4, skips=False),
}
PATCHES: dict[str, Callable[[], Any]] = {
    "instance": lambda: PatchDiscriminator(2, width=4, layers=2),
    "batch": lambda: PatchDiscriminator(2, width=4, layers=2, normalization="batch"),
    "none": lambda: PatchDiscriminator(2, width=4, layers=2, normalization="none"),
    "spectral": lambda: PatchDiscriminator(2, width=4, layers=2, normalization="spectral"),
    "pixel": lambda: PatchDiscriminator(2, width=4, layers=0),
}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def seen(discriminator: nn.Module, size: int) -> tuple[Tensor, float]:
    """Where the middle score's gradient is not zero, and which share of the image that is."""
    x = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    scores = discriminator(x)
    middle = scores.shape[2] // 2
    (gradient,) = torch.autograd.grad(scores[0, 0, middle, middle], x)
    return gradient[0, 0] != 0, (gradient != 0).double().mean().item()


def probe(layers: int, normalization: Any) -> nn.Module:
    network = PatchDiscriminator(1, width=1, layers=layers, normalization=normalization).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)
    return network


@pytest.mark.parametrize(
    ("layers", "field"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)]
)
def test_a_score_sees_the_square_of_its_receptive_field_k01(layers: int, field: int) -> None:
    mask, _ = seen(probe(layers, "none"), size=max(32, 2 * field))
    rows, columns = mask.any(1), mask.any(0)
    assert (int(rows.sum()), int(columns.sum()), int(mask.sum())) == (field, field, field**2)
    assert receptive_field(layers) == field


def test_instance_normalisation_makes_every_score_see_the_whole_image_k03() -> None:
    network = PatchDiscriminator(1, width=4, layers=2).double()
    assert seen(network, 64)[1] == 1.0
    assert (
        seen(PatchDiscriminator(1, width=4, layers=2, normalization="none").double(), 64)[1] < 0.5
    )


MAPS = {
    1: {32: 14, 64: 30, 128: 62, 256: 126},
    2: {32: 6, 64: 14, 128: 30, 256: 62},
    3: {32: 2, 64: 6, 128: 14, 256: 30},
    4: {64: 2, 128: 6, 256: 14},
    5: {128: 2, 256: 6},
}


@pytest.mark.parametrize("layers", MAPS)
def test_maps_of_scores_have_the_published_sizes_k02(layers: int) -> None:
    network = PatchDiscriminator(1, width=1, layers=layers)
    for size, side in MAPS[layers].items():
        assert network(torch.zeros(1, 1, size, size)).shape == (1, 1, side, side)
    for size in {32, 64, 128, 256} - set(MAPS[layers]):
        with pytest.raises(ValueError, match=f"got {size}x{size}; set layers: 3|set layers: 4"):
            network(torch.zeros(1, 1, size, size))


def test_pixel_discriminator_scores_every_pixel() -> None:
    network = PatchDiscriminator(1, width=2, layers=0, normalization="none")
    assert network(torch.zeros(2, 1, 5, 7)).shape == (2, 1, 5, 7)


def test_smallest_image_of_each_layer_count_gives_one_score() -> None:
    for layers in range(1, 5):
        network = PatchDiscriminator(1, width=1, layers=layers)
        assert network(torch.rand(1, 1, 3 * 2**layers, 3 * 2**layers)).shape == (1, 1, 1, 1)
        with pytest.raises(
            ValueError,
            match=rf"at least {3 * 2**layers} px at layers {layers}, .*set layers: {layers - 1},",
        ):
            network(torch.rand(1, 1, 3 * 2**layers - 1, 3 * 2**layers))


def test_parameters_of_the_authors_networks_are_met_k04() -> None:
    assert count(PatchDiscriminator(3)) == 2_764_737
    assert count(PatchDiscriminator(6, normalization="batch")) == 2_768_705
    assert count(ResnetTranslator(3, 3)) == 7_837_699
    assert count(ResnetTranslator(3, 3, blocks=9)) == 11_378_179
    assert count(ResnetTranslator(3, 3, upsample="resize")) == 7_837_699
    counts = [count(UNet(3, 3, downs)) for downs in (5, 6, 7, 8)]
    assert counts == [16_659_075, 29_244_035, 41_828_995, 54_413_955]


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_keep_the_size_and_the_range(name: str) -> None:
    generator = GENERATORS[name]()
    assert (generator.in_channels, generator.out_channels) == (1, 3)
    for size in ((16, 16), (32, 48)):
        images = generator(torch.rand(2, 1, *size) * 2 - 1)
        assert images.shape == (2, 3, *size)
        assert images.abs().max() <= 1 and images.std() > 0


@pytest.mark.parametrize("name", GENERATORS)
def test_gradients_reach_the_input_and_every_parameter(name: str) -> None:
    generator = GENERATORS[name]().double()
    x = torch.rand(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    (generator(x) * torch.randn(2, 3, 16, 16)).sum().backward()
    assert x.grad is not None and (x.grad != 0).double().mean() > 0.9
    for key, parameter in generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", PATCHES)
def test_patch_gradients_reach_the_input_and_every_parameter(name: str) -> None:
    discriminator = PATCHES[name]().double()
    x = torch.rand(2, 2, 16, 16, dtype=torch.float64, requires_grad=True)
    scores = discriminator(x)
    assert scores.shape[:2] == (2, 1)
    (scores * torch.randn_like(scores)).sum().backward()
    assert x.grad is not None and x.grad[:, 1].abs().sum() > 0
    for key, parameter in discriminator.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", PATCHES)
def test_features_end_in_the_scores_and_do_not_change_under_later_layers(name: str) -> None:
    discriminator = PATCHES[name]().eval()
    x = torch.rand(2, 2, 16, 16)
    features = discriminator.features(x)
    assert len(features) == (3 if name == "pixel" else 4)
    torch.testing.assert_close(features[-1], discriminator(x))
    torch.testing.assert_close(features[0], discriminator.stages[0](x))


def test_only_batch_normalisation_mixes_the_samples_of_a_patch_discriminator() -> None:
    for name, build in PATCHES.items():
        x = torch.rand(2, 2, 16, 16, requires_grad=True)
        (gradient,) = torch.autograd.grad(build()(x)[0].square().sum(), x)
        assert gradient[1].any().item() is (name == "batch")


def test_spectral_patch_discriminator_normalises_every_convolution() -> None:
    network = PATCHES["spectral"]().eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
            assert norm == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", [*GENERATORS, *PATCHES])
def test_weights_start_normal_with_deviation_002(name: str) -> None:
    network: Any = (
        ResnetTranslator(3, 3, 16, 1) if name in GENERATORS else PatchDiscriminator(3, 16)
    )
    if name.startswith(("unet", "encoder")):
        network = UNet(3, 3, 4, width=16)
    layers = (nn.Conv2d, nn.ConvTranspose2d)
    weights = [layer.weight.flatten() for layer in network.modules() if isinstance(layer, layers)]
    assert torch.cat(weights).std().item() == pytest.approx(0.02, rel=0.05)
    for layer in network.modules():
        if isinstance(layer, layers) and layer.bias is not None:
            assert not layer.bias.any()


@pytest.mark.parametrize("normalization", ["instance", "batch", "none"])
def test_a_residual_block_without_weights_is_the_identity(normalization: Any) -> None:
    block, x = TranslationBlock(2, normalization), torch.randn(2, 2, 4, 4)
    assert not torch.equal(block(x), x)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    torch.testing.assert_close(block(x), x)


def test_instance_normalised_translator_treats_each_image_alone() -> None:
    generator, x = GENERATORS["resnet"](), torch.rand(3, 1, 16, 16)
    torch.testing.assert_close(generator(x)[1:2], generator(x[1:2]))


def test_encoder_features_are_what_the_image_is_made_of() -> None:
    generator, x = GENERATORS["resnet"]().double(), torch.rand(2, 1, 16, 16, dtype=torch.float64)
    features = generator.features(x, [0, 1, 2, 3, 4, 5])
    assert features[0] is x
    assert (
        tuple(f.shape[1] for f in features) == generator.encoder_channels == (1, 4, 8, 16, 16, 16)
    )
    assert [f.shape[2] for f in features] == [16, 16, 8, 4, 4, 4]
    torch.testing.assert_close(generator.decoder(features[-1]), generator(x))
    (third,) = generator.features(x, (3,))
    torch.testing.assert_close(third, features[3])


def test_encoder_features_stop_at_the_last_layer_asked_for() -> None:
    generator, called = GENERATORS["resnet"](), []
    for place, stage in enumerate(generator.encoder, start=1):
        stage.register_forward_hook(lambda *_, place=place: called.append(place))
    generator.features(torch.rand(1, 1, 16, 16), [1, 3])
    assert called == [1, 2, 3]


@pytest.mark.parametrize("layers", [[], [1, 0], [1, 1], [-1], [6]])
def test_layers_that_do_not_rise_or_exist_are_refused(layers: list[int]) -> None:
    with pytest.raises(
        ValueError, match=r"layers must rise within 0\.\.5, got \[.*4 the first res"
    ):
        GENERATORS["resnet"]().features(torch.rand(1, 1, 16, 16), layers)


def dropouts(network: UNet) -> list[bool]:
    return [
        any(isinstance(layer, nn.Dropout) for layer in cast(nn.Sequential, stage))
        for stage in network.up
    ]


def test_dropout_stands_in_the_innermost_doublings_at_every_depth() -> None:
    assert dropouts(UNet(1, 1, 5, width=1)) == [True, True, True, False, False]
    assert dropouts(UNet(1, 1, 8, width=1)) == [True] * 3 + [False] * 5
    assert dropouts(UNet(1, 1, 5, width=1, dropout_blocks=0)) == [False] * 5
    assert dropouts(UNet(1, 1, 4, width=1, dropout_blocks=1)) == [True, False, False, False]


def test_dropout_is_the_only_noise_of_a_unet() -> None:
    x = torch.rand(2, 1, 32, 32)
    generator = UNet(1, 1, 4, width=4)
    assert not torch.equal(generator(x), generator(x))
    generator.eval()
    assert torch.equal(generator(x), generator(x))
    silent = UNet(1, 1, 4, width=4, dropout_blocks=0)
    assert torch.equal(silent(x), silent(x))


def test_innermost_pixel_is_not_normalised_so_that_one_image_trains() -> None:
    for normalization in ("batch", "instance", "none"):
        generator = UNet(1, 1, 4, width=4, normalization=cast(Any, normalization))
        assert generator(torch.rand(1, 1, 16, 16)).shape == (1, 1, 16, 16)


def test_skips_carry_the_detail_that_the_bottleneck_cannot() -> None:
    """Between two images that agree in the bottleneck, only the net with skips can tell."""
    for skips in (True, False):
        generator = UNet(1, 1, 2, width=4, normalization="none", dropout_blocks=0, skips=skips)
        inner: Any = generator.down[1]
        nn.init.zeros_(inner[1].weight)
        one, other = generator(torch.rand(2, 1, 8, 8))
        assert torch.equal(one, other) is not skips
    nets = [UNet(1, 1, 3, 4, dropout_blocks=0, skips=skips) for skips in (True, False)]
    widths = [cast(Any, net.up[1])[1].in_channels for net in nets]
    assert widths == [16, 8]


def test_too_many_halvings_for_the_size_are_refused_with_both_k38() -> None:
    with pytest.raises(
        ValueError, match=r"UNet: .* 2\^downs = 64, got 32x32 px at downs 6; .* downs to 5 or fewer"
    ):
        UNet(1, 1, 6, width=1)(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match=r"= 16, got 48x40 px at downs 4; .* downs to 3 or fewer"):
        UNet(1, 1, 4, width=1)(torch.zeros(1, 1, 48, 40))
    with pytest.raises(ValueError, match=r"= 4 and at least 8, got 4x4 px at downs 2; .* to 1 or"):
        ResnetTranslator(1, 1, width=1)(torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"at least 2 pixels, got \(1, 3, 1, 1\); take larger"):
        PlainInstanceNorm()(torch.zeros(1, 3, 1, 1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PatchDiscriminator(0), "channels must be a positive integer, got 0"),
        (
            lambda: PatchDiscriminator(1, layers=-1),
            "layers must be 0 or a positive integer, got -1",
        ),
        (lambda: receptive_field(-1), "receptive_field: layers must be 0 or"),
        (
            lambda: PatchDiscriminator(1, normalization=cast(Any, "layer")),
            "normalization must be one of instance, batch, none, spectral, got layer",
        ),
        (lambda: ResnetTranslator(0, 1), "in_channels must be a positive integer, got 0"),
        (
            lambda: ResnetTranslator(1, 1, blocks=-1),
            "blocks must be 0 or a positive integer, got -1",
        ),
        (lambda: ResnetTranslator(1, 1, downs=-2), "downs must be 0 or a positive integer, got -2"),
        (
            lambda: ResnetTranslator(1, 1, upsample=cast(Any, "shuffle")),
            "upsample must be one of transposed, resize, got shuffle",
        ),
        (lambda: UNet(1, 1, 1), "downs must be at least 2, got 1"),
        (
            lambda: UNet(1, 1, 3, dropout_blocks=3),
            r"dropout_blocks must lie in 0\.\.2 at downs 3, got 3",
        ),
        (lambda: UNet(1, 1, 4, normalization=cast(Any, "spectral")), "must be one of instance, ba"),
        (lambda: translation_norm(cast(Any, "layer"), 3), "must be one of instance, batch, none"),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("name", [*GENERATORS, *PATCHES])
def test_images_of_other_channels_are_refused(name: str) -> None:
    network = {**GENERATORS, **PATCHES}[name]()
    channels = 1 if name in GENERATORS else 2
    with pytest.raises(ValueError, match=rf"\(N, {channels}, H, W\), got \(2, 5, 16, 16\)"):
        network(torch.zeros(2, 5, 16, 16))
    with pytest.raises(ValueError, match=r"H, W\), got \(5, 16\)"):
        network(torch.zeros(5, 16))


@pytest.mark.parametrize("name", GENERATORS)
def test_double_precision_and_channels_last_give_the_same_images(name: str) -> None:
    generator, x = GENERATORS[name]().eval(), torch.rand(2, 1, 16, 16)
    images = generator(x)
    double = copy.deepcopy(generator).double()(x.double())
    torch.testing.assert_close(images.double(), double, rtol=1e-3, atol=1e-5)
    last = copy.deepcopy(generator).to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x), images, rtol=1e-4, atol=1e-5)

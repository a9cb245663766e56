"""Class-conditional networks: plans, chunks of the latent, projection (known answers 32 and 35)."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_modules.networks.attention import SelfAttention
from gan_modules.networks.biggan import BigGANDiscriminator, BigGANGenerator
from gan_modules.networks.conditional_blocks import ConditionalUpBlock, WideDownBlock
from gan_modules.networks.sagan import SAGANDiscriminator, SAGANGenerator

CLASSES = 3
GENERATORS: dict[str, Callable[..., Any]] = {
    "biggan": lambda **kw: BigGANGenerator(
        **{"size": 32, "latent_dim": 9, "width": 1, "embedding_dim": 5, **kw}
    ),
    "sagan": lambda **kw: SAGANGenerator(**{"size": 32, "latent_dim": 9, "width": 2, **kw}),
}
DISCRIMINATORS: dict[str, Callable[..., Any]] = {
    "biggan": lambda **kw: BigGANDiscriminator(**{"size": 32, "width": 1, **kw}),
    "sagan": lambda **kw: SAGANDiscriminator(**{"size": 32, "width": 4, **kw}),
}
BOTH = ("biggan", "sagan")
ALL_SIZES = [(name, size) for name in BOTH for size in (32, 64, 128)]


def weighted(network: nn.Module) -> dict[str, nn.Module]:
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    return {n: m for n, m in network.named_modules() if isinstance(m, kinds)}


def stir(network: nn.Module) -> Any:
    """Whatever starts at zero is zero no more."""
    for parameter in network.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize(("name", "size"), ALL_SIZES)
@pytest.mark.parametrize("classes", [0, CLASSES])
def test_shapes_and_range_at_every_size(name: str, size: int, classes: int) -> None:
    width = 1 if name == "biggan" else 2
    attention = {"attention": size // 2} if size == 64 else {}
    generator = GENERATORS[name](size=size, channels=1, num_classes=classes, width=width)
    discriminator = DISCRIMINATORS[name](
        size=size, channels=1, num_classes=classes, width=2, **attention
    )
    label = [torch.tensor([0, 2, 1])] if classes else []
    images = generator(torch.randn(3, 9), *label)
    assert generator.num_classes == discriminator.num_classes == classes
    assert images.shape == (3, 1, size, size) and images.abs().max() <= 1
    assert discriminator(images, *label).shape == (3,)
    assert discriminator(images[:1], *(y[:1] for y in label)).shape == (1,)


@pytest.mark.parametrize(
    ("size", "generator_maps", "discriminator_maps", "sizes"),
    [
        (32, [256, 256, 256], [256, 256, 256, 256], [16, 8, 8, 8]),
        (64, [1024, 512, 256, 128], [64, 128, 256, 512, 1024], [32, 16, 8, 4, 4]),
        (128, [1536, 768, 384, 192, 96], [96, 192, 384, 768, 1536, 1536], [64, 32, 16, 8, 4, 4]),
    ],
)
def test_default_widths_are_the_papers_and_the_authors(
    size: int, generator_maps: list[int], discriminator_maps: list[int], sizes: list[int]
) -> None:
    with torch.device("meta"):
        discriminator: Any = BigGANDiscriminator(size, normalization="none")
        x = torch.zeros(1, 3, size, size)
        found = [tuple((x := block(x)).shape[1:3]) for block in discriminator.blocks]
    assert found == list(zip(discriminator_maps, sizes, strict=True))
    small: Any = BigGANGenerator(size, width=1)
    unit = 96 if size == 128 else 64
    assert [b.first.out_channels * unit for b in small.trunk.blocks] == generator_maps
    assert small.latent_dim == 120 and len(small.chunks) == len(generator_maps) + 1


def test_chunks_add_up_to_the_latent_kat_35() -> None:
    assert BigGANGenerator(128, width=1).chunks == [20] * 6
    for dim in (4, 5, 6, 7, 30):
        chunks = BigGANGenerator(32, latent_dim=dim, width=1).chunks
        assert sum(chunks) == dim and len(chunks) == 4
        assert max(chunks) - min(chunks) <= 1 and min(chunks) >= 1


@pytest.mark.parametrize("classes", [0, CLASSES])
def test_each_block_is_told_its_own_chunk_and_the_class(classes: int) -> None:
    generator = GENERATORS["biggan"](latent_dim=8, num_classes=classes)
    told: list[Tensor] = []
    for block in generator.trunk.blocks:
        block.register_forward_pre_hook(lambda _, given: told.append(given[1]))
    z, label = torch.randn(2, 8), torch.tensor([0, 1])
    generator(z, *([label] if classes else []))
    assert len(told) == 3
    for index, condition in enumerate(told):
        chunk = z[:, 2 * (index + 1) : 2 * (index + 2)]
        parts = [generator.embedding(label), chunk] if classes else [chunk]
        torch.testing.assert_close(condition, torch.cat(parts, dim=1))


@pytest.mark.parametrize("name", BOTH)
def test_swapping_labels_swaps_the_images(name: str) -> None:
    generator = stir(GENERATORS[name](num_classes=CLASSES)).double().eval()
    z = torch.randn(1, 9).double().expand(2, 9)
    images = generator(z, torch.tensor([0, 2]))
    swapped = generator(z, torch.tensor([2, 0]))
    torch.testing.assert_close(images, swapped.flip(0))
    assert (images[0] - images[1]).abs().max() > 1e-3


def test_sagans_classes_start_as_one_and_bigs_do_not_kat_35() -> None:
    z = torch.randn(1, 9).expand(CLASSES, 9)
    images = GENERATORS["sagan"](num_classes=CLASSES).eval()(z, torch.arange(CLASSES))
    torch.testing.assert_close(images[1:], images[:1].expand(2, -1, -1, -1))
    images = GENERATORS["biggan"](num_classes=CLASSES).eval()(z, torch.arange(CLASSES))
    assert (images[0] - images[1]).abs().max() > 1e-3


def test_sagan_without_classes_has_one_gain_and_bias_for_all() -> None:
    generator: Any = stir(SAGANGenerator(32, latent_dim=9, width=2)).eval()
    norm = generator.trunk.blocks[0].first_norm
    assert norm.gain.weight.shape == (8, 1)
    z = torch.randn(2, 9)
    told = generator.trunk(generator.start(z).unflatten(1, (-1, 4, 4)), [torch.ones(2, 1)] * 3)
    torch.testing.assert_close(generator(z), told)


@pytest.mark.parametrize("name", BOTH)
def test_the_class_adds_the_product_of_its_embedding_and_the_features_kat_35(name: str) -> None:
    discriminator = stir(DISCRIMINATORS[name](num_classes=CLASSES)).eval()
    x = torch.randn(4, 3, 32, 32)
    h, v = discriminator.features(x), discriminator.embedding.weight
    scores = torch.stack([discriminator(x, torch.full((4,), y)) for y in range(CLASSES)])
    torch.testing.assert_close(scores, discriminator.head(h)[:, 0] + v @ h.T)
    torch.testing.assert_close(scores[2] - scores[0], (h * (v[2] - v[0])).sum(1))


@pytest.mark.parametrize("name", BOTH)
def test_scores_without_classes_are_the_head_on_the_features(name: str) -> None:
    discriminator = DISCRIMINATORS[name]().eval()
    x = torch.randn(3, 3, 32, 32)
    features = discriminator.features(x)
    torch.testing.assert_close(features, discriminator.blocks(x).relu().sum((2, 3)))
    torch.testing.assert_close(discriminator(x), discriminator.head(features)[:, 0])
    assert discriminator.embedding is None


def test_every_weight_of_biggan_is_normalised_but_the_shared_embedding() -> None:
    generator = GENERATORS["biggan"](num_classes=CLASSES, attention=16)
    plain = [n for n, m in weighted(generator).items() if not is_parametrized(m, "weight")]
    assert plain == ["embedding"]
    discriminator = DISCRIMINATORS["biggan"](num_classes=CLASSES, width=2, attention=16)
    assert all(is_parametrized(m, "weight") for m in weighted(discriminator).values())


def test_every_weight_of_sagan_is_normalised_but_the_tables_of_its_norms() -> None:
    plain = [
        name
        for name, layer in weighted(GENERATORS["sagan"](num_classes=CLASSES)).items()
        if not is_parametrized(layer, "weight")
    ]
    assert len(plain) == 12 and all(n.split(".")[-1] in ("gain", "bias") for n in plain)
    discriminator = DISCRIMINATORS["sagan"](num_classes=CLASSES)
    assert all(is_parametrized(m, "weight") for m in weighted(discriminator).values())


@pytest.mark.parametrize("name", BOTH)
def test_each_layer_is_normalised_once(name: str) -> None:
    for network in (GENERATORS[name](num_classes=2), DISCRIMINATORS[name](num_classes=2)):
        lists = [p for m in network.modules() if is_parametrized(m) for p in [m.parametrizations]]
        assert lists and all(len(p["weight"]) == 1 for p in lists)


def test_biggan_starts_orthogonal() -> None:
    for network in (GENERATORS["biggan"](num_classes=2), DISCRIMINATORS["biggan"](num_classes=2)):
        for name, layer in weighted(network).items():
            raw: Any = layer
            raw = raw.parametrizations.weight.original if is_parametrized(layer) else raw.weight
            matrix = raw.detach().flatten(1).double()
            gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
            torch.testing.assert_close(gram, torch.eye(len(gram)).double(), atol=1e-5, rtol=0)
            bias = getattr(layer, "bias", None)
            assert bias is None or isinstance(bias, nn.Linear) or not bias.any(), name


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (lambda: BigGANGenerator(64, latent_dim=9, width=1, attention=32), 32),
        (lambda: BigGANGenerator(64, latent_dim=9, width=1, attention=8), 8),
        (lambda: SAGANGenerator(32, latent_dim=9, width=2), 16),
        (lambda: SAGANGenerator(128, latent_dim=9, width=2), 32),
        (lambda: BigGANDiscriminator(64, width=2, attention=32), 32),
        (lambda: BigGANDiscriminator(64, width=2, attention=8), 8),
        (lambda: SAGANDiscriminator(32, width=2), 16),
        (lambda: SAGANDiscriminator(128, width=2), 32),
    ],
)
def test_attention_stands_where_the_maps_have_its_size(
    network: Callable[[], Any], size: int
) -> None:
    built = network()
    seen: list[torch.Size] = []
    blocks = [m for m in built.modules() if isinstance(m, SelfAttention)]
    assert len(blocks) == 1
    blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    shape = getattr(built, "image_shape", None)
    built(torch.randn(2, *shape) if shape else torch.randn(2, 9))
    assert seen[0][2:] == (size, size)


@pytest.mark.parametrize("name", BOTH)
def test_attention_changes_nothing_at_the_start_and_something_later_kat_32(name: str) -> None:
    options = {"attention": 16, "width": 2}
    network = DISCRIMINATORS[name](**options).eval()
    x = torch.randn(2, 3, 32, 32)
    before = network(x)
    (attention,) = (m for m in network.modules() if isinstance(m, SelfAttention))
    index = list(network.blocks).index(attention)
    without = nn.Sequential(*(b for i, b in enumerate(network.blocks) if i != index))
    pooled = F.relu(without(x)).sum((2, 3))
    torch.testing.assert_close(before, network.head(pooled)[:, 0])
    nn.init.constant_(attention.gamma, 5.0)
    assert (network(x) - before).abs().max() > 1e-3


def test_up_block_equals_the_papers_order() -> None:
    block: Any = ConditionalUpBlock(4, 6, 3, "none").double()
    x, c = torch.randn(2, 4, 5, 5).double(), torch.randn(2, 3).double()
    stir(block)
    hidden = F.relu(block.first_norm(x, c))
    hidden = block.first(F.interpolate(hidden, scale_factor=2))
    hidden = block.second(F.relu(block.second_norm(hidden, c)))
    expected = hidden + block.shortcut(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(block(x, c), expected)


@pytest.mark.parametrize(("outputs", "halve"), [(6, True), (4, True), (6, False), (4, False)])
def test_wide_down_block_equals_the_papers_order_and_spares_its_input(
    outputs: int, halve: bool
) -> None:
    block: Any = stir(WideDownBlock(4, outputs, halve=halve)).double()
    x = torch.randn(2, 4, 6, 6).double()
    kept = x.clone()
    found = block(x)
    residual = block.second(F.relu(block.first(F.relu(kept))))
    assert block.first.out_channels == outputs
    torch.testing.assert_close(found, block.pool(residual) + block.pool(block.shortcut(kept)))
    assert torch.equal(x, kept) and found.shape[1:] == (outputs, *((3, 3) if halve else (6, 6)))
    assert isinstance(block.shortcut, nn.Identity) == (outputs == 4 and not halve)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("normalization", ["spectral", "operator_spectral", "none"])
def test_second_derivatives_equal_finite_differences(name: str, normalization: str) -> None:
    network = DISCRIMINATORS[name](
        num_classes=2, width=2, attention=16, channels=1, normalization=normalization
    )
    network = stir(network).double().eval()
    x, label = torch.randn(2, 1, 32, 32).double(), torch.tensor([0, 1])
    weight = max(network.parameters(), key=lambda parameter: parameter.numel())
    direction = torch.randn_like(weight)

    def squared_slope() -> Tensor:
        points = x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(network(points, label).sum(), points, create_graph=True)
        return slope.square().sum()

    (gradient,) = torch.autograd.grad(squared_slope(), weight)
    weight.data.add_(direction, alpha=1e-6)
    above = squared_slope().item()
    weight.data.sub_(direction, alpha=2e-6)
    slope = (gradient * direction).sum().item()
    assert slope == pytest.approx((above - squared_slope().item()) / 2e-6, rel=1e-3) != 0


@pytest.mark.parametrize("name", BOTH)
def test_score_of_a_sample_depends_on_that_sample_alone(name: str) -> None:
    discriminator = DISCRIMINATORS[name](num_classes=2, width=2, attention=16)
    x = torch.randn(3, 3, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(x, torch.tensor([0, 1, 1]))[0], x)
    assert gradient[0].abs().max() > 0 and not gradient[1:].any()


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "none"])
def test_gradients_reach_every_parameter_of_the_generator(name: str, normalization: str) -> None:
    generator = stir(
        GENERATORS[name](num_classes=2, width=2, attention=16, normalization=normalization)
    )
    images = generator(torch.randn(4, 9), torch.tensor([0, 1, 0, 1]))
    (images * torch.randn_like(images)).sum().backward()
    for key, parameter in generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        # Before a normalisation a bias is subtracted again.
        if parameter.dim() > 1:
            assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", BOTH)
def test_without_batch_normalisation_an_image_depends_on_its_own_latent_alone(name: str) -> None:
    generator = GENERATORS[name](num_classes=2, width=2, normalization="none").double()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in generator.modules())
    z, label = torch.randn(4, 9).double(), torch.tensor([0, 1, 0, 1])
    generator(z, label)
    generator.eval()
    torch.testing.assert_close(generator(z, label)[2:3], generator(z[2:3], label[2:3]))


@pytest.mark.parametrize("name", BOTH)
def test_channels_last_and_double_precision_agree(name: str) -> None:
    discriminator = DISCRIMINATORS[name](num_classes=2, width=2, attention=16).eval()
    x, label = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    expected = discriminator(x, label)
    last = discriminator.to(memory_format=torch.channels_last)
    found = last(x.contiguous(memory_format=torch.channels_last), label)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    double = discriminator.double()(x.double(), label)
    torch.testing.assert_close(double.float(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", BOTH)
def test_labels_must_fit_the_classes(name: str) -> None:
    z, x, label = torch.randn(1, 9), torch.randn(1, 3, 32, 32), torch.tensor([0])
    for network, given in ((GENERATORS[name], z), (DISCRIMINATORS[name], x)):
        with pytest.raises(ValueError, match="label must be given to a network of 3 classes, got"):
            network(num_classes=CLASSES)(given)
        with pytest.raises(ValueError, match="label must be None without classes, got labels; set"):
            network()(given, label)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BigGANGenerator(48), "BigGANGenerator: size must be one of 32, 64, 128, got 48"),
        (lambda: SAGANDiscriminator(16), "SAGANDiscriminator: size must be one of .* got 16"),
        (lambda: BigGANGenerator(32, latent_dim=3), "latent_dim must be at least 4, got 3; each"),
        (
            lambda: BigGANGenerator(32, num_classes=-1),
            "num_classes must be 0 or a positive integer",
        ),
        (lambda: BigGANDiscriminator(32, num_classes=cast(Any, 2.5)), "positive integer, got 2.5"),
        (lambda: BigGANGenerator(32, attention=64), "attention must be one of 8, 16, 32, got 64"),
        (lambda: BigGANDiscriminator(32, attention=4), "attention must be one of 16, 8, got 4"),
        (lambda: SAGANGenerator(32, width=0), "width must be a positive integer, got 0"),
        (lambda: BigGANGenerator(32, embedding_dim=0), "embedding_dim must be a positive integer"),
        (
            lambda: SAGANGenerator(32, normalization=cast(Any, "spectral")),
            "normalization must be one of batch, layer, instance, none, got spectral",
        ),
        (
            lambda: SAGANDiscriminator(32, normalization=cast(Any, "batch")),
            "normalization must be one of spectral, operator_spectral, none, got batch",
        ),
        (lambda: BigGANDiscriminator(32, width=1)(torch.zeros(1, 1, 32, 32)), r"\(N, 3, 32, 32\)"),
    ],
)
def test_arguments_out_of_range_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

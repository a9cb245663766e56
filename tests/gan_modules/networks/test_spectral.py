"""Spectral normalisation of the matrix and of the operator (known answers 17 and 18)."""

import copy
import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_modules.engine.checks import check_parts, has_spectral_norm
from gan_modules.networks.blocks import spectral
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.sn_dcgan import SNDCGANDiscriminator
from gan_modules.networks.spectral import normalize_layers, operator_spectral
from gan_modules.objectives import Wasserstein

SIZE = (5, 4)
#: Not square in any way: outputs, kernels, strides, sizes.
LAYERS: dict[str, Callable[[], Any]] = {
    "linear": lambda: nn.Linear(7, 5),
    "convolution": lambda: nn.Conv2d(3, 5, (3, 2), padding=1),
    "strided": lambda: nn.Conv2d(2, 3, 4, stride=(2, 1), padding=(1, 2), bias=False),
    "dilated": lambda: nn.Conv2d(4, 6, 2, dilation=2, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1),
    "transposed_more": lambda: nn.ConvTranspose2d(
        2, 4, 3, stride=(2, 3), padding=1, output_padding=(1, 2), groups=2
    ),
}
KINDS = ("matrix", "operator")
CASES = [(kind, name) for kind in KINDS for name in LAYERS]


def inputs(layer: Any, n: int = 2) -> Tensor:
    shape = (n, 7) if isinstance(layer, nn.Linear) else (n, layer.in_channels, *SIZE)
    return torch.randn(shape, dtype=torch.float64)


def operator(layer: Any, size: tuple[int, int] = SIZE) -> Tensor:
    """The layer's linear map as a matrix, one column for each number of its input."""
    shape = (7,) if isinstance(layer, nn.Linear) else (layer.in_channels, *size)
    units = torch.eye(math.prod(shape), dtype=torch.float64).unflatten(1, shape)
    with torch.no_grad():
        return (layer(units) - layer(torch.zeros_like(units[:1]))).flatten(1).T


def matrix(layer: Any, weight: Tensor) -> Tensor:
    """The weight as ``(out, rest)``; a transposed convolution's out is axis 1."""
    swapped = isinstance(layer, nn.ConvTranspose2d)
    return (weight.transpose(0, 1) if swapped else weight).detach().flatten(1)


def norm_of(kind: str, name: str, weight: Tensor) -> Tensor:
    """The largest singular value of what ``kind`` means, for this weight."""
    bare = LAYERS[name]().double()
    bare.weight.data.copy_(weight.detach())
    dense = matrix(bare, bare.weight) if kind == "matrix" else operator(bare)
    return torch.linalg.svdvals(dense)[0]


def build(kind: str, name: str) -> tuple[Any, Tensor]:
    """A normalised layer in float64 and its raw weight.

    No weight is negative, so that one singular value stands out and power iteration settles in few
    steps; a random convolution has many close to the largest.
    """
    layer = LAYERS[name]().double()
    layer.weight.data.abs_()
    layer = spectral(layer) if kind == "matrix" else operator_spectral(layer, SIZE)
    return layer, layer.get_parameter("parametrizations.weight.original")


def converged(kind: str, name: str, forwards: int = 200) -> tuple[Any, Tensor]:
    layer, raw = build(kind, name)
    for _ in range(forwards):
        _ = layer.weight
    return layer.eval(), raw


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_200_iterations_give_the_largest_singular_value_kat_17(kind: str, name: str) -> None:
    layer, raw = converged(kind, name)
    sigma = (raw / layer.weight).detach()
    exact = norm_of(kind, name, raw)
    torch.testing.assert_close(sigma, exact.expand_as(sigma), rtol=1e-9, atol=1e-9)
    assert norm_of(kind, name, layer.weight).item() == pytest.approx(1.0, abs=1e-9)


def test_matrix_of_a_transposed_convolution_has_its_outputs_as_rows_kat_17() -> None:
    layer, raw = converged("matrix", "transposed")
    along_inputs = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
    assert abs(along_inputs - 1) > 0.01
    assert matrix(layer, raw).shape == (2, 48)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_output_does_not_depend_on_the_scale_of_the_weight_kat_18(kind: str, name: str) -> None:
    layer, raw = converged(kind, name, forwards=3)
    x = inputs(layer)
    before = layer(x)
    raw.data.mul_(17.0)
    torch.testing.assert_close(layer(x), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_gradient_is_orthogonal_to_the_weight_once_converged_kat_18(kind: str, name: str) -> None:
    layer, raw = converged(kind, name)
    layer(inputs(layer)).square().sum().backward()
    assert raw.grad is not None and raw.grad.norm() > 1e-3
    assert (raw * raw.grad).sum().item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_gradient_is_that_of_the_weight_over_its_exact_norm_kat_18(kind: str, name: str) -> None:
    """A constant sigma would leave out one of the two terms."""
    layer, raw = converged(kind, name)
    direction = torch.randn_like(raw)
    slope = torch.randn_like(raw)
    (gradient,) = torch.autograd.grad((layer.weight * slope).sum(), raw)

    def exact(step: float) -> float:
        moved = raw.detach() + step * direction
        return float((moved / norm_of(kind, name, moved) * slope).sum())

    expected = (exact(1e-5) - exact(-1e-5)) / 2e-5
    assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_evaluation_leaves_the_vectors_and_training_moves_them_kat_18(kind: str, name: str) -> None:
    layer, raw = build(kind, name)
    start = {key: value.clone() for key, value in layer.named_buffers()}
    assert len(start) == 2
    # Where they have settled to the last bit, only another weight moves them.
    raw.data = torch.rand_like(raw)
    layer.eval()(inputs(layer))
    assert all(torch.equal(start[key], value) for key, value in layer.named_buffers())
    layer.train()(inputs(layer))
    assert not any(torch.equal(start[key], value) for key, value in layer.named_buffers())


@pytest.mark.parametrize("name", LAYERS)
def test_a_training_forward_is_one_power_iteration_of_the_dense_operator(name: str) -> None:
    bare = LAYERS[name]().double()
    dense = operator(bare)
    layer = operator_spectral(copy.deepcopy(bare), SIZE)
    norm: Any = layer.parametrizations.weight[0]
    v = norm._v.flatten().clone()
    layer(inputs(layer))
    u = nn.functional.normalize(dense @ v, dim=0)
    v = nn.functional.normalize(dense.T @ u, dim=0)
    torch.testing.assert_close(norm._u.flatten(), u)
    torch.testing.assert_close(norm._v.flatten(), v)
    sigma = (bare.weight / layer.eval().weight).detach()
    torch.testing.assert_close(sigma, (u @ dense @ v).expand_as(sigma))


@pytest.mark.parametrize(("height", "width"), [(6, 6), (9, 4)])
def test_operator_norm_of_a_box_of_ones_is_its_closed_form(height: int, width: int) -> None:
    """Zero padded, it is a product of two tridiagonal matrices, whose spectra are known."""
    box = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
    nn.init.ones_(box.weight)
    operator_spectral(box, (height, width))
    for _ in range(200):
        weight = box.weight
    factors = [1 + 2 * math.cos(math.pi / (size + 1)) for size in (height, width)]
    assert 1 / weight[0, 0, 0, 0].item() == pytest.approx(factors[0] * factors[1], rel=1e-9)
    # As a matrix its norm is 3: the operator's is larger, and at most three times that.
    assert 3 < factors[0] * factors[1] < 9


def test_operator_norm_is_the_exact_one_within_a_percent_after_warm_up() -> None:
    discriminator: Any = DCGANDiscriminator(32, 1, width=3, normalization="operator_spectral")
    for _ in range(60):
        discriminator(torch.randn(1, 1, 32, 32))
    discriminator.double().eval()
    sizes = iter([(32, 32), (16, 16), (8, 8)])
    norms = [
        torch.linalg.matrix_norm(operator(layer, next(sizes)), 2).item()
        for layer in discriminator.layers
        if isinstance(layer, nn.Conv2d)
    ]
    assert norms == pytest.approx([1.0] * 3, rel=0.01)
    matrices = [
        torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        for layer in discriminator.layers
        if isinstance(layer, nn.Conv2d)
    ]
    # What is not the same: as matrices they are up to four times smaller.
    assert all(0.25 < norm < 0.95 for norm in matrices)


def test_a_warmed_up_network_stretches_no_pair_of_images() -> None:
    discriminator: Any = SNDCGANDiscriminator(16, 1, width=3, normalization="operator_spectral")
    for _ in range(100):
        discriminator(torch.randn(1, 1, 16, 16))
    discriminator.eval()
    x, y = torch.randn(2, 50, 1, 16, 16)
    moved = (discriminator(x) - discriminator(y)).abs()
    assert (moved <= 1.01 * (x - y).flatten(1).norm(dim=1)).all() and moved.max() > 0


def test_a_linear_layers_operator_is_its_matrix() -> None:
    one = spectral(nn.Linear(6, 4).double())
    other = nn.Linear(6, 4).double()
    other.load_state_dict({"weight": one.parametrizations.weight.original, "bias": one.bias})
    operator_spectral(other)
    for _ in range(100):
        ours, theirs = other.weight, one.weight
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_two_forwards_before_one_backward_do_not_disturb_each_other() -> None:
    layer, raw = build("operator", "strided")
    real, fake = inputs(layer), inputs(layer)
    reference = copy.deepcopy(layer)
    (layer(real).square().sum() - layer(fake).square().sum()).backward()
    for sign, x in ((1, real), (-1, fake)):
        (sign * reference(x).square().sum()).backward()
    own = reference.get_parameter("parametrizations.weight.original").grad
    assert raw.grad is not None and own is not None
    torch.testing.assert_close(raw.grad, own)


def test_autocast_leaves_the_power_iteration_in_full_precision() -> None:
    layer = operator_spectral(nn.Conv2d(3, 8, 3, padding=1), (6, 6))
    other = copy.deepcopy(layer)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer.weight
    assert half.dtype == torch.float32 and torch.equal(half, other.weight)


def test_compiled_it_is_the_same_power_iterations_included() -> None:
    network = DCGANDiscriminator(32, 1, width=2, normalization="operator_spectral")
    eager, x = copy.deepcopy(network), torch.randn(2, 1, 32, 32)
    compiled = torch.compile(network, backend="aot_eager")
    for _ in range(2):
        ours, theirs = compiled(x), eager(x)
        torch.testing.assert_close(ours, theirs)
    (ours.sum() - theirs.sum()).backward()
    for key, value in eager.state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], value)
    for one, other in zip(network.parameters(), eager.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        torch.testing.assert_close(one.grad, -other.grad)


def test_state_is_buffers_that_load_and_a_weight_that_is_assigned_is_normalised() -> None:
    layer, raw = build("operator", "convolution")
    layer(inputs(layer))
    again, _ = build("operator", "convolution")
    again.load_state_dict(layer.state_dict())
    x = inputs(layer)
    torch.testing.assert_close(again.eval()(x), layer.eval()(x))
    layer.weight = 3.0 * raw.detach()
    torch.testing.assert_close(layer(x), again(x))


class Branches(nn.Module):
    """Layers of several kinds and sizes, one of them out of reach."""

    def __init__(self, spare: bool = False) -> None:
        super().__init__()
        self.inner = nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.outer = nn.Conv2d(2, 2, 3, padding=1)
        self.head = nn.Linear(2, 1)
        self.embedding = nn.Embedding(5, 2)
        self.spare = nn.Linear(2, 2) if spare else None

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = self.outer(self.inner(x)).sum((2, 3))
        return self.head(h)[:, 0] + (self.embedding(label) * h).sum(1)


def test_layers_are_normalised_at_the_sizes_that_they_see() -> None:
    network: Any = Branches()
    modes = network.train().inner.eval()
    normalize_layers(network, "operator_spectral", torch.zeros(1, 1, 12, 8), torch.tensor([0]))
    assert network.training and not modes.training
    norms = {
        name: network.get_submodule(f"{name}.parametrizations.weight.0")
        for name in ("inner", "outer", "head", "embedding")
    }
    assert norms["inner"]._v.shape == (1, 1, 12, 8) and norms["inner"]._u.shape == (1, 2, 6, 4)
    assert norms["outer"]._v.shape == (1, 2, 6, 4) and norms["head"]._v.shape == (1, 2)
    # An embedding is a matrix: one power iteration on (classes, maps).
    assert norms["embedding"]._u.shape == (5,)
    normalize_layers(plain := Branches(), "spectral")
    assert all(is_parametrized(layer) for layer in plain.children())


def test_looking_at_the_sizes_changes_no_buffer() -> None:
    network: Any = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3))
    before = {key: value.clone() for key, value in network[1].named_buffers()}
    normalize_layers(network, "operator_spectral", torch.randn(4, 1, 9, 9))
    assert all(torch.equal(before[key], value) for key, value in network[1].named_buffers())


def test_a_layer_that_the_example_does_not_reach_is_refused_before_anything_changes() -> None:
    network = Branches(spare=True)
    with pytest.raises(ValueError, match="must run through every layer, got none in spare"):
        normalize_layers(network, "operator_spectral", torch.zeros(1, 1, 8, 8), torch.tensor([0]))
    assert not any(is_parametrized(layer) for layer in network.children())
    with pytest.raises(ValueError, match="one of spectral, operator_spectral, got weight"):
        normalize_layers(network, cast(Any, "weight"))


def zeroed(layer: Any) -> Any:
    nn.init.zeros_(layer.weight)
    return layer


@pytest.mark.parametrize(
    ("layer", "size", "message"),
    [
        (nn.Embedding(3, 2), None, "must be Linear, Conv2d or ConvTranspose2d, got Embedding"),
        (zeroed(nn.Linear(3, 2)), None, "weight must not be zero, got zeros; initialise"),
        (nn.Conv2d(1, 1, 3), None, "input_size must be height and width"),
        (nn.Conv2d(1, 1, 3, padding="same"), (4, 4), r"padding must be a number .* same \(zeros\)"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (4, 4), r"got \(1, 1\) \(reflect"),
    ],
)
def test_layers_without_an_operator_norm_are_refused(
    layer: nn.Module, size: tuple[int, int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        operator_spectral(layer, size)
    assert not is_parametrized(layer)


@pytest.mark.parametrize("build_one", [DCGANDiscriminator, SNDCGANDiscriminator])
def test_discriminators_take_the_operator_norm_and_checks_know_it(build_one: Any) -> None:
    discriminator = build_one(32, 1, width=4, normalization="operator_spectral")
    layers = [m for m in discriminator.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert all(is_parametrized(layer, "weight") for layer in layers)
    assert has_spectral_norm(discriminator)
    assert not has_spectral_norm(DCGANDiscriminator(32, 1, width=4, normalization="none"))
    check_parts(nn.Module(), discriminator, Wasserstein(), [])
    discriminator(torch.randn(2, 1, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.parameters())


def test_unknown_normalisations_of_discriminators_are_refused() -> None:
    with pytest.raises(ValueError, match="one of batch, .*, spectral, operator_spectral, got svd"):
        DCGANDiscriminator(normalization=cast(Any, "svd"))
    with pytest.raises(ValueError, match="one of spectral, operator_spectral, got batch"):
        SNDCGANDiscriminator(normalization=cast(Any, "batch"))

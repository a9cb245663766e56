"""Spectral normalisation (known answers 17 and 18), normalisations and initialisations."""

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    initialize_normal,
    initialize_xavier,
    normalization_layer,
    spectral,
)

LAYERS = {
    "linear": (lambda: nn.Linear(7, 5), (4, 7)),
    "convolution": (lambda: nn.Conv2d(3, 8, 3, padding=1), (2, 3, 6, 6)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 8, 4, stride=2), (2, 3, 5, 5)),
}


def largest_singular_value(weight: Tensor, transposed: bool) -> Tensor:
    """Of the weight as a matrix ``(out, rest)``; a transposed convolution's out is axis 1."""
    matrix = weight.detach().transpose(0, 1) if transposed else weight.detach()
    return torch.linalg.svdvals(matrix.flatten(1))[0]


def converged(name: str, forwards: int = 200) -> tuple[Any, Tensor]:
    build, shape = LAYERS[name]
    layer, x = spectral(build().double()), torch.randn(shape, dtype=torch.float64)
    for _ in range(forwards):
        layer(x)
    return layer, x


def original(layer: nn.Module) -> nn.Parameter:
    return layer.get_parameter("parametrizations.weight.original")


@pytest.mark.parametrize("name", LAYERS)
def test_power_iteration_finds_the_largest_singular_value_of_the_right_matrix(name: str) -> None:
    layer, _ = converged(name)
    layer.eval()
    sigma = (original(layer) / layer.weight).detach()
    expected = largest_singular_value(original(layer), name == "transposed")
    torch.testing.assert_close(sigma, expected.expand_as(sigma), atol=1e-9, rtol=1e-9)
    assert largest_singular_value(layer.weight, name == "transposed").item() == pytest.approx(1.0)


def test_transposed_convolution_is_not_normalised_along_its_input_axis() -> None:
    layer, _ = converged("transposed")
    wrong = largest_singular_value(layer.weight, transposed=False).item()
    assert abs(wrong - 1) > 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_construction_starts_close_to_the_converged_value(name: str) -> None:
    layer, _ = converged(name, forwards=0)
    sigma = largest_singular_value(layer.eval().weight, name == "transposed").item()
    assert sigma == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", LAYERS)
def test_output_does_not_depend_on_the_scale_of_the_weight(name: str) -> None:
    layer, x = converged(name)
    layer.eval()
    before = layer(x)
    with torch.no_grad():
        original(layer).mul_(17.0)
    torch.testing.assert_close(layer(x), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_is_orthogonal_to_the_weight_once_converged(name: str) -> None:
    layer, x = converged(name)
    layer(x).square().sum().backward()
    weight = original(layer)
    assert weight.grad is not None and weight.grad.norm() > 1e-3
    assert (weight * weight.grad).sum().item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_evaluation_leaves_the_power_iteration_where_it_stands(name: str) -> None:
    layer, x = converged(name, forwards=0)
    buffers = dict(layer.named_buffers())
    assert len(buffers) == 2
    start = {key: value.clone() for key, value in buffers.items()}
    layer.eval()
    layer(x)
    assert all(torch.equal(start[key], buffers[key]) for key in start)
    layer.train()
    layer(x)
    assert not any(torch.equal(start[key], buffers[key]) for key in start)


def test_training_forward_makes_exactly_one_power_iteration() -> None:
    layer = spectral(nn.Linear(6, 4).double())
    weight = original(layer).detach()
    v = layer.get_buffer("parametrizations.weight.0._v").clone()
    u = nn.functional.normalize(weight @ v, dim=0)
    v = nn.functional.normalize(weight.T @ u, dim=0)
    layer(torch.zeros(1, 6, dtype=torch.float64))
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._u"), u)
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0._v"), v)


def test_two_forwards_before_one_backward_do_not_disturb_each_other() -> None:
    layer = spectral(nn.Conv2d(3, 4, 3))
    real, fake = torch.randn(2, 2, 3, 5, 5)
    (layer(real).sum() - layer(fake).square().sum()).backward()
    gradient = original(layer).grad
    assert gradient is not None and torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "axes"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))]
)
def test_normalisation_standardises_over_its_own_axes(name: Any, axes: tuple[int, ...]) -> None:
    x = torch.randn(6, 4, 8, 8, dtype=torch.float64) * 3 + 2
    y = normalization_layer(name, 4).double()(x)
    mean = x.mean(axes, keepdim=True)
    expected = (x - mean) / (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize(
    ("name", "mixes"), [("batch", True), ("layer", False), ("instance", False), ("none", False)]
)
def test_only_batch_normalisation_mixes_samples(name: Any, mixes: bool) -> None:
    layer = normalization_layer(name, 4)
    x = torch.randn(3, 4, 5, 5, requires_grad=True)
    # A plain or a squared sum would be constant: that is what a normalisation takes out.
    (gradient,) = torch.autograd.grad((layer(x)[0] * torch.randn(4, 5, 5)).sum(), x)
    assert gradient[0].abs().max() > 1e-3
    # The gradient of sample 0's output with respect to the others is what a penalty would miss.
    assert (gradient[1:].abs().max().item() > 1e-4) is mixes


@pytest.mark.parametrize("name", ["batch", "layer", "instance"])
def test_normalisations_have_one_gain_and_one_bias_per_channel(name: Any) -> None:
    layer = normalization_layer(name, 6)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 12


def test_unknown_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of batch, layer, instance, none, got group"):
        normalization_layer(cast(Any, "group"), 4)


def test_normal_initialisation_has_the_spreads_of_dcgan() -> None:
    network: Any = nn.Sequential(
        nn.Linear(100, 400), nn.Conv2d(50, 100, 4), nn.ConvTranspose2d(50, 100, 4),
        nn.BatchNorm2d(4000), nn.GroupNorm(1, 4000),
    )  # fmt: skip
    initialize_normal(network)
    for layer in network[:3]:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert layer.weight.mean().item() == pytest.approx(0.0, abs=5e-4)
        assert not layer.bias.any()
    for layer in network[3:]:
        assert layer.weight.mean().item() == pytest.approx(1.0, abs=2e-3)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_xavier_initialisation_has_its_bound_and_spread(gain: float) -> None:
    layer = initialize_xavier(nn.Conv2d(64, 32, 3), gain)
    bound = gain * math.sqrt(6 / ((64 + 32) * 9))
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert layer.bias is not None and not layer.bias.any()

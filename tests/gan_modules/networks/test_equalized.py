"""Known answer 28: scales of the equalised learning rate."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan_modules.networks.equalized import Equalized, EqualizedConv2d, EqualizedLinear


def seeded(multiplier: float, bias_init: float = 0.0) -> EqualizedLinear:
    torch.manual_seed(3)
    layer = EqualizedLinear(64, 512, lr_multiplier=multiplier, bias_init=bias_init)
    return layer.double()


def test_weights_are_stored_at_unit_variance_and_used_at_gain_over_root_fan_in_kat_28() -> None:
    torch.manual_seed(0)
    layer = EqualizedConv2d(128, 128, 3)
    used, bias = layer.scaled()
    assert layer.weight.std().item() == pytest.approx(1.0, rel=0.02)
    assert used.std().item() == pytest.approx(0.0416667, rel=0.02)
    assert layer.scale == pytest.approx(math.sqrt(2 / (128 * 9)), rel=1e-12)
    assert abs(used.mean().item()) < 3 * 0.0416667 / math.sqrt(used.numel())
    assert bias is not None and not bias.any()


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2.0), math.sqrt(2.0) / 4])
def test_the_gain_is_a_factor_of_the_weight_alone(gain: float) -> None:
    layer = EqualizedLinear(50, 7, gain=gain, bias_init=0.5).double()
    x = torch.randn(3, 50, dtype=torch.float64)
    expected = gain / math.sqrt(50) * x @ layer.weight.T + 0.5
    torch.testing.assert_close(layer(x), expected)


def test_a_convolution_keeps_the_size_and_sums_over_its_window() -> None:
    layer = EqualizedConv2d(3, 5, 3).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    windows = F.unfold(x, 3, padding=1)
    weight = layer.weight.flatten(1) * math.sqrt(2 / 27)
    expected = (weight @ windows + layer.bias[:, None]).unflatten(2, (6, 4))
    torch.testing.assert_close(layer(x), expected)
    assert EqualizedConv2d(3, 5, 1, gain=1.0).scale == pytest.approx(1 / math.sqrt(3))


def test_a_layer_without_bias_is_linear() -> None:
    layer = EqualizedLinear(4, 3, bias=False)
    assert layer.bias is None and not layer(torch.zeros(1, 4)).any()
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_the_rate_multiplier_leaves_the_start_and_slows_the_learning_kat_28() -> None:
    plain, slow = seeded(1.0, 0.25), seeded(0.01, 0.25)
    for one, other in zip(plain.scaled(), slow.scaled(), strict=True):
        torch.testing.assert_close(one, other)
    assert slow.weight.std().item() == pytest.approx(100.0, rel=0.02)
    moved = {}
    for name, layer in (("plain", plain), ("slow", slow)):
        before = [tensor.detach().clone() for tensor in layer.scaled()]
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3, eps=1e-30)
        layer(torch.ones(8, 64, dtype=torch.float64)).sum().backward()
        optimizer.step()
        moved[name] = [
            (after - start).mean().item()
            for after, start in zip(layer.scaled(), before, strict=True)
        ]
    # Adam's first step is its rate, against the gradient, which is positive everywhere.
    assert moved["plain"] == pytest.approx([-1e-3 * math.sqrt(2 / 64), -1e-3], rel=1e-6)
    assert moved["slow"] == pytest.approx([0.01 * m for m in moved["plain"]], rel=1e-6)


def test_both_layers_are_known_as_equalized() -> None:
    layers = (EqualizedLinear(2, 2), EqualizedConv2d(2, 2, 3))
    assert all(isinstance(layer, Equalized) for layer in layers)

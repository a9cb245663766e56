"""Gains and biases that are told a vector (known answer 35)."""

from typing import Any, cast

import pytest
import torch
from torch import nn

from gan_modules.networks.blocks import NORMALIZATIONS, normalization_layer
from gan_modules.networks.conditional_norm import ConditionalNorm


def filled(normalization: Any = "batch") -> ConditionalNorm:
    norm = ConditionalNorm(4, 3, normalization).double()
    nn.init.normal_(norm.gain.weight)
    nn.init.normal_(norm.bias.weight)
    return norm


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_zero_gains_and_biases_are_the_plain_normalisation_kat_35(name: Any) -> None:
    told, plain = ConditionalNorm(4, 3, name).double(), normalization_layer(name, 4).double()
    x = 3 * torch.randn(5, 4, 6, 6, dtype=torch.float64) + 1
    for condition in torch.randn(2, 5, 3, dtype=torch.float64):
        torch.testing.assert_close(told(x, condition), plain(x))
    # Running statistics too, where there are any.
    torch.testing.assert_close(told.eval()(x, condition), plain.eval()(x))


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_each_sample_has_the_gain_and_bias_of_its_own_vector(name: Any) -> None:
    norm = filled(name)
    x, condition = torch.randn(5, 4, 6, 6).double(), torch.randn(5, 3).double()
    plain = normalization_layer(name, 4).double()(x)
    found = norm(x, condition)
    for n in range(5):
        gain = 1 + norm.gain.weight @ condition[n]
        bias = norm.bias.weight @ condition[n]
        torch.testing.assert_close(found[n], plain[n] * gain[:, None, None] + bias[:, None, None])


def test_batch_statistics_are_those_of_the_batch_and_advance_in_training_alone() -> None:
    norm = filled()
    x, condition = torch.randn(8, 4, 3, 3).double() + 5, torch.zeros(8, 3).double()
    out = norm(x, condition)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4).double(), atol=1e-9, rtol=0)
    mean = norm.norm.get_buffer("running_mean").clone()
    torch.testing.assert_close(mean, 0.1 * x.mean((0, 2, 3)))
    norm.eval()(x, condition)
    assert torch.equal(norm.norm.get_buffer("running_mean"), mean)


def test_it_holds_two_linear_maps_and_no_gain_of_its_own() -> None:
    names = [name for name, _ in ConditionalNorm(4, 3).named_parameters()]
    assert names == ["gain.weight", "bias.weight"]


def test_gradients_reach_both_maps_and_the_condition() -> None:
    norm = filled("none")
    x = torch.randn(2, 4, 3, 3).double()
    condition = torch.randn(2, 3).double().requires_grad_(True)
    (norm(x, condition) * torch.randn_like(x)).sum().backward()
    assert condition.grad is not None and condition.grad.abs().min() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in norm.parameters())


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="ConditionalNorm: normalization must be one of batch"):
        ConditionalNorm(4, 3, cast(Any, "spectral"))
    with pytest.raises(ValueError, match="condition_dim must be a positive integer, got 0"):
        ConditionalNorm(4, 0)

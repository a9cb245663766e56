"""Layers of a flow: exact inverses, exact determinants (known answer 40), where they begin."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.flow import FlowGenerator
from gan_modules.networks.flow_layers import (
    MIXINGS,
    ActNorm,
    AffineCoupling,
    Chain,
    InvertibleConv,
    Permutation,
    SplitPrior,
    mixing_layer,
)

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "actnorm": lambda: ActNorm(4),
    "convolution": lambda: InvertibleConv(4),
    "shuffle": lambda: Permutation(4, "shuffle"),
    "reverse": lambda: Permutation(4, "reverse"),
    "coupling": lambda: AffineCoupling(4, 6),
    "bounded": lambda: AffineCoupling(4, 6, least_scale=0.3),
    "chain": lambda: Chain([ActNorm(4), InvertibleConv(4), AffineCoupling(4, 6), ActNorm(4)]),
}


def shaken(network: nn.Module, by: float = 0.3) -> nn.Module:
    """In double precision, away from where it begins."""
    for parameter in network.double().parameters():
        parameter.data.add_(by * torch.randn_like(parameter))
    return network


def maps(n: int = 3, channels: int = 4, size: int = 2) -> Tensor:
    return torch.randn(n, channels, size, size, dtype=torch.float64)


def slogdet(function: Callable[[Tensor], Tensor], sample: Tensor) -> float:
    """By the whole Jacobian, of one sample without the axis of the batch."""
    jacobian = torch.func.jacrev(lambda x: function(x[None])[0].flatten())(sample)
    return float(torch.linalg.slogdet(jacobian.detach().flatten(1)).logabsdet)


@pytest.mark.parametrize("name", LAYERS)
def test_decoding_inverts_encoding_and_the_determinant_is_the_jacobians_kat_40(name: str) -> None:
    layer = shaken(LAYERS[name]())
    x = maps()
    y, log_det = layer.encode(x)
    assert y.shape == x.shape and log_det.shape == (3,)
    torch.testing.assert_close(layer.decode(y), x, rtol=0, atol=1e-10)
    expected = [slogdet(lambda batch: layer.encode(batch)[0], sample) for sample in x]
    assert log_det.tolist() == pytest.approx(expected, abs=1e-10)


def test_a_split_says_of_which_law_its_latents_are() -> None:
    prior = shaken(SplitPrior(4))
    x = maps()
    kept, e, log_det = prior.encode(x)
    assert torch.equal(kept, x[:, :2]) and e.shape == (3, 2, 2, 2)
    torch.testing.assert_close(prior.decode(kept, e), x, rtol=0, atol=1e-10)
    expected = [
        slogdet(lambda batch: torch.cat(prior.encode(batch)[:2], dim=1), sample) for sample in x
    ]
    assert log_det.tolist() == pytest.approx(expected, abs=1e-10)
    mean, log_std = prior.network(kept).chunk(2, dim=1)
    law = torch.distributions.Normal(mean, log_std.exp())
    standard = torch.distributions.Normal(0.0, 1.0).log_prob(e).sum((1, 2, 3)) + log_det
    torch.testing.assert_close(standard, law.log_prob(x[:, 2:]).sum((1, 2, 3)))


def test_a_rotation_has_determinant_one_and_its_scaling_h_w_times_channels_kat_40() -> None:
    layer = InvertibleConv(6).double()
    # Drawn in single precision.
    torch.testing.assert_close(
        layer.weight @ layer.weight.mT, torch.eye(6).double(), rtol=0, atol=1e-6
    )
    assert layer.encode(maps(channels=6, size=5))[1].tolist() == pytest.approx([0.0] * 3, abs=1e-4)
    layer.weight.data.mul_(3.0)
    expected = 25 * 6 * math.log(3.0)
    assert layer.encode(maps(channels=6, size=5))[1].tolist() == pytest.approx([expected] * 3)


def test_activation_normalisation_makes_the_first_batch_standard_and_not_the_second_kat_40() -> (
    None
):
    layer = ActNorm(3).double()
    x = 5.0 + torch.tensor([0.1, 1.0, 30.0]).view(3, 1, 1) * maps(8, 3, 4)
    assert torch.equal(layer.encode(x)[0], x)
    layer.fitting = True
    y, log_det = layer.encode(x)
    layer.fitting = False
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(y.var((0, 2, 3), correction=0), torch.ones(3).double())
    expected = -16 * x.std((0, 2, 3), correction=0).log().sum()
    torch.testing.assert_close(log_det, expected.expand(8))
    assert layer.encode(2 * x)[0].std() > 1.9


def test_a_constant_channel_is_not_blown_up_beyond_numbers() -> None:
    layer = ActNorm(1)
    layer.fitting = True
    y, log_det = layer.encode(torch.full((2, 1, 4, 4), -1.0))
    assert not y.any() and log_det.isfinite().all()


def test_a_coupling_begins_as_a_scaling_of_one_half_by_sigmoid_2() -> None:
    x = maps()
    y, log_det = AffineCoupling(4, 6).double().encode(x)
    scale = 1.0 / (1.0 + math.exp(-2.0))
    torch.testing.assert_close(y[:, :2], x[:, :2])
    torch.testing.assert_close(y[:, 2:], scale * x[:, 2:])
    assert log_det.tolist() == pytest.approx([8 * math.log(scale)] * 3)


@pytest.mark.parametrize(("least", "lowest"), [(0.0, 0.0), (0.2, 0.2)])
def test_a_couplings_scale_lies_between_the_least_and_one(least: float, lowest: float) -> None:
    layer = AffineCoupling(2, 4, least_scale=least).double()
    bias = layer.network[-1].bias
    found = []
    for value in (-30.0, 30.0):
        bias.data.copy_(torch.tensor([0.0, value]))
        found.append(layer.encode(torch.ones(1, 2, 1, 1).double())[0][0, 1].item())
    assert found == pytest.approx([lowest, 1.0], abs=1e-9)


def test_mixings_are_the_three_of_the_paper() -> None:
    x = maps(1, 6, 1)
    kinds = {mixing: mixing_layer(mixing, 6) for mixing in MIXINGS}
    assert isinstance(kinds["convolution"], InvertibleConv)
    assert torch.equal(kinds["reverse"].encode(x)[0], x.flip(1))
    shuffled = kinds["shuffle"].encode(x)[0]
    assert not torch.equal(shuffled, x) and torch.equal(shuffled.sort(1)[0], x.sort(1)[0])
    # The order is drawn once, and is part of the state.
    other = Permutation(6, "shuffle")
    other.load_state_dict(kinds["shuffle"].state_dict())
    assert torch.equal(other.encode(x)[0], shuffled)


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize(("levels", "channels"), [(1, 1), (2, 3), (3, 1)])
def test_a_flow_and_its_inverse_are_exact_in_both_orders_kat_40(
    mixing, levels: int, channels: int
) -> None:
    flow = shaken(FlowGenerator(8, channels, levels, 2, 4, mixing), by=0.03)
    images = maps(3, channels, 8)
    z, _ = flow.inverse(images)
    assert z.shape == (3, flow.latent_dim) == (3, channels * 64)
    torch.testing.assert_close(flow(z), images, rtol=0, atol=1e-10)
    z = torch.randn(3, flow.latent_dim, dtype=torch.float64)
    torch.testing.assert_close(flow.inverse(flow(z))[0], z, rtol=0, atol=1e-10)


def test_a_flows_determinant_is_that_of_its_whole_jacobian_kat_40() -> None:
    flow = shaken(FlowGenerator(4, 1, 2, 2, 4), by=0.1)
    images = maps(2, 1, 4)
    z, log_det = flow.inverse(images)
    forth = [slogdet(lambda x: flow.inverse(x)[0], image) for image in images]
    back = [slogdet(flow, latent) for latent in z.detach()]
    assert log_det.tolist() == pytest.approx(forth, abs=1e-10)
    assert log_det.tolist() == pytest.approx([-value for value in back], abs=1e-10)
    assert abs(forth[0]) > 1e-3


def test_its_first_batch_makes_latents_standard_in_every_channel() -> None:
    flow = FlowGenerator(8, 1, 2, 2, 4).double()
    images = 3.0 + 0.01 * maps(32, 1, 8)
    assert not flow.initialized
    flow.initialize(images)
    assert flow.initialized
    top = flow.inverse(images)[0][:, -32:].unflatten(1, (8, 2, 2))
    torch.testing.assert_close(top.mean((0, 2, 3)), torch.zeros(8).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(top.var((0, 2, 3), correction=0), torch.ones(8).double())
    before = {key: value.clone() for key, value in flow.state_dict().items()}
    flow.inverse(5 * images)
    assert all(torch.equal(value, before[key]) for key, value in flow.state_dict().items())


def test_gradients_reach_every_parameter_in_both_directions() -> None:
    for direction in ("inverse", "forward"):
        flow = shaken(FlowGenerator(8, 1, 2, 1, 4), by=0.1)
        if direction == "inverse":
            z, log_det = flow.inverse(maps(3, 1, 8))
            loss = z.square().sum() - log_det.sum()
        else:
            loss = flow(torch.randn(3, 64, dtype=torch.float64)).square().sum()
        loss.backward()
        for name, parameter in flow.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_single_precision_comes_back_within_a_thousandth_of_a_level() -> None:
    flow = shaken(FlowGenerator(16, 1, 3, 4, 8), by=0.05).float()
    images = maps(4, 1, 16).float().clamp(-1, 1)
    torch.testing.assert_close(flow(flow.inverse(images)[0]), images, rtol=0, atol=1e-5)


def test_arguments_and_inputs_of_other_kinds_are_refused() -> None:
    with pytest.raises(
        ValueError, match="FlowGenerator: size must be a multiple of 2 .. levels, g"
    ):
        FlowGenerator(20, 1, 3, 1, 4)
    with pytest.raises(ValueError, match="FlowGenerator: steps must be a positive integer, got 0"):
        FlowGenerator(8, 1, 2, 0, 4)
    with pytest.raises(
        ValueError, match="mixing must be one of convolution, shuffle, reverse, got"
    ):
        FlowGenerator(8, 1, 2, 1, 4, "lu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"least_scale must lie in \[0, 1\), got 1.0; 0 leaves"):
        FlowGenerator(8, 1, 2, 1, 4, least_scale=1.0)
    flow = FlowGenerator(8, 1, 2, 1, 4)
    with pytest.raises(ValueError, match=r"must have shape \(N, 1, 8, 8\), got \(2, 3, 8, 8\)"):
        flow.inverse(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"must have shape \(N, 64\), got \(2, 60\)"):
        flow(torch.zeros(2, 60))

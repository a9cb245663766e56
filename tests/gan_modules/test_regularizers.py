"""Closed forms of the penalties (known answers 8 to 10, 12 and 16) and their contract.

Answers 11, 13, 14 and 20 are in ``test_penalties.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.regularizers import (
    R1,
    R2,
    Dragan,
    Drift,
    GradientPenalty,
    LipschitzPenalty,
    Regularizer,
    WeightClipping,
    ZeroCentered,
)

SLOPES = [GradientPenalty(), LipschitzPenalty(), R1(), R2(), ZeroCentered(), Dragan()]
PENALTIES = [*SLOPES, Drift()]
# Dragan's standard deviation is reduced over real ranks: see test_means_over_ranks.py.
MEANS = [penalty for penalty in PENALTIES if not isinstance(penalty, Dragan)]


def name_of(regularizer: Regularizer) -> str:
    return type(regularizer).__name__


def points(*shape: int) -> tuple[Tensor, Tensor]:
    real, fake = torch.randn(2, *shape, dtype=torch.float64)
    return real, fake


def linear(*weights: float) -> tuple[Tensor, LinearScore]:
    discriminator = LinearScore(torch.tensor(weights, dtype=torch.float64))
    return discriminator.weight, discriminator


class LinearScore(nn.Module):
    """``D(x) = w . x``, whose slope is |w| everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight


def small_network() -> MLPDiscriminator:
    return MLPDiscriminator([3], hidden=4, layers=2, activation="tanh").double()


@pytest.mark.parametrize(
    ("regularizer", "steep", "flat"),
    [
        (GradientPenalty(1.0), 16.0, 0.25),
        (GradientPenalty(10.0), 160.0, 2.5),
        (GradientPenalty(3.0, target=2.5), 3.0, 1.92),
        (LipschitzPenalty(1.0), 16.0, 0.0),
        (LipschitzPenalty(10.0), 160.0, 0.0),
        (R1(10.0), 125.0, 1.25),
        (R2(2.0), 25.0, 0.25),
        (ZeroCentered(10.0), 250.0, 2.5),
        (Dragan(1.0), 16.0, 0.25),
        (Dragan(2.0, target=2.5, symmetric=True), 12.5, 8.0),
    ],
    ids=lambda value: name_of(value) if isinstance(value, Regularizer) else "",
)
def test_penalty_of_a_linear_discriminator_is_closed_form_at_any_points_kat_8(
    regularizer: Regularizer, steep: float, flat: float
) -> None:
    for weights, expected in (((3.0, 4.0), steep), ((0.3, 0.4), flat)):
        _, score = linear(*weights)
        for _ in range(3):
            found = regularizer.penalty(score, *points(5, 2), Noise())
            assert found is not None
            assert found.item() == pytest.approx(expected, abs=1e-6)


def test_gradient_norm_runs_over_channels_and_space_together() -> None:
    weights = torch.randn(2 * 3 * 3, dtype=torch.float64)
    _, score = linear(*weights.tolist())
    found = GradientPenalty(1.0).penalty(score, *points(4, 2, 3, 3), Noise())
    assert found.item() == pytest.approx((weights.norm().item() - 1) ** 2, abs=1e-6)


@pytest.mark.parametrize("regularizer", [GradientPenalty(1.0), LipschitzPenalty(1.0)], ids=name_of)
def test_penalty_gradient_of_a_linear_discriminator_pulls_its_norm_to_one_kat_8(
    regularizer: Regularizer,
) -> None:
    weight, score = linear(3.0, 4.0)
    penalty = regularizer.penalty(score, *points(6, 2), Noise())
    assert penalty is not None
    (found,) = torch.autograd.grad(penalty, weight)
    expected = 2 * (weight.norm() - 1) * weight / weight.norm()
    torch.testing.assert_close(found, expected.detach(), atol=1e-6, rtol=0)


def test_one_sided_penalty_leaves_gentle_slopes_alone_and_the_two_sided_raises_them_kat_8() -> None:
    weight, score = linear(0.3, 0.4)
    one_sided = LipschitzPenalty(1.0).penalty(score, *points(6, 2), Noise())
    two_sided = GradientPenalty(1.0).penalty(score, *points(6, 2), Noise())
    assert torch.equal(torch.autograd.grad(one_sided, weight)[0], torch.zeros(2).double())
    assert (torch.autograd.grad(two_sided, weight)[0] < 0).all()


@pytest.mark.parametrize(
    "regularizer", [GradientPenalty(), LipschitzPenalty(), ZeroCentered()], ids=name_of
)
def test_each_interpolate_lies_on_the_segment_of_its_own_pair_kat_9(
    regularizer: Regularizer,
) -> None:
    real, fake = points(8, 3, 4, 4)
    seen: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).square().sum(1)

    regularizer.penalty(score, real, fake, Noise(seed=3))
    assert len(seen) == 1
    share = ((seen[0] - fake) / (real - fake)).flatten(1)
    torch.testing.assert_close(share, share[:, :1].expand_as(share))
    drawn = Noise(seed=3).uniform(8, 1, 1, 1, device=real.device, dtype=real.dtype)
    # Algorithm 1 weighs the real sample with epsilon.
    torch.testing.assert_close(share[:, :1], drawn.flatten(1))
    assert share[:, 0].unique().numel() == 8
    assert ((share >= 0) & (share <= 1)).all()


@pytest.mark.parametrize("regularizer", SLOPES, ids=name_of)
def test_penalty_of_a_flat_discriminator_has_finite_gradients_kat_10(
    regularizer: Regularizer,
) -> None:
    network = small_network()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    penalty = regularizer.penalty(network, *points(4, 3), Noise())
    assert penalty is not None and torch.isfinite(penalty)
    found = torch.autograd.grad(penalty, list(network.parameters()), allow_unused=True)
    assert any(gradient is not None for gradient in found)
    assert all(torch.isfinite(gradient).all() for gradient in found if gradient is not None)


def test_flat_discriminator_pays_the_whole_two_sided_penalty_kat_10() -> None:
    _, score = linear(0.0, 0.0)
    found = GradientPenalty(10.0).penalty(score, *points(4, 2), Noise())
    assert found.item() == pytest.approx(10.0, abs=1e-4)


@pytest.mark.parametrize(("regularizer", "at_real"), [(R1(0.7), True), (R2(0.7), False)])
def test_quadratic_discriminator_has_the_gradient_of_its_symmetric_part_kat_12(
    regularizer: Regularizer, at_real: bool
) -> None:
    matrix = torch.randn(3, 3, dtype=torch.float64)

    def score(x: Tensor) -> Tensor:
        return 0.5 * torch.einsum("ni,ij,nj->n", x, matrix, x)

    real, fake = points(5, 3)
    gradients = (real if at_real else fake) @ (matrix + matrix.T) / 2
    found = regularizer.penalty(score, real, fake, Noise())
    assert found is not None
    expected = 0.35 * gradients.square().sum(1).mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("regularizer", SLOPES, ids=name_of)
def test_parameter_gradients_of_the_penalty_equal_finite_differences(
    regularizer: Regularizer,
) -> None:
    network = small_network()
    # Slopes on both sides of 1, so that the one-sided penalty is not trivially zero.
    for parameter in network.parameters():
        parameter.data.mul_(1.5)
    real, fake = points(6, 3)

    def value() -> Tensor:
        penalty = regularizer.penalty(network, real, fake, Noise(seed=1))
        assert penalty is not None
        return penalty

    value().backward()
    step, compared = 1e-6, 0
    for parameter in network.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for index in range(parameter.numel()):
            entry = parameter.data.view(-1)[index : index + 1]
            start = entry.clone()
            entry.copy_(start + step)
            above = value().item()
            entry.copy_(start - step)
            below = value().item()
            entry.copy_(start)
            slope = gradient.reshape(-1)[index].item()
            assert slope == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)
            compared += slope != 0
    assert compared > 20


@pytest.mark.parametrize("regularizer", PENALTIES, ids=name_of)
def test_penalty_moves_the_discriminator_but_never_the_samples(regularizer: Regularizer) -> None:
    network = small_network()
    real, fake = points(4, 3)
    real.requires_grad_(True)
    fake.requires_grad_(True)
    penalty = regularizer.penalty(network, real, fake, Noise())
    assert penalty is not None
    penalty.backward()
    assert fake.grad is None
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights)


@pytest.mark.parametrize("regularizer", MEANS, ids=name_of)
def test_two_ranks_average_to_the_penalty_of_the_joined_batch(regularizer: Regularizer) -> None:
    network = small_network()
    real, fake = points(8, 3)
    whole = regularizer.penalty(network, real, fake, Noise(seed=5))
    ranks = [
        regularizer.penalty(network, real[rows], fake[rows], Noise(seed=5, rank=rank))
        for rank, rows in enumerate((slice(0, 4), slice(4, 8)))
    ]
    assert whole is not None and ranks[0] is not None and ranks[1] is not None
    assert ranks[0].item() != pytest.approx(ranks[1].item(), rel=1e-3)
    assert whole.item() == pytest.approx((ranks[0] + ranks[1]).item() / 2, rel=1e-12)


@pytest.mark.parametrize("regularizer", PENALTIES, ids=name_of)
def test_autocast_does_not_reach_the_penalty(regularizer: Regularizer) -> None:
    network = MLPDiscriminator([8], hidden=16, layers=2)
    real, fake = torch.randn(2, 4, 8)
    plain = regularizer.penalty(network, real, fake, Noise())
    with torch.autocast("cpu", torch.bfloat16):
        island = regularizer.penalty(network, real, fake, Noise())
        half = regularizer.penalty(network, real.bfloat16(), fake.bfloat16(), Noise())
    assert plain is not None and island is not None and half is not None
    assert torch.equal(plain, island)
    assert half.dtype == torch.float32


@pytest.mark.parametrize("regularizer", PENALTIES, ids=name_of)
def test_double_precision_stays_double(regularizer: Regularizer) -> None:
    penalty = regularizer.penalty(small_network(), *points(4, 3), Noise())
    assert penalty is not None and penalty.dtype == torch.float64


def test_interval_is_stored_and_left_to_the_engine_to_apply_kat_12() -> None:
    _, score = linear(3.0, 4.0)
    lazy = R1(10.0, interval=16)
    assert lazy.interval == 16 and R1().interval == 1
    assert lazy.penalty(score, *points(4, 2), Noise()).item() == pytest.approx(125.0)


def test_drift_is_the_mean_square_of_the_real_scores_alone() -> None:
    weight, score = linear(3.0, 4.0)
    real, fake = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).double(), torch.full((2, 2), 99.0).double()
    found = Drift(0.01).penalty(score, real, fake, Noise())
    assert found.item() == pytest.approx(0.01 * (9 + 64) / 2, rel=1e-12)
    (gradient,) = torch.autograd.grad(found, weight)
    assert gradient.tolist() == pytest.approx([0.01 * 3, 0.01 * 16], rel=1e-12)


def test_clipping_bounds_weights_biases_and_gains_and_keeps_what_is_inside_kat_16() -> None:
    network: Any = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 1)
    )
    before = [parameter.detach().clone() for parameter in network.parameters()]
    WeightClipping(0.05).after_step(network)
    inside = 0
    for old, new in zip(before, network.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old.clamp(-0.05, 0.05))
        inside += int((old == new).sum())
    # The gains of BatchNorm start at 1 and now stand at the bound.
    assert torch.equal(network[1].weight.detach(), torch.full((4,), 0.05))
    assert inside > 4


def test_clipping_holds_after_a_step_however_long_kat_16() -> None:
    network = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=100.0)
    clipping = WeightClipping()
    network(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    assert max(parameter.abs().max().item() for parameter in network.parameters()) > 1
    clipping.after_step(network)
    assert all(parameter.abs().max() <= 0.01 for parameter in network.parameters())
    assert network.bias.item() == pytest.approx(-0.01)


def test_clipping_is_no_loss_and_penalties_are_no_constraint() -> None:
    network = small_network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    assert WeightClipping().penalty(network, *points(2, 3), Noise()) is None
    for regularizer in PENALTIES:
        regularizer.after_step(network)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_what_a_regularizer_needs_and_gives_is_declared() -> None:
    assert all(regularizer.per_sample for regularizer in SLOPES)
    assert not Drift().per_sample and not WeightClipping().per_sample
    assert all(regularizer.bounds_slope for regularizer in (*SLOPES, WeightClipping()))
    assert not Drift().bounds_slope
    names = [regularizer.name for regularizer in (*PENALTIES, WeightClipping())]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: GradientPenalty(0.0),
            "GradientPenalty: weight must be positive and finite, got 0",
        ),
        (lambda: GradientPenalty(target=-1.0), "target must be positive and finite, got -1.0"),
        (lambda: LipschitzPenalty(float("nan")), "LipschitzPenalty: weight must be .* got nan"),
        (lambda: R1(float("inf")), "R1: gamma must be positive and finite, got inf"),
        (lambda: R2(-3.0), "R2: gamma must be positive and finite, got -3.0"),
        (lambda: WeightClipping(0.0), "WeightClipping: bound must be positive"),
        (lambda: Drift(-1e-3), "Drift: weight must be positive"),
        (lambda: R1(interval=0), "R1: interval must be a positive integer, got 0"),
        (lambda: ZeroCentered(0.0), "ZeroCentered: weight must be positive and finite, got 0.0"),
        (lambda: Dragan(-1.0), "Dragan: weight must be positive and finite, got -1.0"),
        (lambda: Dragan(target=0.0), "Dragan: target must be positive and finite, got 0.0"),
        (lambda: Dragan(noise_scale=-0.5), "Dragan: noise_scale must be .* got -0.5"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name_and_value(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_pairs_of_unequal_shape_are_refused() -> None:
    _, score = linear(1.0, 1.0)
    with pytest.raises(ValueError, match=r"must have one shape, got \(4, 2\) and \(3, 2\)"):
        GradientPenalty().penalty(score, torch.zeros(4, 2), torch.zeros(3, 2), Noise())

"""Closed forms of the objectives on laws with four atoms (known answers 1 to 3 and 5 to 7)."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.objectives import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Objective,
    Wasserstein,
)
from gan_modules.regularizers import WeightClipping

# p = (.5, .3, .2, 0) and q = (.1, .2, .3, .4) as batches of ten atoms each.
P = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
Q = torch.tensor([0] + [1] * 2 + [2] * 3 + [3] * 4)
P_MASS = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)
Q_MASS = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
EVERY = [Minimax(), NonSaturating(), NonSaturating(0.9), LeastSquares(), Hinge(), Wasserstein()]
JSD = 0.2214729844


def name_of(objective: Objective) -> str:
    return type(objective).__name__


def gradient(loss: Tensor, scores: Tensor) -> Tensor:
    (value,) = torch.autograd.grad(loss, scores)
    return value


def scalar(value: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor([value], dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=name_of)
def test_cross_entropy_at_the_optimal_discriminator_is_log4_minus_two_jsd_kat_1(
    objective: Objective,
) -> None:
    logits = (P_MASS / Q_MASS).log().clamp_min(-1e4)
    loss = objective.discriminator_loss(logits[P], logits[Q])
    assert loss.item() == pytest.approx(math.log(4) - 2 * JSD, abs=1e-9)
    assert loss.item() == pytest.approx(0.9433483924, abs=1e-9)


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=name_of)
def test_cross_entropy_of_equal_laws_is_log4_kat_1(objective: Objective) -> None:
    zeros = torch.zeros(7, dtype=torch.float64)
    loss = objective.discriminator_loss(zeros, zeros)
    assert loss.item() == pytest.approx(1.3862943611, abs=1e-9)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Minimax(), (-0.0066929, -0.5, -0.9933071)),
        (NonSaturating(), (-0.9933071, -0.5, -0.0066929)),
    ],
    ids=["Minimax", "NonSaturating"],
)
def test_generator_gradient_saturates_on_opposite_sides_kat_2(
    objective: Objective, expected: tuple[float, ...]
) -> None:
    for value, slope in zip((-5.0, 0.0, 5.0), expected, strict=True):
        scores = scalar(value)
        found = gradient(objective.generator_loss(scores), scores)
        assert found.item() == pytest.approx(slope, abs=1e-7)


def test_minimax_players_share_one_value() -> None:
    fake = torch.randn(50, dtype=torch.float64)
    won = torch.full_like(fake, 1e4)
    objective = Minimax()
    value = objective.discriminator_loss(won, fake)
    assert value.item() == pytest.approx(-objective.generator_loss(fake).item(), abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("objective", EVERY, ids=name_of)
def test_losses_and_gradients_are_finite_at_scores_of_ten_thousand_kat_2(
    objective: Objective, dtype: torch.dtype
) -> None:
    for value in (-1e4, 1e4):
        real, fake = scalar(value, dtype), scalar(-value, dtype)
        losses = objective.discriminator_loss(real, fake), objective.generator_loss(fake)
        for loss in losses:
            assert torch.isfinite(loss)
            assert torch.isfinite(gradient(loss, fake)).all()


def test_cross_entropy_is_linear_where_the_discriminator_is_wrong_and_zero_where_right() -> None:
    right = NonSaturating().discriminator_loss(scalar(1e4), scalar(-1e4))
    wrong = NonSaturating().discriminator_loss(scalar(-1e4), scalar(1e4))
    assert right.item() == 0.0
    assert wrong.item() == pytest.approx(2e4, rel=1e-12)


def test_cross_entropy_gradient_of_a_won_game_is_not_rounded_away() -> None:
    real, fake = scalar(30.0, torch.float32), scalar(-30.0, torch.float32)
    loss = NonSaturating().discriminator_loss(real, fake)
    assert gradient(loss, real).item() == pytest.approx(-math.exp(-30), rel=1e-4, abs=0)


@pytest.mark.parametrize(("real_target", "fake_target"), [(1.0, 0.0), (0.9, 0.0), (1.2, 0.3)])
def test_label_targets_are_those_of_binary_cross_entropy(
    real_target: float, fake_target: float
) -> None:
    real, fake = torch.randn(2, 40, dtype=torch.float64) * 4
    found = NonSaturating(real_target, fake_target).discriminator_loss(real, fake)
    expected = F.binary_cross_entropy_with_logits(
        real, torch.full_like(real, real_target)
    ) + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, fake_target))
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_one_sided_smoothing_puts_the_optimum_at_the_target_and_leaves_the_generator_alone() -> (
    None
):
    smooth, plain = NonSaturating(real_target=0.9), NonSaturating()
    optimum = scalar(math.log(9))
    loss = smooth.discriminator_loss(optimum, scalar(-1e4))
    assert gradient(loss, optimum).item() == pytest.approx(0.0, abs=1e-12)
    fake = torch.randn(9)
    assert torch.equal(smooth.generator_loss(fake), plain.generator_loss(fake))


def test_least_squares_with_pearson_coding_equals_its_divergence_kat_3() -> None:
    objective = LeastSquares(-1.0, 1.0, 0.0)
    scores = (P_MASS - Q_MASS) / (P_MASS + Q_MASS)
    loss = objective.discriminator_loss(scores[P], scores[Q])
    assert loss.item() == pytest.approx(0.6466667, abs=1e-7)
    # C(G) of the paper also has the real half, constant to G.
    twice = 2 * (objective.generator_loss(scores[P]) + objective.generator_loss(scores[Q]))
    divergence = ((P_MASS - Q_MASS) ** 2 / (P_MASS + Q_MASS)).sum()
    assert twice.item() == pytest.approx(divergence.item(), abs=1e-12)
    assert twice.item() == pytest.approx(0.7066667, abs=1e-7)


def test_least_squares_with_binary_coding_has_the_known_optimum_kat_3() -> None:
    scores = P_MASS / (P_MASS + Q_MASS)
    loss = LeastSquares().discriminator_loss(scores[P], scores[Q])
    assert loss.item() == pytest.approx(0.1616667, abs=1e-7)


def test_least_squares_targets_reach_the_right_player() -> None:
    objective = LeastSquares(fake_target=-2.0, real_target=3.0, generator_target=5.0)
    at_targets = objective.discriminator_loss(torch.tensor([3.0]), torch.tensor([-2.0]))
    assert at_targets.item() == 0.0
    assert objective.generator_loss(torch.tensor([5.0])).item() == 0.0
    assert objective.generator_loss(torch.tensor([-2.0])).item() == pytest.approx(24.5)


def test_hinge_at_the_optimal_discriminator_is_twice_the_overlap_kat_5() -> None:
    scores = torch.sign(P_MASS - Q_MASS)
    loss = Hinge().discriminator_loss(scores[P], scores[Q])
    total_variation = 0.5 * (P_MASS - Q_MASS).abs().sum().item()
    assert loss.item() == pytest.approx(2 * (1 - total_variation), abs=1e-12)
    assert loss.item() == pytest.approx(1.0, abs=1e-12)
    assert Hinge().generator_loss(scores[Q]).item() == pytest.approx(0.4, abs=1e-12)


def test_hinge_gives_no_gradient_beyond_its_margins_and_full_gradient_inside() -> None:
    real = torch.tensor([1.5, 0.5], requires_grad=True)
    fake = torch.tensor([-1.5, -0.5], requires_grad=True)
    loss = Hinge().discriminator_loss(real, fake)
    assert gradient(loss, real).tolist() == [0.0, -0.5]
    loss = Hinge().discriminator_loss(real, fake)
    assert gradient(loss, fake).tolist() == [0.0, 0.5]


def test_wasserstein_witness_attains_the_distance_of_the_cdfs_kat_6() -> None:
    real = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    fake = torch.tensor([1.0, 2.0, 2.0, 2.0], dtype=torch.float64)
    grid = torch.arange(2)
    below = ((sample[:, None] <= grid).double().mean(0) for sample in (real, fake))
    distance = (next(below) - next(below)).abs().sum()
    estimate = -Wasserstein().discriminator_loss(-real, -fake)
    assert estimate.item() == pytest.approx(distance.item(), abs=1e-12)
    assert estimate.item() == pytest.approx(1.25, abs=1e-12)


def test_clipped_linear_discriminator_attains_bound_times_the_distance_kat_6() -> None:
    real = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    fake = torch.tensor([[1.0], [2.0], [2.0], [2.0]])
    discriminator, clipping = nn.Linear(1, 1), WeightClipping(0.01)
    clipping.after_step(discriminator)
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.005)
    for _ in range(10):
        loss = Wasserstein().discriminator_loss(discriminator(real), discriminator(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clipping.after_step(discriminator)
    found = Wasserstein().discriminator_loss(discriminator(real), discriminator(fake))
    assert discriminator.weight.item() == pytest.approx(-0.01)
    assert found.item() == pytest.approx(-0.0125, rel=1e-5)


@pytest.mark.parametrize("distance", [0.1, -2.0, 50.0])
def test_two_points_are_log2_apart_for_jsd_and_their_distance_for_wasserstein_kat_7(
    distance: float,
) -> None:
    at = scalar(distance)
    won = Minimax().discriminator_loss(scalar(1e4), scalar(-1e4))
    assert (math.log(4) - won.item()) / 2 == pytest.approx(math.log(2), abs=1e-12)

    def witness(x: Tensor) -> Tensor:
        return -math.copysign(1.0, distance) * x

    estimate = -Wasserstein().discriminator_loss(witness(torch.zeros(1)), witness(at))
    assert estimate.item() == pytest.approx(abs(distance), rel=1e-12)
    slope = gradient(Wasserstein().generator_loss(witness(at)), at)
    assert slope.item() == math.copysign(1.0, distance)


@pytest.mark.parametrize("objective", EVERY, ids=name_of)
def test_discriminator_raises_real_and_lowers_fake_and_generator_raises_fake(
    objective: Objective,
) -> None:
    real, fake = scalar(0.1), scalar(0.2)
    assert gradient(objective.discriminator_loss(real, fake), real) < 0
    assert gradient(objective.discriminator_loss(real, fake), fake) > 0
    assert gradient(objective.generator_loss(fake), fake) < 0


@pytest.mark.parametrize("objective", EVERY, ids=name_of)
def test_losses_are_means_so_equal_halves_average_to_the_whole(objective: Objective) -> None:
    real, fake = torch.randn(2, 16, dtype=torch.float64)
    whole = objective.discriminator_loss(real, fake)
    first = objective.discriminator_loss(real[:8], fake[:8])
    second = objective.discriminator_loss(real[8:], fake[8:])
    assert whole.item() == pytest.approx((first + second).item() / 2, abs=1e-12)
    whole = objective.generator_loss(fake)
    first, second = objective.generator_loss(fake[:8]), objective.generator_loss(fake[8:])
    assert whole.item() == pytest.approx((first + second).item() / 2, abs=1e-12)


@pytest.mark.parametrize("objective", EVERY, ids=name_of)
def test_half_precision_scores_are_reduced_in_float32(objective: Objective) -> None:
    real = torch.full((3,), 100.5, dtype=torch.bfloat16)
    fake = torch.full((3,), 100.0, dtype=torch.bfloat16)
    loss = objective.discriminator_loss(real, fake)
    assert loss.dtype == objective.generator_loss(fake).dtype == torch.float32
    expected = objective.discriminator_loss(real.double(), fake.double())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: NonSaturating(0.0, 0.0), "real_target must be above fake_target, got 0.0 and 0.0"),
        (lambda: NonSaturating(0.1, 0.9), "NonSaturating: real_target must be above"),
        (lambda: NonSaturating(float("nan")), "real_target must be finite, got nan"),
        (lambda: LeastSquares(1.0, 1.0), "fake_target must differ from real_target, got 1.0"),
        (lambda: LeastSquares(generator_target=float("inf")), "generator_target must be finite"),
    ],
)
def test_targets_that_make_no_game_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_least_squares_of_translations_are_twice_those_of_the_paper() -> None:
    real, fake = torch.tensor([0.3, 2.0]), torch.tensor([-1.0, 0.5])
    paper, whole = LeastSquares(), LeastSquares(scale=1.0)
    assert whole.discriminator_loss(real, fake) == 2 * paper.discriminator_loss(real, fake)
    assert whole.generator_loss(fake).item() == pytest.approx((4.0 + 0.25) / 2)
    assert whole.generator_loss(fake) == 2 * paper.generator_loss(fake)
    with pytest.raises(ValueError, match="LeastSquares: scale must be positive, got 0"):
        LeastSquares(scale=0)

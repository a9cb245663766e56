"""Kernel distance against slow sums and the reference packages."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from callbacks.metrics.kernel import kernel_distance, squared_mmd


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def slow_mmd(x: Tensor, y: Tensor, diagonal: bool = False) -> float:
    def k(a: Tensor, b: Tensor) -> float:
        return (float(a.double().dot(b.double())) / len(a) + 1.0) ** 3

    def within(z: Tensor) -> float:
        n = len(z)
        pairs = [k(z[i], z[j]) for i in range(n) for j in range(n) if diagonal or i != j]
        return sum(pairs) / len(pairs)

    between = sum(k(a, b) for a in x for b in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * between


def test_estimate_equals_the_double_sum_for_unlike_sizes() -> None:
    x, y = draw(7, 3, 0), draw(9, 3, 1) * 1.5
    assert squared_mmd(x, y) == pytest.approx(slow_mmd(x, y), rel=1e-10)
    assert squared_mmd(x, y) != pytest.approx(slow_mmd(x, y, diagonal=True), rel=1e-2)


def test_estimate_is_zero_on_average_for_equal_distributions_unlike_the_biased_one() -> None:
    values, biased = [], []
    for i in range(400):
        x, y = draw(100, 8, 2 * i).double(), draw(100, 8, 2 * i + 1).double()
        values.append(squared_mmd(x, y))
        kernels = [((a @ b.T) / 8 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
        biased.append(float(kernels[0].mean() + kernels[1].mean() - 2 * kernels[2].mean()))
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert np.mean(biased) > 10 * error


def test_distance_grows_with_the_shift_and_can_be_negative() -> None:
    x = draw(200, 8, 3)
    near, far = (squared_mmd(x, draw(200, 8, 4) + shift) for shift in (0.3, 0.6))
    assert 0 < near < far
    assert min(squared_mmd(draw(30, 8, 5 + i), draw(30, 8, 50 + i)) for i in range(20)) < 0


def test_estimate_equals_torchmetrics_on_equal_subsets() -> None:
    from torchmetrics.image.kid import poly_mmd

    x, y = draw(64, 16, 6), draw(64, 16, 7) + 0.2
    assert squared_mmd(x, y) == pytest.approx(float(poly_mmd(x.double(), y.double())), rel=1e-9)
    assert squared_mmd(x, y) == pytest.approx(float(poly_mmd(x, y)), rel=1e-3, abs=1e-5)


def test_subsets_and_draws_equal_torch_fidelity() -> None:
    from torch_fidelity.metric_kid import kid_features_to_metric

    real, fake = draw(300, 16, 8), draw(260, 16, 9) * 1.3 + 0.2
    expected = kid_features_to_metric(
        fake, real, kid_subsets=20, kid_subset_size=100, verbose=False
    )
    score = kernel_distance(real, fake, subsets=20, subset_size=100)
    assert score.value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    spread = expected["kernel_inception_distance_std"] / math.sqrt(20)
    assert score.spread == pytest.approx(spread, rel=1e-3)


def test_subset_of_everything_is_computed_once_and_exactly() -> None:
    x, y = draw(40, 5, 10), draw(40, 5, 11)
    score = kernel_distance(x, y, subsets=100, subset_size=1000)
    assert score.value == squared_mmd(x, y)
    assert score.spread == 0.0


def test_distance_repeats_and_leaves_the_global_generators_alone() -> None:
    x, y = draw(100, 5, 12), draw(90, 5, 13)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first = kernel_distance(x, y, subsets=5, subset_size=30)
    assert first == kernel_distance(x, y, subsets=5, subset_size=30)
    assert first != kernel_distance(x, y, subsets=5, subset_size=30, seed=1)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


def test_non_finite_features_give_nan_with_a_reason() -> None:
    x, y = draw(10, 3, 14), draw(10, 3, 15)
    x[0, 0] = math.nan
    score = kernel_distance(x, y)
    assert math.isnan(score.value)
    assert score.reason == "real holds non-finite values"


def test_senseless_numbers_are_refused() -> None:
    x = draw(10, 3, 16)
    with pytest.raises(ValueError, match="subsets must be at least 1, got 0"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(ValueError, match="subset_size must be at least 2, got 1"):
        kernel_distance(x, x, subset_size=1)
    with pytest.raises(ValueError, match="real must hold at least 2 samples, got 1"):
        kernel_distance(x[:1], x)
    with pytest.raises(ValueError, match="share one width"):
        kernel_distance(x, x[:, :2])

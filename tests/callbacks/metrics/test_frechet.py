"""Frechet distance and moments against closed forms."""

import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor
from torch.testing import assert_close

from callbacks.metrics.frechet import (
    Moments,
    frechet_bias,
    frechet_distance,
    frechet_from_features,
    symmetric_root,
)


def gaussian(mean: Tensor, covariance: Tensor) -> Moments:
    return Moments(2, mean.double(), covariance.double())


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_moments_equal_numpy_at_a_large_mean() -> None:
    x = draw(1000, 8, 0) + 1e4
    moments = Moments.of(x)
    assert moments.n == 1000
    assert_close(moments.mean, x.mean(dim=0), rtol=1e-13, atol=0)
    expected = torch.from_numpy(np.cov(x.numpy(), rowvar=False))
    assert_close(moments.covariance(), expected, rtol=1e-10, atol=1e-11)


def test_merged_moments_equal_moments_of_the_union_for_unlike_sizes() -> None:
    x = draw(503, 5, 1) * 3 + 1e3
    parts = [Moments.of(part) for part in x.split([1, 400, 102])]
    merged = Moments.empty(5)
    for part in parts:
        merged = merged.merge(part)
    whole = Moments.of(x)
    assert merged.n == whole.n == 503
    assert_close(merged.mean, whole.mean, rtol=1e-13, atol=0)
    assert_close(merged.scatter, whole.scatter, rtol=1e-10, atol=1e-9)
    assert torch.equal(merged.scatter, merged.scatter.T)


def test_moments_over_several_chunks_equal_numpy() -> None:
    x = draw(9001, 3, 2).float()
    exact = x.double().numpy()
    expected = torch.from_numpy(np.cov(exact, rowvar=False))
    assert_close(Moments.of(x).covariance(), expected, rtol=1e-11, atol=1e-12)


def test_half_precision_features_give_the_float32_distance_within_a_thousandth() -> None:
    x, y = draw(400, 6, 3).float(), draw(400, 6, 4).float() * 1.5 + 1
    full = frechet_from_features(x, y).value
    half = frechet_from_features(x.half(), y.half()).value
    assert half == pytest.approx(full, rel=1e-3)


def test_distance_of_diagonal_gaussians_is_closed_form() -> None:
    sd = torch.linspace(1.0, 2.0, 16, dtype=torch.float64)
    shift = torch.zeros(16, dtype=torch.float64)
    shift[3] = 3.0
    real, fake = (
        gaussian(shift * 0, sd.square().diag()),
        gaussian(shift, sd.flip(0).square().diag()),
    )
    expected = 9.0 + float((sd - sd.flip(0)).square().sum())
    assert frechet_distance(real, fake).value == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(real, fake).value == pytest.approx(15.0444, abs=5e-5)


def test_distance_of_non_commuting_covariances_equals_mpmath_and_sqrtm() -> None:
    a, b = draw(8, 8, 5), draw(8, 8, 6)
    first, second = a @ a.T + torch.eye(8), b @ b.T * 0.5 + torch.eye(8) * 0.1
    zero = torch.zeros(8, dtype=torch.float64)
    value = frechet_distance(gaussian(zero, first), gaussian(zero, second)).value
    trace = float(first.trace() + second.trace())
    with mpmath.workdps(40):
        root = mpmath.sqrtm(mpmath.matrix((first @ second).tolist()))
        exact = trace - 2 * float(sum(mpmath.re(root[i, i]) for i in range(8)))
    by_sqrtm = trace - 2 * np.trace(scipy.linalg.sqrtm((first @ second).numpy())).real
    assert value == pytest.approx(exact, rel=1e-10)
    assert value == pytest.approx(by_sqrtm, rel=1e-8)


@pytest.mark.parametrize("n", [300, 20])
def test_distance_of_a_set_to_itself_is_zero(n: int) -> None:
    moments = Moments.of(draw(n, 32, 7))
    limit = 1e-8 * float(moments.covariance().trace())
    assert 0.0 <= frechet_distance(moments, moments).value <= limit


def test_fading_spectrum_without_full_rank_keeps_six_digits() -> None:
    fading = torch.logspace(0, -5, 256, dtype=torch.float64)
    x, y = draw(150, 256, 24) * fading, draw(150, 256, 25) * fading * 1.1
    full = frechet_distance(Moments.of(x), Moments.of(y)).value
    assert full == pytest.approx(frechet_from_features(x, y).value, rel=1e-6)


def test_distance_is_symmetric_and_unmoved_by_rotation_and_quadratic_in_scale() -> None:
    x, y = draw(200, 12, 8), draw(300, 12, 9) * 1.3 + 0.5
    value = frechet_from_features(x, y).value
    rotation = torch.linalg.qr(draw(12, 12, 10))[0]
    assert value > 1.0
    assert frechet_from_features(y, x).value == pytest.approx(value, rel=1e-10)
    assert frechet_from_features(x @ rotation, y @ rotation).value == pytest.approx(value, rel=1e-9)
    assert frechet_from_features(3 * x, 3 * y).value == pytest.approx(9 * value, rel=1e-10)


def test_kept_root_gives_the_same_distance() -> None:
    x, y = Moments.of(draw(100, 10, 11)), Moments.of(draw(100, 10, 12) * 2)
    root = symmetric_root(x.covariance())
    assert_close(root @ root, x.covariance(), rtol=1e-10, atol=1e-12)
    assert frechet_distance(x, y, root) == frechet_distance(x, y)


def test_low_rank_path_equals_the_full_one() -> None:
    x, y = draw(50, 256, 13), draw(40, 256, 14) * 1.2 + 0.1
    small = frechet_from_features(x, y).value
    full = frechet_distance(Moments.of(x), Moments.of(y)).value
    assert small == pytest.approx(full, rel=1e-6)


def test_low_rank_path_equals_clean_fid() -> None:
    fid = pytest.importorskip("cleanfid.fid")
    x, y = draw(50, 256, 15).numpy(), (draw(50, 256, 16) * 1.1 + 0.05).numpy()
    with pytest.warns(DeprecationWarning):
        expected = fid.fid_from_feats(x, y)
    value = frechet_from_features(torch.from_numpy(x), torch.from_numpy(y)).value
    assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n_real", [None, 1500])
def test_bias_formula_predicts_the_distance_of_equal_gaussians(n_real: int | None) -> None:
    values = []
    for i in range(20):
        exact = gaussian(torch.zeros(32), torch.eye(32))
        real = exact if n_real is None else Moments.of(draw(n_real, 32, 100 + i))
        values.append(frechet_distance(real, Moments.of(draw(1000, 32, 200 + i))).value)
    assert np.mean(values) == pytest.approx(frechet_bias(32, 1000, n_real), rel=0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_input_gives_nan_with_the_side_that_holds_it(bad: float) -> None:
    x, y = draw(20, 3, 17), draw(20, 3, 18)
    y[4, 1] = bad
    for score in (
        frechet_from_features(x, y),
        frechet_distance(Moments.of(x), Moments.of(y)),
        frechet_from_features(x.repeat(1, 20), y.repeat(1, 20)),
    ):
        assert math.isnan(score.value)
        assert score.reason == "fake holds non-finite values"


def test_foreign_root_that_makes_the_distance_negative_is_an_error() -> None:
    x = Moments.of(draw(100, 4, 19))
    with pytest.raises(ArithmeticError, match="real_root the root of this real covariance"):
        frechet_distance(x, x, symmetric_root(x.covariance() * 4))


def test_unlike_widths_and_single_samples_are_refused() -> None:
    x = Moments.of(draw(10, 4, 20))
    with pytest.raises(ValueError, match="one width, got 4 and 3"):
        frechet_distance(x, Moments.of(draw(10, 3, 21)))
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        frechet_distance(x, Moments.of(draw(1, 4, 22)))
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        frechet_from_features(draw(1, 4, 22), draw(5, 4, 23))
    with pytest.raises(ValueError, match=r"shape \(N, d\), got \(4,\)"):
        Moments.of(torch.zeros(4))
    with pytest.raises(ValueError, match="one width"):
        x.merge(Moments.empty(5))

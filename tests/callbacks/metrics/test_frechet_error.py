"""The standard error of a Frechet distance: against many draws, the jackknife, and closed forms."""

import math

import pytest
import torch
from torch import Tensor

from callbacks.metrics.frechet import Moments, frechet_distance
from callbacks.metrics.frechet_error import frechet_error, frechet_error_from_features
from callbacks.metrics.waves import COUNT, Waves


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_dimension_has_a_closed_form() -> None:
    """``(m - m0)^2 + (s - s0)^2``: a sample pulls the mean and, through its square, s."""
    real, fake = normal(500, 1, 0), 1.5 * normal(200, 1, 1) + 0.7
    of_real, mean, sd = Moments.of(real), fake.mean(), fake.std()
    away = fake - mean
    influence = 2 * (mean - real.mean()) * away + (1 - real.std() / sd) * away.square()
    expected = float(influence.std()) / math.sqrt(200)
    assert frechet_error(of_real, fake) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift, factor", [(0.0, 1.0), (0.1, 1.0), (0.0, 0.7), (0.5, 0.5)])
def test_it_is_the_spread_over_many_draws(shift: float, factor: float) -> None:
    scale = torch.logspace(0, -1.5, 16, dtype=torch.float64)
    real = Moments.of(normal(4000, 16, 0) * scale)
    draws = [(factor * normal(500, 16, 1 + n) + shift) * scale for n in range(80)]
    values = torch.tensor([frechet_distance(real, Moments.of(fake)).value for fake in draws])
    errors = [frechet_error(real, fake) for fake in draws[:20]]
    assert sum(errors) / 20 == pytest.approx(float(values.std()), rel=0.35)


def test_it_is_the_jackknife() -> None:
    real, fake = Moments.of(normal(300, 5, 0)), 1.3 * normal(200, 5, 1) + 0.4
    left = torch.tensor(
        [frechet_distance(real, Moments.of(fake[torch.arange(200) != n])).value for n in range(200)]
    )
    jackknife = math.sqrt(199 / 200 * float((left - left.mean()).square().sum()))
    assert frechet_error(real, fake) == pytest.approx(jackknife, rel=0.02)


def test_fewer_samples_than_features_need_no_large_matrix() -> None:
    real, fake = normal(30, 50, 0), 0.8 * normal(20, 50, 1) + 0.3
    expected = frechet_error(Moments.of(real), fake)
    assert frechet_error_from_features(real, fake) == pytest.approx(expected, rel=1e-6)
    assert expected > 0


def test_what_is_not_finite_has_no_error() -> None:
    fake = normal(20, 3, 0)
    fake[3, 1] = math.nan
    assert math.isnan(frechet_error(Moments.of(normal(30, 3, 1)), fake))
    assert math.isnan(frechet_error_from_features(normal(5, 40, 1), normal(5, 40, 2) * math.inf))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_error(Moments.of(normal(30, 3, 1)), fake[:1])


def corners(n: int, apart: float, seed: int) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (n, 2), generator=own) * 2.0 - 1.0
    return apart * signs + 0.05 * torch.randn(n, 2, generator=own)


def test_waves_tell_modes_from_a_blob_that_two_moments_cannot() -> None:
    real, same = corners(2000, 1.0, 0), corners(2000, 1.0, 1)
    blob = torch.randn(2000, 2, generator=torch.Generator().manual_seed(2)) * real.std(dim=0)
    waves = Waves(real)
    assert waves(real).shape == (2000, COUNT) and waves(real).abs().max() <= 1

    def apart(fake: Tensor) -> float:
        return frechet_distance(Moments.of(waves(real)), Moments.of(waves(fake))).value

    plain = frechet_distance(Moments.of(real), Moments.of(blob)).value
    assert plain < 0.02 and apart(blob) > 50 * apart(same)
    # A mode that is lost, and one that is twice as wide.
    lost = same[~((same[:, 0] > 0) & (same[:, 1] > 0))]
    assert apart(lost) > 20 * apart(same)
    wide = torch.sign(same) + 2.0 * (same - torch.sign(same))
    assert apart(wide) > 5 * apart(same)


def test_waves_follow_the_unit_of_the_points() -> None:
    real, fake = corners(500, 1.0, 0), corners(500, 0.9, 1)
    assert torch.allclose(Waves(1000 * real)(1000 * fake), Waves(real)(fake), atol=1e-3)
    # Points that repeat have no distance to a neighbour.
    repeated = real[:10].repeat(50, 1)
    assert torch.isfinite(Waves(repeated)(fake)).all()
    assert torch.isfinite(Waves(real[:1].repeat(9, 1))(fake)).all()

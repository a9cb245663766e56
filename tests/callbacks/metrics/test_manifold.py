"""Precision, recall, density and coverage against prdc, torch-fidelity and closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from callbacks.metrics.manifold import (
    Manifold,
    Neighbours,
    manifold_scores,
    neighbour_radii,
)


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n_real", "n_fake", "d", "k"), [(200, 200, 8, 5), (150, 90, 64, 3), (60, 130, 300, 1)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_equal_prdc_exactly(
    n_real: int, n_fake: int, d: int, k: int, dtype: torch.dtype, capsys: pytest.CaptureFixture
) -> None:
    from prdc import compute_prdc

    real, fake = draw(n_real, d, 0).to(dtype), (draw(n_fake, d, 1) * 0.9 + 0.1).to(dtype)
    expected = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
    assert manifold_scores(real, fake, Neighbours(k))._asdict() == expected
    assert 0 < expected["coverage"] < 1


def test_scores_equal_prdc_exactly_over_several_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from prdc import compute_prdc

    from callbacks.metrics import manifold

    monkeypatch.setattr(manifold, "_BLOCK", 1000)
    real, fake = draw(211, 4, 2), draw(173, 4, 3) + 0.5
    expected = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    assert manifold_scores(real, fake)._asdict() == expected


def test_rim_and_three_neighbours_equal_torch_fidelity() -> None:
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    real, fake = draw(150, 10, 4), draw(130, 10, 5) * 0.8 + 0.2
    found = manifold_scores(real, fake, Neighbours(k=3, inclusive=True))
    expected = calculate_precision_recall_full(fake, real, neighborhood=3)
    assert (found.precision, found.recall) == pytest.approx(expected, abs=1e-6)
    assert found.precision != found.recall


def test_rim_belongs_to_the_ball_only_where_it_is_asked_for() -> None:
    real = torch.tensor([[0.0], [1.0]])
    fake = torch.tensor([[2.0], [8.0]])
    outside = manifold_scores(real, fake, Neighbours(k=1))
    inside = manifold_scores(real, fake, Neighbours(k=1, inclusive=True))
    assert outside == Manifold(precision=0.0, recall=1.0, density=0.0, coverage=0.0)
    assert inside == Manifold(precision=0.5, recall=1.0, density=0.5, coverage=0.5)


def test_radii_are_distances_to_the_neighbour_itself_not_counted() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert neighbour_radii(points, 1).tolist() == pytest.approx([1.0, 1.0, 2.0, 4.0])
    assert neighbour_radii(points, 2).tolist() == pytest.approx([3.0, 2.0, 3.0, 6.0])


def test_far_sets_score_zero_everywhere() -> None:
    x = draw(50, 6, 6)
    assert manifold_scores(x, x + 100) == Manifold(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("k", [3, 5])
def test_coverage_and_density_of_equal_distributions_match_theory(k: int) -> None:
    n = 256
    found = [
        manifold_scores(draw(n, 16, 2 * i), draw(n, 16, 2 * i + 1), Neighbours(k))
        for i in range(20)
    ]
    missed = math.prod((n - 1 - i) / (2 * n - 1 - i) for i in range(k))
    assert np.mean([score.coverage for score in found]) == pytest.approx(1 - missed, abs=0.01)
    assert np.mean([score.density for score in found]) == pytest.approx(1.0, abs=0.05)


def test_lost_modes_lower_coverage_and_recall_but_not_precision() -> None:
    centres = draw(10, 16, 8) * 10
    where = torch.arange(500) % 10
    real, whole = centres[where] + draw(500, 16, 9), centres[where] + draw(500, 16, 10)
    half = centres[where % 5] + draw(500, 16, 11)
    kept, lost = manifold_scores(real, whole), manifold_scores(real, half)
    assert lost.coverage == pytest.approx(0.5, abs=0.05)
    assert kept.coverage > 0.9
    assert lost.recall < kept.recall - 0.2
    assert lost.precision > kept.precision - 0.1


def test_one_far_real_sample_moves_precision_five_times_as_much_as_density() -> None:
    real = draw(200, 4, 12)
    fake = torch.cat([draw(100, 4, 13), draw(100, 4, 14) + 50])
    spoiled = torch.cat([real, torch.full((1, 4), 40.0)])
    clean, after = manifold_scores(real, fake), manifold_scores(spoiled, fake)
    assert after.precision - clean.precision == pytest.approx(0.5, abs=0.02)
    assert after.density - clean.density == pytest.approx(0.1, abs=0.01)


def test_constant_fakes_recall_nothing() -> None:
    real = draw(300, 32, 14) * 5 + 100
    fake = (draw(1, 32, 15) * 5 + 100).expand(300, 32)
    found = manifold_scores(real, fake)
    assert found.recall == 0.0
    radii = neighbour_radii(real, 5)
    reached = int(((real - fake[0]).double().norm(dim=1) < radii).sum())
    assert found.coverage == reached / 300


def test_copies_of_one_real_sample_have_radius_zero_and_full_precision() -> None:
    real = draw(300, 64, 16) + 50
    fake = real[:1].expand(300, 64)
    assert neighbour_radii(fake, 5).max() == 0.0
    found = manifold_scores(real, fake)
    assert found.precision == 1.0
    assert found.recall == 0.0


def test_copies_that_differ_by_rounding_count_as_equal() -> None:
    real = draw(300, 64, 23).double()
    copies = real[:1] + draw(300, 64, 24) * 1e-8
    found = manifold_scores(real, copies)
    assert (found.precision, found.recall) == (1.0, 0.0)
    near = manifold_scores(real, real[:1] + draw(300, 64, 24) * 1e-3)
    assert near.recall > 0.0


def test_balls_of_duplicates_are_empty_and_not_made_of_rounding() -> None:
    points = draw(10, 32, 25).double().repeat(10, 1)
    real, fake = (points + draw(100, 32, seed) * 1e-9 for seed in (26, 27))
    assert manifold_scores(real, fake) == Manifold(0.0, 0.0, 0.0, 0.0)
    rim = manifold_scores(real, fake, Neighbours(5, inclusive=True))
    assert (rim.precision, rim.recall, rim.coverage) == (1.0, 1.0, 1.0)


def test_order_of_samples_does_not_matter() -> None:
    real, fake = draw(90, 5, 17), draw(80, 5, 18)
    assert manifold_scores(real, fake) == manifold_scores(real.flip(0), fake.roll(7, 0))


def test_non_finite_features_give_nan() -> None:
    real, fake = draw(20, 5, 19), draw(20, 5, 20)
    fake[3] = math.inf
    assert all(math.isnan(value) for value in manifold_scores(real, fake))


def test_too_few_samples_and_senseless_neighbours_are_refused() -> None:
    x = draw(5, 3, 21)
    with pytest.raises(ValueError, match="at least 6 samples, got 5"):
        manifold_scores(x, draw(20, 3, 22))
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        Neighbours(0)


def test_names_of_other_conventions_say_so() -> None:
    assert Neighbours().suffix == ""
    assert Neighbours(3, inclusive=True).suffix == "_k3le"
    assert Neighbours(7).suffix == "_k7"

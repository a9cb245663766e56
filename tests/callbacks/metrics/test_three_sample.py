import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from callbacks.metrics.cells import Cells, cell_count, principal_axes
from callbacks.metrics.three_sample import (
    ThreeSampleTest,
    mann_whitney_z,
    rank_in_cells,
    three_sample_test,
)


def points(n: int, seed: int, dim: int = 6) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD_OUT = points(2000, 1), points(200, 2)


def one_cell(samples: Tensor, held_out: Tensor = HELD_OUT) -> float:
    test = three_sample_test(samples, TRAIN, held_out, Cells(TRAIN, held_out, count=1))
    assert len(test.cells) == 1 and test.value is not None
    return test.value


@pytest.mark.parametrize("seed", [0, 1])
def test_z_equals_scipys_u(seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 30, (40,), generator=draws).double()
    second = torch.randint(5, 35, (70,), generator=draws).double()
    u = stats.mannwhitneyu(first.numpy(), second.numpy()).statistic
    expected = (u - 1400) / math.sqrt(2800 * 111 / 12)
    assert mann_whitney_z(first, second) == pytest.approx(expected, rel=1e-12)
    assert mann_whitney_z(second, first) == pytest.approx(-expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(200, 200), (150, 200), (300, 100)])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_exact_and_noisy_copies_have_the_lowest_value_there_is(
    n: int, m: int, noise: float
) -> None:
    samples = TRAIN[:n] + noise * points(n, 3)
    expected = -math.sqrt(3 * n * m / (n + m + 1))
    assert one_cell(samples, HELD_OUT[:m]) == pytest.approx(expected, rel=1e-12)
    if n == m == 200:
        assert expected == pytest.approx(-17.2989, abs=1e-4)


def test_half_copies_lie_half_way() -> None:
    values = [one_cell(torch.cat([TRAIN[:100], points(100, seed)])) for seed in range(10, 20)]
    assert sum(values) / 10 == pytest.approx(-17.2989 / 2, abs=0.8)
    assert max(values) < -7


def test_fresh_samples_lie_around_0() -> None:
    values = torch.tensor(
        [one_cell(points(200, seed), points(200, seed + 500)) for seed in range(100, 140)]
    )
    assert float(values.mean()) == pytest.approx(0.0, abs=0.5)
    assert float(values.std()) == pytest.approx(1.0, abs=0.35)


def test_far_samples_are_under_fitting() -> None:
    test = three_sample_test(3 * points(200, 5), TRAIN, HELD_OUT, Cells(TRAIN, HELD_OUT, count=1))
    assert test.value is not None and 14 < test.value < 17.3
    assert test.underfitting and not test.copying and not test.copying_locally


def islands(n: int, seed: int) -> Tensor:
    """Four far clusters with n points each, in order."""
    centres = 20.0 * torch.eye(4, 6)
    return (centres[:, None] + points(4 * n, seed).view(4, n, 6)).flatten(0, 1)


def test_copying_in_one_place_is_seen_there() -> None:
    train, held_out, samples = islands(300, 1), islands(50, 2), islands(60, 3)
    samples[60:120] = train[300:360]
    cells = Cells(train, held_out, count=4)
    assert [int((cells.train == cell).sum()) for cell in range(4)] == [300] * 4
    test = three_sample_test(samples, train, held_out, cells)
    weakest = test.weakest
    assert weakest is not None and weakest.number == int(cells.train[300])
    assert (weakest.train, weakest.held_out, weakest.samples) == (300, 50, 60)
    assert weakest.z == pytest.approx(-math.sqrt(3 * 60 * 50 / 111), rel=1e-12)
    assert test.copying_locally and not test.copying
    others = [cell.z for cell in test.cells if cell is not weakest]
    assert all(z is not None and abs(z) < 4 for z in others)


def test_value_is_the_mean_weighted_by_held_out_samples() -> None:
    held_out = torch.cat([torch.arange(1.0, 41.0), torch.arange(1.0, 21.0)])
    samples = torch.cat([torch.zeros(30), torch.full((30,), 99.0)])
    cells = torch.tensor([0] * 30 + [1] * 30), torch.tensor([0] * 40 + [1] * 20)
    test = rank_in_cells(samples, cells[0], held_out, cells[1], torch.tensor([0, 0, 1]))
    low, high = -math.sqrt(3 * 30 * 40 / 71), math.sqrt(3 * 30 * 20 / 51)
    assert [cell.z for cell in test.cells] == [pytest.approx(low), pytest.approx(high)]
    assert test.value == pytest.approx((40 * low + 20 * high) / 60)
    assert [cell.train for cell in test.cells] == [2, 1]


def test_cells_with_few_samples_are_not_counted() -> None:
    held_out, cells = torch.arange(60.0), torch.tensor([0] * 30 + [1] * 30)
    samples = torch.zeros(51)
    homes = torch.tensor([0] * 31 + [1] * 20)
    test = rank_in_cells(samples, homes, held_out, cells, torch.tensor([0, 1]))
    assert test.cells[1].z is None and test.value == test.cells[0].z
    assert ThreeSampleTest(test.cells[1:]).value is None
    assert ThreeSampleTest(test.cells[1:]).weakest is None


def test_centres_are_the_means_of_their_cells() -> None:
    train = points(500, 8)
    cells = Cells(train, points(500, 9), count=4)
    for cell in cells.train.unique().tolist():
        mean = train[cells.train == cell].mean(dim=0)
        torch.testing.assert_close(cells._centres[cell], mean, rtol=1e-4, atol=1e-4)


def test_cells_are_joined_until_each_holds_held_out_samples() -> None:
    train, held_out = islands(100, 1), islands(60, 2)
    # Two of the clusters have fewer than 20 held-out samples, and lie beside each other.
    train[:100] += train[100:200].mean(dim=0) - train[:100].mean(dim=0) + 8.0
    few = torch.cat([held_out[:10] * 0 + train[:10], held_out[60:75], held_out[120:]])
    cells = Cells(train, few, count=4)
    sizes = [int((cells.train == cell).sum()) for cell in cells.train.unique().tolist()]
    assert sorted(sizes) == [100, 100, 200]
    assert cells.train[0] == cells.train[150] != cells.train[250]
    counts = cells.of(few).unique(return_counts=True)[1].tolist()
    assert sorted(counts) == [25, 60, 60]


def test_too_few_held_out_samples_leave_one_cell() -> None:
    assert len(Cells(islands(50, 1), islands(2, 2), count=4).train.unique()) == 1


def test_cells_do_not_touch_the_global_generator() -> None:
    before = torch.get_rng_state()
    Cells(TRAIN, HELD_OUT, count=5, seed=3)
    principal_axes(TRAIN, 2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("held_out", "samples", "cells"), [(500, 1000, 10), (200, 1000, 4), (5000, 120, 2), (30, 30, 1)]
)
def test_each_cell_may_expect_50_samples(held_out: int, samples: int, cells: int) -> None:
    assert cell_count(held_out, samples) == cells


def test_principal_axes_span_what_varies_most() -> None:
    scales = torch.tensor([1.0, 9.0, 0.1, 5.0, 0.2, 3.0])
    rotation = torch.linalg.qr(points(6, 4)).Q
    features = (points(3000, 5) * scales) @ rotation.T
    axes = principal_axes(features, 3)
    torch.testing.assert_close(axes.T @ axes, torch.eye(3), rtol=1e-5, atol=1e-5)
    for axis, number in zip(axes.T, (1, 3, 5), strict=True):
        assert float((axis @ rotation[:, number]).abs()) == pytest.approx(1.0, abs=0.01)

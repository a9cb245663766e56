"""The torchmetrics classes equal the functions."""

import pytest
import torch
from torch.testing import assert_close

from callbacks.metrics.frechet import frechet_from_features
from callbacks.metrics.kernel import kernel_distance
from callbacks.metrics.manifold import Neighbours, manifold_scores
from callbacks.metrics.modular import FrechetDistance, KernelDistance, ManifoldScores

REAL = torch.randn(90, 6, generator=torch.Generator().manual_seed(0)) + 1e4
FAKE = torch.randn(70, 6, generator=torch.Generator().manual_seed(1)) * 1.3 + 1e4


def fill(metric: torch.nn.Module) -> torch.nn.Module:
    for part in REAL.split(40):
        metric.update(part, real=True)
    for part in FAKE.split(33):
        metric.update(part, real=False)
    return metric


def test_frechet_distance_keeps_its_digits_at_a_large_mean() -> None:
    expected = frechet_from_features(REAL, FAKE).value
    metric = fill(FrechetDistance(6, shift=REAL.mean(dim=0)))
    assert float(metric.compute()) == pytest.approx(expected, rel=1e-9)
    metric.reset()
    assert float(fill(metric).compute()) == pytest.approx(expected, rel=1e-9)


def test_frechet_states_of_two_ranks_add_up() -> None:
    shift = REAL.mean(dim=0)
    whole, parts = fill(FrechetDistance(6, shift)), [FrechetDistance(6, shift) for _ in range(2)]
    for rank, metric in enumerate(parts):
        metric.update(REAL[rank::2], real=True)
        metric.update(FAKE[rank::2], real=False)
    for name in metric.metric_state:
        total = sum(getattr(part, name) for part in parts)
        assert_close(total, getattr(whole, name), rtol=1e-12, atol=1e-9)
        assert total.dtype == torch.float64
    assert all(metric._reductions[name] is not None for name in metric.metric_state)


def test_frechet_sums_stay_float64_when_their_module_is_halved() -> None:
    holder = torch.nn.ModuleList([FrechetDistance(6, REAL.mean(dim=0))]).half()
    expected = frechet_from_features(REAL, FAKE).value
    assert float(fill(holder[0]).compute()) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_equals_the_function() -> None:
    metric = fill(KernelDistance(subsets=4, subset_size=30))
    expected = kernel_distance(REAL, FAKE, 4, 30)
    value, error = metric.compute()
    assert (float(value), float(error)) == pytest.approx(expected[:2], rel=1e-9)


def test_manifold_scores_equal_the_function() -> None:
    found = fill(ManifoldScores(k=3, inclusive=True)).compute()
    expected = manifold_scores(REAL, FAKE, Neighbours(3, inclusive=True))
    assert {name: float(value) for name, value in found.items()} == expected._asdict()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shift must have shape \(6,\), got \(5,\)"):
        FrechetDistance(6, torch.zeros(5))
    with pytest.raises(ValueError, match="share one width"):
        FrechetDistance(6).update(torch.zeros(3, 5), real=True)
    with pytest.raises(ValueError, match=r"KernelDistance: features must have shape \(N, d\)"):
        KernelDistance().update(torch.zeros(3), real=True)
    single = FrechetDistance(6)
    single.update(REAL, real=True)
    single.update(FAKE[:1], real=False)
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        single.compute()

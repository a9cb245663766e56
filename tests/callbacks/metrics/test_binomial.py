import pytest
from scipy import stats

from callbacks.metrics.binomial import beta_cdf, beta_quantile, share_bounds

SHAPES = [(0.5, 0.5), (1.0, 1.0), (2.5, 7.0), (5.0, 496.0), (900.0, 101.0), (3e4, 2e4)]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_distribution_and_quantile_equal_scipy(a: float, b: float) -> None:
    for share in (1e-6, 0.01, 0.3, 0.5, 0.99):
        x = stats.beta.ppf(share, a, b)
        assert beta_cdf(x, a, b) == pytest.approx(share, rel=1e-7)
        assert beta_quantile(share, a, b) == pytest.approx(x, rel=1e-9)


def test_distribution_ends_at_0_and_1() -> None:
    assert [beta_cdf(x, 2.0, 3.0) for x in (-1.0, 0.0, 1.0, 2.0)] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (1, 20), (33, 1000), (999, 1000), (7, 7)])
def test_bounds_equal_scipys_exact_intervals(hits: int, trials: int) -> None:
    lower, upper = share_bounds(hits, trials)
    for bound, side in ((lower, "greater"), (upper, "less")):
        interval = stats.binomtest(hits, trials, alternative=side).proportion_ci(0.99, "exact")
        expected = interval.low if side == "greater" else interval.high
        assert bound == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert lower <= hits / trials <= upper


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match=rf"hits must lie in 0..trials, got {hits} of {trials}"):
        share_bounds(hits, trials)

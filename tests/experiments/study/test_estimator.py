"""The best of k settings: closed forms, enumeration, and what a failure does to them."""

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest

from experiments.study.estimator import (
    Best,
    Table,
    beats,
    best_of,
    compare,
    gap,
    interval,
    resampled_laws,
    subsampled,
)

INF = math.inf


def plain(values: list[float]) -> Table:
    """One seed each, one score for both."""
    return [[(value, value)] for value in values]


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_of_1_to_n_the_mean_of_the_best_of_k_is_n_plus_1_over_k_plus_1(n: int) -> None:
    values = [float(value) for value in random.Random(n).sample(range(1, n + 1), n)]
    for k in range(1, n + 1):
        assert best_of(plain(values), k).mean == pytest.approx((n + 1) / (k + 1), rel=1e-12)


def test_with_one_seed_it_is_the_formula_with_binomials_in_exact_arithmetic() -> None:
    values = sorted(random.Random(0).random() for _ in range(30))
    for k in (1, 2, 13, 29, 30):
        exact = sum(
            Fraction(x) * math.comb(30 - i, k - 1) for i, x in enumerate(values, start=1)
        ) / math.comb(30, k)
        assert best_of(plain(values), k).mean == pytest.approx(float(exact), rel=1e-12)


def test_the_best_of_all_is_the_least_with_certainty() -> None:
    law = best_of(plain([3.0, 1.5, 9.0, INF]), 4)
    assert law.mean == law.quantile(0.05) == law.quantile(0.95) == 1.5
    assert law.failing == 0


def test_hundreds_of_settings_neither_overflow_nor_cancel() -> None:
    law = best_of(plain([float(value) for value in range(1, 201)]), 100)
    assert law.mean == pytest.approx(201 / 101, rel=1e-10)
    assert law.weights.sum() == pytest.approx(1, abs=1e-12) and law.weights.min() >= 0


def test_seeds_and_a_reported_score_of_its_own_equal_enumeration() -> None:
    draws = random.Random(1)
    table = [
        [(draws.random(), draws.random()) for _ in range(draws.choice([1, 2, 3]))] for _ in range(6)
    ]
    for k in range(1, 7):
        subsets = list(itertools.combinations(table, k))
        means = [
            np.mean([min(runs)[1] for runs in itertools.product(*subset)]) for subset in subsets
        ]
        assert best_of(table, k).mean == pytest.approx(float(np.mean(means)), rel=1e-12)


def test_equal_choosing_scores_share_their_weight() -> None:
    law = best_of([[(1.0, 10.0)], [(1.0, 20.0)], [(2.0, 30.0)]], 3)
    assert law.mean == pytest.approx(15.0)


def test_failures_stay_in_the_mean_and_in_the_quantiles() -> None:
    table = plain([1.0, 2.0, INF, INF])
    one, three = best_of(table, 1), best_of(table, 3)
    assert one.mean == INF and one.failing == pytest.approx(0.5)
    assert (one.quantile(0.25), one.quantile(0.5), one.quantile(0.95)) == (1.0, 2.0, INF)
    assert best_of(table, 2).failing == pytest.approx(1 / 6)
    # All subsets of three hold a run that has not failed.
    assert three.failing == 0 and three.mean == pytest.approx(0.75 * 1 + 0.25 * 2)


def test_more_settings_never_make_the_best_worse() -> None:
    table = plain([5.0, 3.0, INF, 8.0, 1.0, 4.0])
    medians = [best_of(table, k).quantile(0.5) for k in range(1, 7)]
    assert medians == sorted(medians, reverse=True)


@pytest.mark.parametrize("k", [0, 4])
def test_a_budget_beyond_the_settings_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.3.*got " + str(k)):
        best_of(plain([1.0, 2.0, 3.0]), k)


def test_drawing_agrees_with_the_exact_mean_within_two_standard_errors() -> None:
    draws = random.Random(2)
    table = [[(draws.random(), draws.random()) for _ in range(2)] for _ in range(12)]
    for k in (1, 3, 8):
        mean, error = subsampled(table, k, 2000)
        assert abs(mean - best_of(table, k).mean) < 2 * error
        assert error < 0.02


def test_a_variant_beats_itself_half_of_the_time() -> None:
    table = [[(1.0, 1.0), (INF, INF)], [(INF, INF), (4.0, 4.0)], [(2.0, 2.0), (3.0, 3.0)]]
    for k in (1, 2, 3):
        law = best_of(table, k)
        assert beats(law, law) == pytest.approx(0.5, abs=1e-12)


def test_the_probability_of_being_ahead_counts_pairs_and_half_of_the_ties() -> None:
    one = Best(np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    other = Best(np.array([2.0, 3.0]), np.array([0.25, 0.75]))
    # 1 beats both; 3 beats nothing and ties with 3.
    assert beats(one, other) == pytest.approx(0.5 * 1 + 0.5 * 0.75 * 0.5)
    assert beats(one, other) + beats(other, one) == pytest.approx(1)


def compared(a: Table, b: Table, k: int) -> object:
    laws = resampled_laws(a, k, 400, seed=1), resampled_laws(b, k, 400, seed=2)
    return compare((a, laws[0]), (b, laws[1]), k)


def test_samples_of_one_law_are_not_told_apart_and_far_ones_are() -> None:
    draws = random.Random(3)
    values = sorted(draws.gauss(10, 1) for _ in range(30))
    a, b = plain(values[::2]), plain(values[1::2])
    for k in (1, 4):
        same = compared(a, b, k)
        assert same.evidence == 0 and same.probability_in.low < 0.5 < same.probability_in.high
        far = compared(a, plain([value - 6 for value in values[::2]]), k)
        assert far.evidence == 1 and far.probability < 0.01 and far.difference > 4
    assert compared(plain([1.0] * 8), a, 2).evidence == -1


def test_two_variants_that_always_fail_are_not_told_apart() -> None:
    none = plain([INF] * 5)
    assert compared(none, none, 2).evidence == 0
    assert gap(best_of(none, 2), best_of(none, 2)) == 0
    assert compared(plain([1.0] * 5), none, 2).evidence == -1


def test_seeds_of_a_setting_do_not_narrow_an_interval() -> None:
    """Ten copies of each run are no ten settings."""
    draws = random.Random(4)
    values = [draws.gauss(0, 1) for _ in range(8)]
    once, often = plain(values), [[(value, value)] * 10 for value in values]
    medians = [
        interval(np.array([law.quantile(0.5) for law in resampled_laws(table, 1, 500)]))
        for table in (once, often)
    ]
    assert medians[0] == medians[1]

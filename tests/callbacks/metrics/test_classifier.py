"""Classifier score and verdicts against closed forms and torch-fidelity."""

import math

import pytest
import torch
from torch.testing import assert_close

from callbacks.metrics.classifier import (
    calibration_temperature,
    classifier_score,
    classifier_verdicts,
)


def one_hot_logits(n: int, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(n) % classes, classes).float() * 1e4


def test_balanced_certain_verdicts_score_the_number_of_classes() -> None:
    assert classifier_score(one_hot_logits(500, 10), splits=1).value == pytest.approx(10.0)
    shuffled = classifier_score(one_hot_logits(5000, 10), splits=10)
    assert 9.8 < shuffled.value < 10.0
    assert 0.0 < shuffled.spread < 0.1


def test_equal_verdicts_and_uniform_verdicts_score_one() -> None:
    row = torch.randn(1, 7)
    assert classifier_score(row.expand(50, 7)).value == pytest.approx(1.0, abs=1e-12)
    assert classifier_score(torch.zeros(50, 7)).value == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(103, 10), (64, 1), (50, 7)])
def test_score_equals_torch_fidelity(n: int, splits: int) -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = torch.randn(n, 12, generator=torch.Generator().manual_seed(n)) * 3
    expected = isc_features_to_metric(logits, splits=splits)
    score = classifier_score(logits, splits=splits)
    assert score.value == pytest.approx(expected["inception_score_mean"], rel=1e-10)
    assert score.spread == pytest.approx(expected["inception_score_std"], rel=1e-6, abs=1e-10)
    unshuffled = isc_features_to_metric(logits, splits=splits, shuffle=False)
    in_order = classifier_score(logits, splits=splits, seed=None)
    assert in_order.value == pytest.approx(unshuffled["inception_score_mean"], rel=1e-10)


def test_score_repeats_and_leaves_the_global_generator_alone() -> None:
    logits = torch.randn(40, 5)
    before = torch.random.get_rng_state()
    assert classifier_score(logits) == classifier_score(logits)
    assert torch.equal(before, torch.random.get_rng_state())


def test_logarithm_of_the_score_is_the_difference_of_the_entropies() -> None:
    logits = torch.randn(200, 6) * 2
    verdicts = classifier_verdicts(logits)
    score = classifier_score(logits, splits=1).value
    assert math.log(score) == pytest.approx(verdicts.entropy_of_mean - verdicts.entropy, rel=1e-9)


def test_verdicts_of_certain_varied_and_of_undecided_samples_are_closed_form() -> None:
    certain = classifier_verdicts(one_hot_logits(40, 4))
    assert certain == pytest.approx((1.0, 0.0, math.log(4), 4.0), abs=1e-9)
    undecided = classifier_verdicts(torch.zeros(40, 4))
    assert undecided == pytest.approx((0.25, math.log(4), math.log(4), 4.0), abs=1e-9)
    collapsed = classifier_verdicts(one_hot_logits(1, 4).expand(40, 4))
    assert collapsed == pytest.approx((1.0, 0.0, 0.0, 1.0), abs=1e-9)


def test_non_finite_logits_give_nan_with_a_reason() -> None:
    logits = torch.zeros(10, 3)
    logits[2, 1] = math.inf
    assert math.isnan(classifier_score(logits).value)
    assert classifier_score(logits).reason == "logits holds non-finite values"
    assert all(math.isnan(value) for value in classifier_verdicts(logits))


def test_fewer_samples_than_splits_still_score() -> None:
    assert classifier_score(torch.randn(3, 4), splits=10).value == pytest.approx(1.0)
    with pytest.raises(ValueError, match="splits must be at least 1, got 0"):
        classifier_score(torch.zeros(3, 4), splits=0)
    with pytest.raises(ValueError, match=r"shape \(N, d\)"):
        classifier_score(torch.zeros(3))


def test_temperature_undoes_overconfidence() -> None:
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 5, generator=draws) * 2
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=draws)[:, 0]
    exact = calibration_temperature(logits, labels)
    assert exact == pytest.approx(1.0, abs=0.06)
    assert_close(calibration_temperature(logits * 3, labels), 3 * exact, rtol=1e-3, atol=0)

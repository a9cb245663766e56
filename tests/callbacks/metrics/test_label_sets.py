"""Measures of label sets against scikit-learn and by hand."""

import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from callbacks.metrics.label_sets import (
    above,
    label_scores,
    label_structure_error,
    mean_average_precision,
    top,
)


def drawn(n: int = 200, k: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of unlike frequency, and probabilities with ties that know something of them."""
    own = torch.Generator().manual_seed(0)
    labels = (torch.rand(n, k, generator=own) < torch.linspace(0.05, 0.9, k)).float()
    probabilities = (0.3 * labels + 0.7 * torch.rand(n, k, generator=own)).mul(20).round() / 20
    return probabilities, labels


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_precision_recall_and_f1_are_those_of_scikit_learn(average: str) -> None:
    probabilities, labels = drawn()
    predicted = above(probabilities)
    found = label_scores(predicted, labels)
    expected = precision_recall_fscore_support(
        labels.numpy(), predicted.numpy(), average=average, zero_division=0
    )
    for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        assert found[f"{average}_{name}"] == pytest.approx(value, rel=1e-9)


def test_where_nothing_is_predicted_or_true_a_ratio_is_zero() -> None:
    labels = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    predicted = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = label_scores(predicted, labels)
    assert found["macro_precision"] == pytest.approx(1 / 3)
    assert found["macro_recall"] == pytest.approx(0.5 / 3)
    assert found["macro_f1"] == pytest.approx(2 / 3 / 3)
    assert found["micro_f1"] == pytest.approx(0.5)
    assert all(value == 0 for value in label_scores(torch.zeros(2, 3), labels).values())
    assert all(value == 1 for value in label_scores(torch.ones(2, 3), torch.ones(2, 3)).values())


def test_mean_average_precision_is_that_of_scikit_learn_with_ties() -> None:
    probabilities, labels = drawn()
    expected = average_precision_score(labels.numpy(), probabilities.numpy(), average="macro")
    assert mean_average_precision(probabilities, labels) == pytest.approx(expected, rel=1e-9)
    absent = torch.cat([labels, torch.zeros(len(labels), 1)], 1)
    more = torch.cat([probabilities, torch.rand(len(labels), 1)], 1)
    assert mean_average_precision(more, absent) == pytest.approx(expected, rel=1e-9)


def test_mean_average_precision_of_the_best_and_the_worst_order() -> None:
    labels = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    order = torch.tensor([[0.9], [0.8], [0.2], [0.1]])
    assert mean_average_precision(order, labels) == pytest.approx(1.0)
    assert mean_average_precision(-order, labels) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert mean_average_precision(torch.ones(4, 1), labels) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="labels must hold at least one 1, got zeros"):
        mean_average_precision(order, torch.zeros(4, 1))


def test_the_threshold_belongs_to_the_labels_and_top_takes_as_many_as_asked() -> None:
    probabilities = torch.tensor([[0.5, 0.49, 0.9, 0.1]])
    assert above(probabilities).tolist() == [[1, 0, 1, 0]]
    assert above(probabilities, 0.6).tolist() == [[0, 0, 1, 0]]
    assert top(probabilities, 3).tolist() == [[1, 1, 1, 0]]
    assert top(drawn()[0]).sum(1).unique().tolist() == [3]


def test_structure_error_is_zero_for_the_true_sets_in_any_order() -> None:
    labels = drawn()[1]
    assert label_structure_error(labels, labels) == pytest.approx(0, abs=1e-12)
    shuffled = labels[torch.randperm(len(labels))]
    assert label_structure_error(shuffled, labels) == pytest.approx(0, abs=1e-12)


def test_structure_error_of_labels_that_always_go_together_by_hand() -> None:
    together = torch.tensor([[1.0, 1.0], [0.0, 0.0]] * 2)
    apart = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 2)
    free = torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # Correlations 1, -1 and 0 twice each beside the diagonal; K is 2.
    assert label_structure_error(together, free) == pytest.approx(2**0.5 / 2)
    assert label_structure_error(apart, together) == pytest.approx(8**0.5 / 2)


def test_a_constant_label_correlates_with_nothing() -> None:
    labels = drawn(k=2)[1]
    constant = torch.cat([labels[:, :1], torch.ones(len(labels), 1)], 1)
    expected = torch.corrcoef(labels.T.double())[0, 1].item()
    # What is missing beside the diagonal twice, and the diagonal's own 1.
    assert label_structure_error(constant, labels) == pytest.approx(
        (2 * expected**2 + 1) ** 0.5 / 2
    )


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must both be \(N, K\), got \(3, 2\) and \(3, 3\)"):
        label_scores(torch.zeros(3, 2), torch.zeros(3, 3))

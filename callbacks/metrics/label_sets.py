"""Label sets against the true ones: what is found, how surely, and whether labels go together."""

from __future__ import annotations

import torch
from torch import Tensor


def above(probabilities: Tensor, threshold: float = 0.5) -> Tensor:
    """Label sets of 0 and 1: the labels at least as likely as ``threshold``.

    Args:
        probabilities: ``(N, K)``.
        threshold: as scikit-learn's 0.5.
    """
    return (probabilities >= threshold).to(probabilities.dtype)


def top(probabilities: Tensor, count: int = 3) -> Tensor:
    """Label sets of 0 and 1: the ``count`` likeliest labels of each image.

    Args:
        probabilities: ``(N, K)``.
        count: how many, at most K.
    """
    chosen = probabilities.topk(count, dim=1).indices
    return torch.zeros_like(probabilities).scatter_(1, chosen, 1.0)


def label_scores(predicted: Tensor, labels: Tensor) -> dict[str, float]:
    """Precision, recall and F1, over all decisions (micro) and as means over labels (macro).

    Where nothing is predicted or nothing is true, a ratio is 0. The macro F1 is the mean of the
    labels' F1, as in scikit-learn; some papers print the harmonic mean of the other two macro
    numbers.

    Args:
        predicted: ``(N, K)`` of 0 and 1.
        labels: ``(N, K)`` of 0 and 1.

    Returns:
        ``micro_precision``, ``micro_recall``, ``micro_f1`` and the same three of ``macro``.
    """
    _require_alike(predicted, labels)
    guess, truth = predicted.double(), labels.double()
    hits, guessed, true = (guess * truth).sum(0), guess.sum(0), truth.sum(0)
    found: dict[str, float] = {}
    for name, (h, g, t) in {
        "micro": (hits.sum(), guessed.sum(), true.sum()),
        "macro": (hits, guessed, true),
    }.items():
        found[f"{name}_precision"] = float(_ratio(h, g).mean())
        found[f"{name}_recall"] = float(_ratio(h, t).mean())
        found[f"{name}_f1"] = float(_ratio(2 * h, g + t).mean())
    return found


def mean_average_precision(probabilities: Tensor, labels: Tensor) -> float:
    """The mean over labels of the area below precision as a step function of recall.

    Labels that no image has are left out. Equal probabilities count as one threshold.

    Args:
        probabilities: ``(N, K)``.
        labels: ``(N, K)`` of 0 and 1.

    Raises:
        ValueError: if no image has any label.
    """
    _require_alike(probabilities, labels)
    columns = [
        _average_precision(probabilities[:, k], labels[:, k])
        for k in range(labels.shape[1])
        if labels[:, k].any()
    ]
    if not columns:
        raise ValueError(
            "mean_average_precision: labels must hold at least one 1, got zeros; give labelled data"
        )
    return sum(columns) / len(columns)


def label_structure_error(predicted: Tensor, labels: Tensor) -> float:
    """``|corr(predicted) - corr(labels)|_F / K``: 0 where labels go together as the true ones do.

    A label that is always or never there correlates with nothing.

    Args:
        predicted: ``(N, K)`` of 0 and 1.
        labels: ``(M, K)`` of 0 and 1; of other images if one likes.
    """
    return float((_correlation(predicted) - _correlation(labels)).norm()) / labels.shape[1]


def _correlation(sets: Tensor) -> Tensor:
    centred = sets.double() - sets.double().mean(0)
    units = centred / centred.norm(dim=0).clamp_min(1e-12)
    return units.T @ units


def _average_precision(scores: Tensor, labels: Tensor) -> float:
    ordered, order = scores.sort(descending=True)
    hits = labels[order].double().cumsum(0)
    # The last place of each run of equal scores: a threshold cannot come between them.
    last = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])
    hits, places = hits[last], torch.arange(1, len(scores) + 1, dtype=torch.float64)[last]
    gained = hits.diff(prepend=torch.zeros(1, dtype=torch.float64))
    return float((gained * hits / places).sum() / hits[-1])


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole.clamp_min(1), 0.0)


def _require_alike(predicted: Tensor, labels: Tensor) -> None:
    if predicted.dim() != 2 or predicted.shape != labels.shape:
        raise ValueError(
            f"label_scores: predictions and labels must both be (N, K), got "
            f"{tuple(predicted.shape)} and {tuple(labels.shape)}; give one row for each image"
        )

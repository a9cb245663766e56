"""Scores of a classifier's verdicts: are samples confident one by one, and varied together?

Salimans et al., "Improved Techniques for Training GANs", 2016, arXiv:1606.03498, section 4. With
the logits of TF-Inception the classifier score is the Inception score. It never sees the real data,
so it notices neither memorisation nor a collapse within classes (Barratt and Sharma, "A Note on the
Inception Score", 2018, arXiv:1801.01973).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from callbacks.metrics.scores import Score, check_features, non_finite


class Verdicts(NamedTuple):
    """Quality and diversity as a classifier sees them; entropies in nats.

    Attributes:
        confidence: mean probability of the likeliest class, in [1/C, 1].
        entropy: mean entropy of the verdicts, in [0, log C]; low means recognisable samples.
        entropy_of_mean: entropy of the mean verdict, in [0, log C]; high means varied samples.
            The logarithm of the classifier score over one split is this minus ``entropy``.
        effective_classes: exp(entropy_of_mean), in [1, C].
    """

    confidence: float
    entropy: float
    entropy_of_mean: float
    effective_classes: float


def classifier_score(logits: Tensor, splits: int = 10, seed: int | None = 2020) -> Score:
    """``exp(E KL(p(y|x) || p(y)))`` over shuffled splits, in [1, C]; higher is better.

    Defaults, stream and seed are those of torch-fidelity: equal logits give an equal number.

    Args:
        logits: ``(N, C)`` raw outputs of the classifier.
        splits: number of parts, each with its own mean verdict; at most N are made. Small parts
            lower the score.
        seed: of the private shuffle; None keeps the order.

    Returns:
        A :class:`Score`: mean over the splits, and their population standard deviation.

    Raises:
        ValueError: for other shapes or no split.
    """
    check_features("classifier_score", 1, logits=logits)
    if splits < 1:
        raise ValueError(
            f"classifier_score: splits must be at least 1, got {splits}; the default is 10"
        )
    reason = non_finite(logits=logits)
    if reason:
        return Score(math.nan, reason=reason)
    n = len(logits)
    if seed is not None:
        order = torch.from_numpy(np.random.RandomState(seed).permutation(n))
        logits = logits[order.to(logits.device)]
    log_p = logits.to(torch.float64).log_softmax(dim=1)
    splits = min(splits, n)
    scores = []
    for i in range(splits):
        part = log_p[i * n // splits : (i + 1) * n // splits]
        log_mean = part.logsumexp(dim=0) - math.log(len(part))
        scores.append(math.exp(float((part.exp() * (part - log_mean)).sum(dim=1).mean())))
    return Score(float(np.mean(scores)), float(np.std(scores)))


def classifier_verdicts(logits: Tensor) -> Verdicts:
    """Confidence and entropies of a classifier's verdicts.

    Args:
        logits: ``(N, C)`` raw outputs; calibrate them on held-out reals first.

    Returns:
        :class:`Verdicts`; all nan when a logit is not finite.

    Raises:
        ValueError: for other shapes.
    """
    check_features("classifier_verdicts", 1, logits=logits)
    if non_finite(logits=logits):
        return Verdicts(math.nan, math.nan, math.nan, math.nan)
    log_p = logits.to(torch.float64).log_softmax(dim=1)
    p = log_p.exp()
    mean = p.mean(dim=0)
    # xlogy has 0 log 0 = 0, where a product would give nan.
    entropy_of_mean = -float(torch.xlogy(mean, mean).sum())
    return Verdicts(
        confidence=float(p.max(dim=1).values.mean()),
        entropy=-float((p * log_p).sum(dim=1).mean()),
        entropy_of_mean=entropy_of_mean,
        effective_classes=math.exp(entropy_of_mean),
    )


def calibration_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature T that makes ``softmax(logits / T)`` likeliest for the labels.

    Guo et al., "On Calibration of Modern Neural Networks", 2017, arXiv:1706.04599.

    Args:
        logits: ``(N, C)`` raw outputs on held-out reals.
        labels: ``(N,)`` true classes.

    Returns:
        T in [0.05, 20], by golden-section search over log T.

    Raises:
        ValueError: for other shapes.
    """
    check_features("calibration_temperature", 1, logits=logits)
    exact, labels = logits.detach().to(torch.float64), labels.to(logits.device)

    def loss(log_temperature: float) -> float:
        scaled = exact / math.exp(log_temperature)
        return float(torch.nn.functional.cross_entropy(scaled, labels))

    low, high = math.log(0.05), math.log(20.0)
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2.0)

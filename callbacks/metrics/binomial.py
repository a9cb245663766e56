"""Exact bounds on a share, without scipy: the regularised incomplete beta function and its inverse.

Clopper, Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
Binomial", Biometrika 26, 1934.
"""

import math

_TINY = 1e-300
_STEPS = 10_000


def beta_cdf(x: float, a: float, b: float) -> float:
    """Probability that a Beta(a, b) variable is at most ``x``, the incomplete beta I_x(a, b).

    Args:
        x: in [0, 1].
        a: above 0.
        b: above 0.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        # The continued fraction converges quickly on the left of the mean only.
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _continued_fraction(x, a, b) / a


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x at which :func:`beta_cdf` reaches ``share``.

    Args:
        share: in [0, 1].
        a: above 0.
        b: above 0.
    """
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2.0
        if middle in (low, high):
            return middle
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle


def share_bounds(hits: int, trials: int, confidence: float = 0.99) -> tuple[float, float]:
    """One-sided Clopper-Pearson bounds of a share.

    Args:
        hits: 0 to ``trials``.
        trials: 1 or more.
        confidence: of each bound by itself.

    Returns:
        The lower and the upper bound, in [0, 1].

    Raises:
        ValueError: for numbers out of range.
    """
    if not 0 <= hits <= trials or trials < 1:
        raise ValueError(
            f"share_bounds: hits must lie in 0..trials, got {hits} of {trials}; count both over "
            "the same samples"
        )
    miss = 1.0 - confidence
    lower = beta_quantile(miss, hits, trials - hits + 1) if hits else 0.0
    upper = beta_quantile(confidence, hits + 1, trials - hits) if hits < trials else 1.0
    return lower, upper


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the fraction of I_x(a, b)."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 / _away(1.0 + step * d)
            c = _away(1.0 + step / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

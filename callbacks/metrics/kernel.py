"""Kernel distance: the unbiased squared maximum mean discrepancy with a cubic kernel.

Binkowski et al., "Demystifying MMD GANs", 2018, arXiv:1801.01401, section 4. On Inception features
it is the kernel Inception distance. What differs from the Frechet distance: no Gaussian is fitted
and the expectation does not depend on the number of samples, so small sets can be compared; it may
be negative, and is never clipped.
"""

import math

import numpy as np
import torch
from torch import Tensor

from callbacks.metrics.scores import Score, check_features, non_finite


def squared_mmd(real: Tensor, fake: Tensor) -> float:
    """Unbiased squared discrepancy under ``k(x, y) = (x.y / d + 1)^3``.

    Args:
        real: ``(M, d)`` features of the reference, at least 2 rows.
        fake: ``(N, d)`` features of the generated samples, at least 2 rows.

    Returns:
        The estimate over all pairs; around 0 (also below) when both come from one distribution.

    Raises:
        ValueError: for other shapes.
    """
    check_features("squared_mmd", 2, real=real, fake=fake)
    real, fake = real.to(torch.float64), fake.to(torch.float64)
    within = _mean_off_diagonal(_cubic(real, real)) + _mean_off_diagonal(_cubic(fake, fake))
    return float(within - 2.0 * _cubic(real, fake).mean())


def kernel_distance(
    real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> Score:
    """Kernel distance as published: the mean of :func:`squared_mmd` over random subsets.

    The defaults, the stream of draws and its seed are those of torch-fidelity with the generated
    set as its first input, so equal features give an equal number.

    Args:
        real: ``(M, d)`` features of the reference, at least 2 rows.
        fake: ``(N, d)`` features of the generated samples, at least 2 rows.
        subsets: number of subsets, at least 1.
        subset_size: samples of either side in one subset; at most min(N, M) are used.
        seed: of the private stream; no global generator is read.

    Returns:
        A :class:`Score`; its spread is the standard error of the mean. Subsets overlap, so the
        error is too small where ``subsets * subset_size`` is large against N.

    Raises:
        ValueError: for other shapes, no subset, or a subset of fewer than 2.
    """
    check_features("kernel_distance", 2, real=real, fake=fake)
    if subsets < 1:
        raise ValueError(
            f"kernel_distance: subsets must be at least 1, got {subsets}; the default is 100"
        )
    if subset_size < 2:
        raise ValueError(
            f"kernel_distance: subset_size must be at least 2, got {subset_size}; "
            "the default is 1000"
        )
    reason = non_finite(real=real, fake=fake)
    if reason:
        return Score(math.nan, reason=reason)
    size = min(subset_size, len(real), len(fake))
    if size == len(real) == len(fake):
        # Every subset is the whole set: one computation says it all, and nothing varies.
        return Score(squared_mmd(real, fake), 0.0)
    # RandomState is frozen: the same draws in every version of numpy and on every device.
    draws = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        of_fake = _choose(draws, len(fake), size).to(fake.device)
        of_real = _choose(draws, len(real), size).to(real.device)
        values.append(squared_mmd(real[of_real], fake[of_fake]))
    return Score(float(np.mean(values)), float(np.std(values) / math.sqrt(subsets)))


def _choose(draws: np.random.RandomState, total: int, size: int) -> Tensor:
    return torch.from_numpy(draws.choice(total, size, replace=False))


def _cubic(left: Tensor, right: Tensor) -> Tensor:
    base = (left @ right.T).div_(left.shape[1]).add_(1.0)
    # Two products are several times faster than a general power.
    return base * base * base


def _mean_off_diagonal(matrix: Tensor) -> Tensor:
    n = len(matrix)
    return (matrix.sum() - matrix.diagonal().sum()) / (n * (n - 1))

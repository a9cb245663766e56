"""Diversity of a set by itself: how many different samples there are, and how far apart they lie.

Vendi score: Friedman and Dieng, 2022, arXiv:2210.02410. None of these looks at real samples except
for a unit of length, so they see a collapse that leaves the samples good.
"""

import torch
from torch import Tensor

from callbacks.metrics.scores import check_features


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Squares of all distances, in float64; a distance of nothing comes out as exactly 0.

    Args:
        left: ``(N, d)``.
        right: ``(M, d)``.

    Returns:
        float64 ``(N, M)``.
    """
    left, right = left.to(torch.float64), right.to(torch.float64)
    return torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist").square_()


def vendi_score(squares: Tensor, width: float) -> float:
    """Effective number of different samples: the exponential entropy of a kernel matrix.

    The kernel is ``exp(-d^2 / (2 width^2))``.

    Args:
        squares: ``(N, N)`` squared distances within the set.
        width: bandwidth of the kernel, in the unit of the features.

    Returns:
        1 for N copies of one sample, N for samples that lie far apart.

    Raises:
        ValueError: the matrix is not square, or the width is not positive.
    """
    n = len(squares)
    if squares.dim() != 2 or squares.shape[1] != n or n < 1 or not width > 0:
        raise ValueError(
            f"vendi_score: squares must be (N, N) at a positive width, got "
            f"{tuple(squares.shape)} at {width}; pass the distances within one set"
        )
    kernel = squares.div(-2.0 * width * width).exp_()
    values = torch.linalg.eigvalsh(kernel / n).clamp(min=0.0)
    return float(torch.special.entr(values).sum().exp())


def mean_distance(squares: Tensor) -> float:
    """Mean distance between two different members of a set.

    Args:
        squares: ``(N, N)`` squared distances within the set, N at least 2.
    """
    n = len(squares)
    return float(squares.sqrt().sum()) / (n * (n - 1))


def nearest_distances(squares: Tensor) -> Tensor:
    """Distance of each member of a set to its nearest other member.

    Args:
        squares: ``(N, N)`` squared distances within the set, N at least 2.

    Returns:
        float64 ``(N,)``.
    """
    own = torch.eye(len(squares), dtype=torch.bool, device=squares.device)
    return squares.masked_fill(own, torch.inf).min(dim=1).values.sqrt()


def effective_rank(features: Tensor) -> float:
    """Exponential entropy of the eigenvalues of the covariance.

    Args:
        features: ``(N, d)``, N at least 2.

    Returns:
        Between 1 (all on a line, or no spread at all) and the smaller of N - 1 and d.
    """
    check_features("effective_rank", 2, features=features)
    centred = features.to(torch.float64) - features.to(torch.float64).mean(dim=0)
    # The smaller of the two Gram matrices has the same eigenvalues, but for zeros.
    gram = centred.T @ centred if centred.shape[1] < len(centred) else centred @ centred.T
    values = torch.linalg.eigvalsh(gram).clamp(min=0.0)
    total = values.sum()
    return float(torch.special.entr(values / total).sum().exp()) if total > 0 else 1.0

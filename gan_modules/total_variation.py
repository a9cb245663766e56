"""How restless an image is: the sum of its gradient's lengths.

Rudin, Osher, Fatemi, 1992; as a term for generators Taigman, Polyak, Wolf, "Unsupervised
Cross-Domain Image Generation" (DTN), 2016, arXiv:1611.02200.
"""

from __future__ import annotations

import torch
from torch import Tensor


def total_variation(images: Tensor, power: float = 1.0) -> Tensor:
    """``sum ((z[i, j+1] - z[i, j])^2 + (z[i+1, j] - z[i, j])^2)^(B/2)``, a mean over the batch.

    The sum is over channels and all pixels that have both neighbours. Where an image is flat its
    gradient is taken as zero.

    Args:
        images: ``(N, C, H, W)``, H and W at least 2.
        power: the paper's B, from 1 on.

    Returns:
        A scalar.

    Raises:
        ValueError: for other shapes, or a lower power.
    """
    if images.ndim != 4 or min(images.shape[2:]) < 2:
        raise ValueError(
            "total_variation: images must be (N, C, H, W) of at least 2x2 px, got "
            f"{tuple(images.shape)}; points and rows have no variation"
        )
    if power < 1:
        raise ValueError(
            f"total_variation: power must be at least 1, got {power}; the paper's is 1"
        )
    corner = images[:, :, :-1, :-1]
    steps = torch.stack([images[:, :, :-1, 1:] - corner, images[:, :, 1:, :-1] - corner])
    # The norm has the slope 0 at 0, where the root of a sum of squares would have none.
    lengths = torch.linalg.vector_norm(steps, dim=0)
    return lengths.pow(power).sum((1, 2, 3)).mean()

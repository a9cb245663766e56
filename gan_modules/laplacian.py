"""The distance of two images at every scale at once: sharp edges count, exact places less.

Burt, Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983; as a loss for generators in
Bojanowski, Joulin, Lopez-Paz, Szlam, 2017, arXiv:1707.05776.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: The binomial filter of five taps, close to a Gaussian of std 1.
_TAPS = (1.0, 4.0, 6.0, 4.0, 1.0)


def laplacian_pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """What each blur takes away, finest first, and what is left at the end.

    Args:
        images: ``(N, C, H, W)``.
        levels: number of blurs; all but the last band halve the size on the way.

    Returns:
        ``levels`` bands of sizes ``(H, W), (H/2, W/2), ...``, then the remainder, half the size of
        the last band. Sizes are rounded up.

    Raises:
        ValueError: for anything but images.
    """
    if images.ndim != 4:
        raise ValueError(
            f"laplacian_pyramid: images must be (N, C, H, W), got {tuple(images.shape)}; points "
            "have no scales"
        )
    bands = []
    for _ in range(levels):
        smooth = _blurred(images)
        bands.append(images - smooth)
        images = smooth[:, :, ::2, ::2]
    return [*bands, images]


def laplacian_distance(images: Tensor, others: Tensor, levels: int = 3) -> Tensor:
    """The sum over the bands of their mean absolute differences, a scalar.

    A mean weighs a band by the inverse of its size: in the paper's sums of absolute values that is
    the factor ``2^2j`` of level j.

    Args:
        images: ``(N, C, H, W)``.
        others: of the same shape.
        levels: see :func:`laplacian_pyramid`; to be taken in full precision, without autocast.
    """
    # The pyramid is linear.
    bands = laplacian_pyramid(images - others, levels)
    return torch.stack([band.abs().mean() for band in bands]).sum()


def _blurred(images: Tensor) -> Tensor:
    channels = images.shape[1]
    taps = torch.tensor(_TAPS, device=images.device, dtype=images.dtype) / sum(_TAPS)
    across = taps.view(1, 1, 1, 5).expand(channels, 1, 1, 5)
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(padded, across, groups=channels), across.mT, groups=channels)

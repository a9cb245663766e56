"""How close images come to the ones that they should be: PSNR, SSIM, sharpness.

All three are per pair, so that a mean over images is the reader's to take, and all state the range
that they count with.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

#: Images lie in [-1, 1].
RANGE = 2.0
#: Edge in pixels below which the window of SSIM does not fit.
SSIM_WINDOW = 11


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, ``10 log10(2^2 / MSE)``: the range of [-1, 1] is 2.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1].
        targets: of the same shape.

    Returns:
        float64 ``(N,)`` in dB; infinite for an exact image.

    Raises:
        ValueError: the shapes differ.
    """
    _check("psnr", images, targets)
    error = (images.double() - targets.double()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(RANGE**2 / error)


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of torchmetrics, window 11, on images in [0, 1].

    The measure depends on the mean brightness, so images in [-1, 1] are brought to [0, 1] first, as
    published numbers are.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1], 11 pixels or more each way.
        targets: of the same shape.

    Returns:
        ``(N,)``, 1 for an exact image.

    Raises:
        ValueError: the shapes differ, or the images are too small.
    """
    _check("ssim", images, targets)
    if min(images.shape[2:]) < SSIM_WINDOW:
        raise ValueError(
            f"ssim: images must be {SSIM_WINDOW} pixels or more each way, got "
            f"{tuple(images.shape)}; its window does not fit in smaller ones"
        )
    ours, theirs = ((part.double() + 1.0) / RANGE for part in (images, targets))
    found = structural_similarity_index_measure(ours, theirs, data_range=1.0, reduction="none")
    return cast(Tensor, found).reshape(-1)


def sharpness_difference(images: Tensor, targets: Tensor) -> Tensor:
    """``10 log10(2^2 / mean |grad y - grad y'|)`` of arXiv:1511.05440, section 4; higher is closer.

    The gradient of a pixel is the sum of the absolute differences to its upper and left neighbours,
    in units of [-1, 1]. Unlike PSNR this is no ratio of like powers: on images in [0, 1] with the
    range 1 it is 3.01 dB less.

    Args:
        images: ``(N, C, H, W)`` in [-1, 1], 2 pixels or more each way.
        targets: of the same shape.

    Returns:
        float64 ``(N,)`` in dB; infinite where all gradients agree.

    Raises:
        ValueError: the shapes differ, or the images are too small.
    """
    _check("sharpness_difference", images, targets)
    if min(images.shape[2:]) < 2:
        raise ValueError(
            "sharpness_difference: images must be 2 pixels or more each way, got "
            f"{tuple(images.shape)}; one pixel has no gradient"
        )
    away = (_steepness(images) - _steepness(targets)).abs().flatten(1).mean(dim=1)
    return 10 * torch.log10(RANGE**2 / away)


def _steepness(images: Tensor) -> Tensor:
    images = images.double()
    down = (images[..., 1:, 1:] - images[..., :-1, 1:]).abs()
    right = (images[..., 1:, 1:] - images[..., 1:, :-1]).abs()
    return down + right


def _check(name: str, images: Tensor, targets: Tensor) -> None:
    if images.shape != targets.shape or images.dim() != 4 or not len(images):
        raise ValueError(
            f"{name}: images and targets must both be (N, C, H, W), got {tuple(images.shape)} and "
            f"{tuple(targets.shape)}; pass each image beside the one that it should be"
        )

"""The distance of two images in their edges: blur costs, a shift of brightness does not.

Mathieu, Couprie, LeCun, "Deep Multi-Scale Video Prediction Beyond Mean Square Error", 2015,
arXiv:1511.05440, section 3.3.
"""

from __future__ import annotations

from torch import Tensor


def gradient_difference(images: Tensor, target: Tensor, power: float = 1.0) -> Tensor:
    """How far the absolute differences of neighbouring pixels are from those of the target.

    ``mean ||dY/di| - |dY'/di||^a + mean ||dY/dj| - |dY'/dj||^a``, each mean over its own map of
    differences, where the paper has sums. Only sizes of edges are compared: an edge that rises
    costs nothing where one falls.

    Args:
        images: ``(N, C, H, W)``, H and W at least 2.
        target: of the same shape.
        power: the paper's alpha, from 1 on.

    Returns:
        A scalar.

    Raises:
        ValueError: for unequal shapes, images of one pixel in height or width, or a lower power,
            whose slope is infinite where images agree.
    """
    if images.shape != target.shape or images.ndim != 4 or min(images.shape[2:]) < 2:
        raise ValueError(
            "gradient_difference: images and target must both be (N, C, H, W) of at least 2x2 px, "
            f"got {tuple(images.shape)} and {tuple(target.shape)}; match them"
        )
    if power < 1:
        raise ValueError(
            f"gradient_difference: power must be at least 1, got {power}; the paper's are 1 and 2"
        )
    rows, columns = (
        (images.diff(dim=dim).abs() - target.diff(dim=dim).abs()).abs().pow(power).mean()
        for dim in (2, 3)
    )
    return rows + columns

"""From densities of real numbers to likelihoods of levels, such as the 256 of a byte.

A density may grow without bound on the few values that bytes take. Uniform noise over the width of
a level prevents that, and makes the density a lower bound of the levels' probability: Theis, van
den Oord, Bethge, "A note on the evaluation of generative models", 2015, arXiv:1511.01844.
"""

from __future__ import annotations

import math

from torch import Tensor

#: What 256 levels of width 2/255 cover.
_RANGE = 512.0 / 255.0


def spread_levels(images: Tensor, bits: int = 8, noise: Tensor | float = 0.5) -> Tensor:
    """Images rounded to 2^bits levels, each moved to a place within its width.

    The levels share [-256/255, 256/255] evenly, so that the middles of 256 fill [-1, 1].

    Args:
        images: any shape, in [-1, 1].
        bits: of a number.
        noise: places in [0, 1), of the same shape; one half is the middle.
    """
    bytes_ = ((images + 1.0) * 127.5).round().clamp(0.0, 255.0)
    levels = (bytes_ / 2 ** (8 - bits)).floor()
    return (levels + noise) * (_RANGE / 2**bits) - _RANGE / 2


def images_of_levels(spread: Tensor, bits: int = 8) -> Tensor:
    """The images whose levels were spread; all levels together fill [-1, 1].

    Args:
        spread: any shape; what lies outside all levels goes to the nearest.
        bits: of a number; :func:`spread_levels` has rounded to them.
    """
    levels = ((spread + _RANGE / 2) * (2**bits / _RANGE)).floor().clamp(0.0, 2**bits - 1)
    return levels * (2.0 / (2**bits - 1)) - 1.0


def bits_of_density(log_density: Tensor, dims: int, bits: int = 8) -> Tensor:
    """What levels cost on average at most, given a density of spread ones (arXiv:1511.01844).

    The law that is uniform over all levels costs ``bits`` exactly.

    Args:
        log_density: ``(N,)``, natural logarithm, of :func:`spread_levels`.
        dims: numbers in an image, C * H * W.
        bits: of a number.
    """
    return bits - math.log2(_RANGE) - log_density / (dims * math.log(2.0))

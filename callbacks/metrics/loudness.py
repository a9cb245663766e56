"""Does a louder sound change the picture more? The question of arXiv:1808.04108, as a measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class LoudnessCurve(NamedTuple):
    """What :func:`loudness_probe` found.

    Attributes:
        gains: factors on the waveform, rising.
        change: for each gain the mean absolute difference to the image of the quietest, in the
            units of images in [-1, 1].
        confidence: for each gain the mean of what ``confidence`` gave; empty without one.
        correlation: Spearman's, of change and gain, without the quietest; in [-1, 1]. 1: each
            louder sound changes the picture more; 0: no order, or no change at all.
    """

    gains: tuple[float, ...]
    change: tuple[float, ...]
    confidence: tuple[float, ...]
    correlation: float


@torch.no_grad()
def loudness_probe(
    draw: Callable[[Tensor], Tensor],
    sounds_at: Callable[[float], Tensor],
    gains: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    confidence: Callable[[Tensor], Tensor] | None = None,
) -> LoudnessCurve:
    """Images of the same sounds, louder and louder, against those of the quietest.

    Against the quietest and not against gain 1: differences to the middle grow both ways, and
    have no order.

    Args:
        draw: sounds ``(N, 1, M, F)`` to images ``(N, C, H, W)`` in [-1, 1], from the same latents
            at every call.
        sounds_at: a gain to the spectrograms of all waveforms times that gain.
        gains: at least three positive factors, none twice.
        confidence: images to the probability ``(N,)`` of the class that is heard, by any
            classifier.

    Raises:
        ValueError: for fewer gains, or gains that are not positive or not distinct.
    """
    ordered = sorted(gains)
    if len(ordered) < 3 or ordered[0] <= 0 or len(set(ordered)) < len(ordered):
        raise ValueError(
            f"loudness_probe: gains must be at least three distinct positive factors, got "
            f"{list(gains)}; 0.25, 0.5, 1, 2, 4 are usual"
        )
    images = [draw(sounds_at(gain)) for gain in ordered]
    change = [float((image - images[0]).abs().mean()) for image in images]
    sure = [] if confidence is None else [float(confidence(image).mean()) for image in images]
    correlation = spearman(torch.tensor(change[1:]), torch.tensor(ordered[1:]))
    return LoudnessCurve(tuple(ordered), tuple(change), tuple(sure), correlation)


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of two vectors ``(N,)``, ties at their mean rank; 0 if one is constant."""
    ranks = [_ranks(values.double()) for values in (a, b)]
    first, second = (rank - rank.mean() for rank in ranks)
    norm = first.norm() * second.norm()
    return float(first @ second / norm) if norm > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    below = (values[:, None] > values).sum(1).double()
    equal = (values[:, None] == values).sum(1).double()
    return below + (equal - 1) / 2

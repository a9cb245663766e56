"""Do shapes follow the loudness of tones? In size, against the truth, and in order."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.trained.task import Measures
from callbacks.metrics.loudness import loudness_probe, spearman
from datamodules.tones import AMPLITUDES, TonesAndShapes

#: Factors on the waveform.
GAINS = (0.25, 0.5, 1.0, 2.0, 4.0)
#: A pixel is part of a shape from this level on, of 0 to 1; the darkest shape has 0.75.
_LIT = 0.375


def sizes_told(images: Tensor, shapes: Tensor, kinds: Tensor) -> Measures:
    """Are shapes as large as the sound is loud? Against each sound's own shape.

    Args:
        images: ``(N, C, S, S)`` pictures of the sounds.
        shapes: ``(N, C, S, S)`` the true ones.
        kinds: ``(N,)`` of the sounds.

    Returns:
        Rank correlation of the edges of equal areas, the mean over the kinds; and their mean
        absolute difference in pixels.
    """
    edges, true = edge_px(images), edge_px(shapes)
    own = [kinds == kind for kind in kinds.unique()]
    correlations = [spearman(edges[one], true[one]) for one in own]
    return {
        "size_correlation": sum(correlations) / len(correlations),
        "size_error_px": float((edges - true).abs().mean()),
    }


def edge_px(images: Tensor) -> Tensor:
    """Edges ``(N,)``, in pixels, of squares with as many lit pixels as images ``(N, C, S, S)``."""
    level = (images.amax(dim=1) + 1) / 2
    return (level > _LIT).sum(dim=(1, 2)).double().sqrt()


def follows_loudness(draw: Callable[[Tensor], Tensor], data: TonesAndShapes) -> float:
    """Rank correlation of the gain and the change of the picture, see :func:`loudness_probe`.

    Args:
        draw: spectrograms to pictures, from the same latents at every call.
        data: whose held-out sounds become softer and louder.
    """
    waves = data.sounds("held_out")[0][middling(data)]
    return loudness_probe(draw, lambda gain: data.spectrograms(gain * waves), GAINS).correlation


def middling(data: TonesAndShapes) -> Tensor:
    """Places of held-out sounds that are, at all gains, within what training heard."""
    amplitudes = torch.from_numpy(data.amplitudes()[data.reference("held_out").rows])
    low, high = AMPLITUDES
    inside = (amplitudes * GAINS[0] >= low) & (amplitudes * GAINS[-1] <= high)
    return inside.nonzero()[:, 0]

"""Frames of clips and of faces, of 32 px, grey, a few maps wide."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.talking_head import (
    HeadDiscriminator,
    HeadEncoder,
    HeadGenerator,
    RandomFeatures,
)
from gan_modules.networks.video import NextFrameDiscriminator, NextFrameGenerator
from tests.small.sizes import CLASSES, SIZE, WIDTH

HISTORY = 3


def video(normalization: Any) -> dict[str, Any]:
    """Two scales; no normalisation in any of the networks."""
    return {
        "generator": NextFrameGenerator(SIZE, 1, HISTORY, ((4,), (4, 4)), ((3, 3), (5, 3, 5))),
        "discriminator": NextFrameDiscriminator(
            SIZE, 1, HISTORY, ((4,), (4, 4)), ((5,), (7, 5)), (8,)
        ),
    }


def head(normalization: Any) -> dict[str, Any]:
    """Normalised image by image, and spectrally: the same for any number of ranks.

    Under plain SGD the usual weights, which Adam does not feel, would blow rounding up to 1e-11.
    """
    return {
        "embedder": HeadEncoder(SIZE, 1, WIDTH),
        "generator": HeadGenerator(SIZE, 1, WIDTH, 4 * WIDTH, 1),
        "discriminator": HeadDiscriminator(CLASSES, SIZE, 1, WIDTH),
        "content": RandomFeatures(1, WIDTH),
        "content_weight": 0.1,
        "pixel_weight": 0.3,
        "feature_weight": 0.1,
        "matching_weight": 0.1,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "VideoPrediction": video,
    "TalkingHead": head,
}

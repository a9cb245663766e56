"""Frames of clips and of faces, of 32 px, grey, a few maps wide."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

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


class FaintEncoder(HeadEncoder):
    """Codes a fiftieth as large: their product with W diverges under plain SGD, not under Adam."""

    def features(self, images: Tensor, landmarks: Tensor) -> list[Tensor]:
        *maps, code = super().features(images, landmarks)
        return [*maps, code / 50]


def head(normalization: Any) -> dict[str, Any]:
    """Normalised image by image, and spectrally: the same for any number of ranks.

    Under plain SGD the usual weights, which Adam does not feel, would blow rounding up to 1e-11.
    """
    discriminator = HeadDiscriminator(CLASSES, SIZE, 1, WIDTH)
    discriminator.trunk = FaintEncoder(SIZE, 1, WIDTH, slope=0.2)
    return {
        "embedder": HeadEncoder(SIZE, 1, WIDTH),
        "generator": HeadGenerator(SIZE, 1, WIDTH, 4 * WIDTH, 1),
        "discriminator": discriminator,
        "content": RandomFeatures(1, WIDTH),
        "content_weight": 0.03,
        "pixel_weight": 0.1,
        "feature_weight": 0.03,
        "matching_weight": 0.03,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "VideoPrediction": video,
    "TalkingHead": head,
}

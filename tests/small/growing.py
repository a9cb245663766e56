"""Variants whose networks grow: plans so short that a few batches pass through all sizes."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from tests.small.sizes import LATENT, SIZE


def progressive(normalization: Any) -> dict[str, Any]:
    # Groups of one: larger ones are cut within a rank, so that two ranks differ from one process.
    return {
        "generator": ProgressiveGenerator(SIZE, 1, LATENT, fmap_base=64, fmap_max=8),
        "discriminator": ProgressiveDiscriminator(
            SIZE, 1, fmap_base=64, fmap_max=8, minibatch_group=1
        ),
        "stable_images": 8,
        "fade_images": 16,
    }


#: By class name: ``normalization`` (there is a choice of none) to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"ProgressiveGAN": progressive}

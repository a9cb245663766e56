"""Word vectors instead of images: a map and a discriminator of vectors."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.networks.word_map import WordMap
from tests.small.sizes import TEXT


def word_alignment(normalization: Any) -> dict[str, Any]:
    """There is nothing to normalise."""
    return {
        "generator": WordMap(TEXT),
        "discriminator": MLPDiscriminator([TEXT], 8, 2, "leaky_relu"),
        "discriminator_steps": 2,
        # The rate falls within a test.
        "epoch_steps": 2,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"WordAlignment": word_alignment}

"""R3GAN, without BatchNorm whatever is asked for: its networks normalise nothing."""

from collections.abc import Callable
from typing import Any

from gan_modules.augmentations import AdaptiveAugmentation
from gan_modules.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH


def r3gan(normalization: Any) -> dict[str, Any]:
    """With all settings on the move within the ten rounds of a test."""
    options: dict[str, Any] = {"widths": (WIDTH,) * 4, "blocks": 1, "groups": 2}
    return {
        "generator": R3GANGenerator(SIZE, 1, LATENT, **options),
        "discriminator": R3GANDiscriminator(SIZE, 1, **options),
        "augmentation": AdaptiveAugmentation("lite", target=None),
        "burn_in_images": 64,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"R3GAN": r3gan}

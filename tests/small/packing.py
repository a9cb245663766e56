"""Variants against mode collapse: packs of images, and a look ahead at the discriminator."""

from collections.abc import Callable
from typing import Any

from gan_modules.augmentations import AdaptiveAugmentation, DiffAugment
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.regularizers import R1
from tests.small.sizes import LATENT, SIZE, WIDTH


def pacgan(normalization: Any) -> dict[str, Any]:
    """With an augmentation that adapts within a few rounds, and a penalty at packs."""
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DCGANDiscriminator(SIZE, 2, WIDTH, "none"),
        "packing": 2,
        "regularizers": [R1(0.1)],
        "augmentation": AdaptiveAugmentation(
            target=-0.5, probability=0.3, interval=2, adjust_images=100
        ),
    }


def unrolled_gan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DCGANDiscriminator(SIZE, 1, WIDTH, "none"),
        "unrolling_steps": 2,
        "unrolling_lr": 0.1,
        "augmentation": DiffAugment(),
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "PacGAN": pacgan,
    "UnrolledGAN": unrolled_gan,
}

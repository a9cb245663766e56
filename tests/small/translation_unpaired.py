"""Translators without pairs, of 32 px, grey, a few maps wide."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gan_modules.networks.cogan import CoGANDiscriminator, CoGANGenerator
from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.discogan import DiscoGANDiscriminator, DiscoGANGenerator
from gan_modules.networks.dtn import DTNDiscriminator
from gan_modules.networks.dualgan import DualGANDiscriminator, DualGANGenerator
from gan_modules.networks.stargan import StarGANDiscriminator, StarGANGenerator
from tests.small.sizes import CLASSES, LATENT, SIZE, WIDTH
from tests.small.translation import judge, translator


def seen(outputs: int) -> nn.Module:
    """What stands for a trained network: images to ``(N, outputs)``."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 8, stride=8), nn.Tanh(), nn.Flatten(), nn.Linear(32, outputs)
    )


def direct(normalization: Any) -> dict[str, Any]:
    return {
        "generator": translator(normalization),
        "discriminator": judge(normalization),
        "shallow": translator(normalization),
        "pool_size": 0,
    }


def preserving(normalization: Any) -> dict[str, Any]:
    return {
        "generator": translator(normalization),
        "discriminator": judge(normalization),
        "features": nn.Sequential(nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.Tanh()),
        "pool_size": 0,
    }


def dtn(normalization: Any) -> dict[str, Any]:
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DTNDiscriminator(SIZE, 1, WIDTH, normalization),
        "features": seen(LATENT),
        "variation_weight": 0.01,
    }


def disco(normalization: Any) -> dict[str, Any]:
    """Both shares of the reconstruction within a few batches."""
    return {
        "generator_ab": DiscoGANGenerator(1, 1, SIZE, WIDTH, normalization),
        "generator_ba": DiscoGANGenerator(1, 1, SIZE, WIDTH, normalization),
        "discriminator_a": DiscoGANDiscriminator(1, SIZE, WIDTH, normalization),
        "discriminator_b": DiscoGANDiscriminator(1, SIZE, WIDTH, normalization),
        "early_rounds": 4,
    }


def dual(normalization: Any) -> dict[str, Any]:
    """Without dropout, which each rank draws for itself; SGD would blow up at a weight of 500."""
    return {
        "generator_ab": DualGANGenerator(1, 1, 4, WIDTH, normalization, dropout_blocks=0),
        "generator_ba": DualGANGenerator(1, 1, 4, WIDTH, normalization, dropout_blocks=0),
        "discriminator_a": DualGANDiscriminator(1, SIZE, WIDTH, normalization="none"),
        "discriminator_b": DualGANDiscriminator(1, SIZE, WIDTH, normalization="none"),
        "cycle_weight": 1.0,
    }


def star(normalization: Any) -> dict[str, Any]:
    return {
        "generator": StarGANGenerator(1, CLASSES, WIDTH, 1, 1, normalization),
        "discriminator": StarGANDiscriminator(1, CLASSES, SIZE, WIDTH, 3),
        "domains": ["red", "green", "blue"],
        "discriminator_steps": 2,
    }


def coupled(normalization: Any) -> dict[str, Any]:
    """Weights so large that images of few maps without a normalisation are not all but black."""
    generator = CoGANGenerator(SIZE, 1, LATENT, WIDTH, 2, normalization)
    discriminator = CoGANDiscriminator(SIZE, 1, (WIDTH, WIDTH, 8))
    with torch.no_grad():
        for parameter in (*generator.parameters(), *discriminator.parameters()):
            if parameter.dim() > 1:
                parameter.mul_(5.0)
    return {"generator": generator, "discriminator": discriminator}


#: By class name, as in ``plain.py``.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "DirectTransform": direct,
    "FeaturePreserving": preserving,
    "DTN": dtn,
    "DiscoGAN": disco,
    "DualGAN": dual,
    "StarGAN": star,
    "CoGAN": coupled,
}

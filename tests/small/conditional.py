"""Variants that are told something: a class, a sentence, a sound, an image."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.auxiliary import ACDCGANDiscriminator
from gan_modules.networks.concatenation import (
    ConcatenatingDCGANDiscriminator,
    ConcatenatingGenerator,
    ConcatenatingMLPDiscriminator,
)
from gan_modules.networks.conditional_resnet import (
    ConditionalResNetGenerator,
    ProjectionResNetDiscriminator,
)
from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.label_sets import LabelSetClassifier, LabelSetDiscriminator
from gan_modules.networks.mlp import MLPGenerator
from gan_modules.networks.sound_image import SoundImageDiscriminator, SoundImageGenerator
from gan_modules.networks.text_image import TextImageDiscriminator, TextImageGenerator
from tests.small.sizes import BANDS, CLASSES, FRAMES, LATENT, SIZE, TEXT, WIDTH


def concatenating(normalization: Any) -> Any:
    generator = DCGANGenerator(SIZE, 1, LATENT + CLASSES, WIDTH, normalization)
    return ConcatenatingGenerator(generator, CLASSES)


def cgan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": concatenating(normalization),
        "discriminator": ConcatenatingDCGANDiscriminator(SIZE, 1, WIDTH, CLASSES, 4, normalization),
    }


def mlp_cgan() -> dict[str, Any]:
    generator = MLPGenerator(LATENT + CLASSES, [1, SIZE, SIZE], 8, 2)
    return {
        "generator": ConcatenatingGenerator(generator, CLASSES),
        "discriminator": ConcatenatingMLPDiscriminator([1, SIZE, SIZE], CLASSES, 8, 2),
    }


def acgan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": concatenating(normalization),
        "discriminator": ACDCGANDiscriminator(SIZE, 1, WIDTH, CLASSES, normalization),
    }


def projection(normalization: Any) -> dict[str, Any]:
    return {
        "generator": ConditionalResNetGenerator(SIZE, 1, LATENT, WIDTH, CLASSES, normalization),
        "discriminator": ProjectionResNetDiscriminator(SIZE, 1, WIDTH, CLASSES),
        "discriminator_steps": 2,
    }


def text(normalization: Any) -> dict[str, Any]:
    return {
        "generator": TextImageGenerator(SIZE, 1, LATENT, TEXT, 4, WIDTH, normalization),
        "discriminator": TextImageDiscriminator(SIZE, 1, TEXT, 4, WIDTH, normalization),
        # Not filled by the first batch of four, and not a multiple of it.
        "bank_size": 10,
    }


def sound(normalization: Any) -> dict[str, Any]:
    """Without a norm the images of a G that starts at N(0, 0.02) are too faint to learn from."""
    normalization = "layer" if normalization == "none" else normalization
    return {
        "generator": SoundImageGenerator(
            SIZE, 1, LATENT, WIDTH, BANDS, FRAMES, 2, CLASSES, normalization
        ),
        "discriminator": SoundImageDiscriminator(SIZE, 1, WIDTH, 16, CLASSES),
        "pretraining_images": 8,
        "bank_size": 10,
    }


def label_sets(normalization: Any) -> dict[str, Any]:
    classifier = LabelSetClassifier(SIZE, 1, WIDTH, CLASSES, normalization)
    return {
        "generator": classifier,
        "discriminator": LabelSetDiscriminator(classifier.feature_dim, CLASSES, 8),
        "mismatch_weight": 0.25,
        "pretraining_images": 4,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "CGAN": cgan,
    "ACGAN": acgan,
    "ProjectionGAN": projection,
    "GANCLS": text,
    "GANINT": text,
    "SoundToImage": sound,
    "MultiLabelGAN": label_sets,
}

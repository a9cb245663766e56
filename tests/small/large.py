"""Class-conditional variants, spectrally normalised; D of BigGAN as an operator."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.biggan import BigGANDiscriminator, BigGANGenerator
from gan_modules.networks.sagan import SAGANDiscriminator, SAGANGenerator
from tests.small.sizes import CLASSES, LATENT, SIZE, WIDTH


def sagan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": SAGANGenerator(SIZE, 1, LATENT, WIDTH, CLASSES, normalization=normalization),
        "discriminator": SAGANDiscriminator(SIZE, 1, WIDTH, CLASSES),
    }


def biggan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": BigGANGenerator(
            SIZE, 1, LATENT, 1, CLASSES, embedding_dim=8, normalization=normalization
        ),
        "discriminator": BigGANDiscriminator(
            SIZE, 1, 1, CLASSES, attention=16, normalization="operator_spectral"
        ),
        "sv_log_interval": 1,
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"SAGAN": sagan, "BigGAN": biggan}

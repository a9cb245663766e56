"""Variants of the objectives and penalties: f-divergences, slopes, consistency, features."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.dcgan import DCGANGenerator
from gan_modules.networks.dropout import DropoutResNetDiscriminator
from tests.small.plain import dcgan
from tests.small.sizes import LATENT, SIZE, WIDTH


def undropped(normalization: Any) -> dict[str, Any]:
    """Every unit is kept: dropout is drawn per rank, all else is compared between ranks."""
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DropoutResNetDiscriminator(SIZE, 1, WIDTH, keep=(1.0, 1.0, 1.0)),
        # A Xavier net starts steep: SGD, by which ranks are compared, would blow up at 10.
        "penalty_weight": 0.1,
    }


def matched(normalization: Any) -> dict[str, Any]:
    """Both terms of G, and a D whose samples do not meet: batches are the rank's own there."""
    return {**dcgan(normalization), "mode": "add"}


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "FGAN": dcgan,
    "WGANLP": dcgan,
    "WGANCT": undropped,
    "DRAGAN": dcgan,
    "ImprovedGAN": matched,
}

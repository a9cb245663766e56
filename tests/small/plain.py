"""Variants that differ from the GAN of 2014 in a part: objective, penalty, normalisation."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.sn_dcgan import SNDCGANDiscriminator, SNDCGANGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH


def dcgan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DCGANDiscriminator(SIZE, 1, WIDTH, normalization),
    }


def sn_dcgan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": SNDCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": SNDCGANDiscriminator(SIZE, 1, WIDTH),
    }


#: By class name: ``normalization`` (of G, and of D where it is not spectral) to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "GAN": dcgan,
    "DCGAN": dcgan,
    "LSGAN": dcgan,
    "WGAN": dcgan,
    "WGANGP": dcgan,
    "SNGAN": sn_dcgan,
}

"""Autoencoders beside GANs: a VAE, and games in which an encoder plays."""

from collections.abc import Callable
from typing import Any

from gan_modules.networks.autoencoders import (
    DCGANEncoder,
    DCGANPairDiscriminator,
)
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.mlp import MLPDiscriminator
from gan_modules.networks.vae_gan import VAEGANDiscriminator, VAEGANEncoder, VAEGANGenerator
from tests.small.sizes import LATENT, SIZE, WIDTH


def vae(normalization: Any) -> dict[str, Any]:
    return {
        "encoder": DCGANEncoder(SIZE, 1, 2 * LATENT, WIDTH, normalization),
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
    }


def vae_gan(normalization: Any) -> dict[str, Any]:
    return {
        "encoder": VAEGANEncoder(SIZE, 1, 2 * LATENT, WIDTH, normalization),
        "generator": VAEGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": VAEGANDiscriminator(SIZE, 1, WIDTH, normalization),
        # So narrow that it closes within the ten rounds of two ranks.
        "margin": 0.02,
    }


def alpha_gan(normalization: Any) -> dict[str, Any]:
    return {
        "encoder": DCGANEncoder(SIZE, 1, 2 * LATENT, WIDTH, normalization),
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DCGANDiscriminator(SIZE, 1, WIDTH, normalization),
        "code_discriminator": MLPDiscriminator([LATENT], 8, 3, "leaky_relu"),
    }


def veegan(normalization: Any) -> dict[str, Any]:
    return {
        "generator": DCGANGenerator(SIZE, 1, LATENT, WIDTH, normalization),
        "reconstructor": DCGANEncoder(SIZE, 1, LATENT, WIDTH, normalization),
        "discriminator": DCGANPairDiscriminator(SIZE, 1, LATENT, WIDTH, 8, normalization),
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "VAE": vae,
    "VAEGAN": vae_gan,
    "AlphaGAN": alpha_gan,
    "VEEGAN": veegan,
}

"""Variants whose generators read styles."""

from collections.abc import Callable
from typing import Any

from torch import nn

from gan_modules.networks.stylegan import StyleGANDiscriminator, StyleGANGenerator
from gan_modules.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from tests.small.sizes import LATENT, SIZE

# Groups of one: larger ones are cut within a rank, so that two ranks differ from one process.
OF_G = {"w_dim": 6, "fmap_base": 64, "fmap_max": 8, "mapping_layers": 2}
OF_D = {"fmap_base": 64, "fmap_max": 8, "minibatch_group": 1}


def stylegan(normalization: Any) -> dict[str, Any]:
    generator = StyleGANGenerator(SIZE, 1, LATENT, **OF_G)
    # A constant of ones is normalised away: first gradients would be rounding errors, enlarged.
    nn.init.normal_(generator.synthesis.const)
    # A plan so short that a few batches pass through all sizes.
    return {
        "generator": generator,
        "discriminator": StyleGANDiscriminator(SIZE, 1, **OF_D),
        "stable_images": 8,
        "fade_images": 16,
    }


def stylegan2(normalization: Any) -> dict[str, Any]:
    return {
        "generator": StyleGAN2Generator(SIZE, 1, LATENT, **OF_G),
        "discriminator": StyleGAN2Discriminator(SIZE, 1, **OF_D),
        # The default of 16 is longer than the runs of most tests.
        "r1_interval": 3,
    }


#: By class name: ``normalization`` (there is a choice of none) to arguments.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "StyleGAN": stylegan,
    "StyleGAN2": stylegan2,
}

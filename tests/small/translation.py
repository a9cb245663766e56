"""Translators of 32 px, grey, a few maps wide."""

from collections.abc import Callable
from typing import Any

import torch

from gan_modules.networks.patchgan import PatchDiscriminator
from gan_modules.networks.resnet_translator import ResnetTranslator
from gan_modules.networks.unet import UNet
from tests.small.sizes import WIDTH


def translator(normalization: Any) -> ResnetTranslator:
    return ResnetTranslator(1, 1, WIDTH, 1, 1, normalization=normalization)


def judge(normalization: Any, channels: int = 1) -> PatchDiscriminator:
    return PatchDiscriminator(channels, WIDTH, 2, normalization)


def cycle(normalization: Any) -> dict[str, Any]:
    return {
        "generator_ab": translator(normalization),
        "generator_ba": translator(normalization),
        "discriminator_a": judge(normalization),
        "discriminator_b": judge(normalization),
        "pool_size": 0,
    }


def pix2pix(normalization: Any) -> dict[str, Any]:
    """Weights so large that images of few maps without a normalisation are not all but grey."""
    generator, discriminator = (
        UNet(1, 1, 4, WIDTH, normalization, dropout_blocks=0),
        judge(normalization, 2),
    )
    with torch.no_grad():
        for parameter in (*generator.parameters(), *discriminator.parameters()):
            if parameter.dim() > 1:
                parameter.mul_(5.0)
    return {
        "generator": generator,
        "discriminator": discriminator,
        # At the paper's 100 ten steps of plain descent are chaos, which rounding errors show in.
        "l1_weight": 1.0,
    }


#: By class name, as in ``plain.py``; dropout and pools, which are each rank's own, are off.
PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "CycleGAN": cycle,
    "Pix2Pix": pix2pix,
}

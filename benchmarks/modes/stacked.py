"""Set-ups on Stacked MNIST, built from the 5,000 real digits that ship, and their counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.modes.games import EagerGAN, EagerPacGAN
from benchmarks.modes.setups import Counts, Setup, Size
from callbacks.metrics.trained_classifier import ClassifierSpace
from datamodules.base import DataModule
from datamodules.batches import to_uint8
from datamodules.mnist import MNIST5k
from datamodules.stacked_mnist import StackedMNIST, count_stacked_modes
from gan_modules.base import AdversarialModule
from gan_modules.engine.game import Game
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.objectives import NonSaturating, Objective
from gan_modules.regularizers import R1, R2
from gan_modules.relativistic import RelativisticPairing

SAMPLES = 26_000
_DIGITS = "triples of 4,500 digits for those of 70,000; 32 px with a black border for 28"


def packed(size: Size, packing: int) -> Setup:
    """VEEGAN's set-up, as PacGAN's code has it: DCGAN, 64 packs, two G steps for each D step."""
    width = 16 if size == "reduced" else 64

    def build(steps: int) -> Game:
        generator = DCGANGenerator(32, 3, latent_dim=100, width=width)
        discriminator = DCGANDiscriminator(32, 3 * packing, width=width)
        options: dict[str, Any] = {"latent": "uniform", "betas": (0.5, 0.999)}
        if packing == 1:
            return EagerGAN(generator, discriminator, **options)
        return EagerPacGAN(generator, discriminator, packing, **options)

    return Setup(
        name="VEEGAN's stack, by PacGAN",
        data=_stack,
        build=build,
        count=count,
        batch=64 * packing,
        steps=4_000 if size == "reduced" else 200_000,
        published_steps=200_000,
        changes=(_DIGITS, f"width {width} for 64") if size == "reduced" else (_DIGITS,),
        samples=SAMPLES,
    )


def r3gan(size: Size, objective: Callable[[], Objective], at_fakes: bool) -> Setup:
    """One of the four losses that the paper sets side by side, all else equal.

    Args:
        size: of the networks.
        objective: NonSaturating is the paper's GAN, RelativisticPairing its RpGAN.
        at_fakes: R2 beside R1.
    """
    width = 16 if size == "reduced" else 64

    def build(steps: int) -> Game:
        return AdversarialModule(
            DCGANGenerator(32, 3, latent_dim=64, width=width),
            DCGANDiscriminator(32, 3, width=width, normalization="none"),
            objective(),
            [R1(1.0), R2(1.0)] if at_fakes else [R1(1.0)],
            betas=(0.0, 0.99),
        )

    return Setup(
        name="R3GAN's four losses",
        data=_stack,
        build=build,
        count=count,
        batch=64,
        steps=3_000 if size == "reduced" else 100_000,
        published_steps=None,
        changes=(_DIGITS, "DCGAN networks, gamma 1; the paper's are not at hand"),
        samples=SAMPLES,
    )


#: By variant: a data set and a size to a set-up.
VARIANTS: dict[str, Callable[[str, Size], Setup]] = {
    "GAN": lambda _, size: packed(size, 1),
    "PacGAN2": lambda _, size: packed(size, 2),
    "RpGAN+R1+R2": lambda _, size: r3gan(size, RelativisticPairing, at_fakes=True),
    "GAN+R1+R2": lambda _, size: r3gan(size, NonSaturating, at_fakes=True),
    "RpGAN+R1": lambda _, size: r3gan(size, RelativisticPairing, at_fakes=False),
    "GAN+R1": lambda _, size: r3gan(size, NonSaturating, at_fakes=False),
}


def reader() -> ClassifierSpace:
    """The classifier of single digits: trained once, with its accuracy on held-out digits."""
    return ClassifierSpace.for_data(MNIST5k(32))


def read_digits(samples: Tensor, space: ClassifierSpace) -> Tensor:
    """Classes ``(N, 3)`` of the channels of images ``(N, 3, 32, 32)`` in [-1, 1]."""
    found = []
    for part in samples.split(512):
        logits = space(to_uint8(part).flatten(0, 1).unsqueeze(1)).logits
        assert logits is not None
        found.append(logits.argmax(1).view(-1, 3))
    return torch.cat(found)


def count(samples: Tensor, data: DataModule) -> Counts:
    """Modes and reverse KL of images, as the classifier reads them."""
    counted = count_stacked_modes(read_digits(torch.nan_to_num(samples), reader()))
    return {"modes": counted.modes, "reverse_kl": counted.reverse_kl}


def _stack(batch: int, seed: int) -> DataModule:
    return StackedMNIST(size=32, length=128_000, batch_size=batch, seed=seed)

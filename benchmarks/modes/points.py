"""Set-ups on the ring of 8 and the grid of 25 Gaussians."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.modes.games import SimultaneousGAN, SimultaneousPacGAN
from benchmarks.modes.setups import Counts, Setup, Size
from datamodules.base import DataModule
from datamodules.toy import GaussianMixture, Grid, Ring, count_modes
from gan_modules.autoencoding.veegan import VEEGAN
from gan_modules.engine.game import Game
from gan_modules.networks.autoencoders import MLPEncoder, MLPPairDiscriminator
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.networks.toy import (
    MaxoutDiscriminator,
    OrthogonalDiscriminator,
    OrthogonalGenerator,
    ToyGenerator,
)
from gan_modules.unconditional.unrolled_gan import UnrolledGAN
from gan_modules.unconditional.wgan_gp import WGANGP

SAMPLES = 2_500
_UNROLLED = (
    "16 latents and 64 units for 256 and 128",
    "five steps of plain descent ahead for Adam's",
    "rates of 3e-3 that fall to 0 in the second half for 1e-3 and 1e-4",
    "batches of 64 for 512",
)
_VEEGAN = (
    "2 latents for 254, of which most cannot come back from a point of the plane",
    "two hidden layers in D for one",
    "batches of 128 for 500",
    "a rate that falls to 0 in the second half",
)
_FALLING = "a rate of 1e-3 that falls to 0 in the second half"


def pacgan(points: str, size: Size, packing: int) -> Setup:
    """The authors' code for points: 100 packs, maxout D, both players at once, a fixed set."""
    reduced = size == "reduced"
    units, maxout = (64, 32) if reduced else (400, 200)

    def build(steps: int) -> Game:
        generator = ToyGenerator(hidden=units)
        discriminator = MaxoutDiscriminator(2 * packing, hidden=maxout)
        rate = 1e-3 if reduced else 1e-4
        options: dict[str, Any] = {
            "generator_lr": rate,
            "discriminator_lr": rate,
            "betas": (0.8, 0.999),
            "lr_decay": (steps // 2, steps) if reduced else None,
        }
        if packing == 1:
            return SimultaneousGAN(generator, discriminator, **options)
        return SimultaneousPacGAN(generator, discriminator, packing, **options)

    changes: tuple[str, ...] = ("BatchNorm over the members of all packs",) if packing > 1 else ()
    if reduced:
        changes += (
            f"{units} and {maxout} units for 400 and 200",
            "rates of 1e-3 that fall to 0 in the second half for 1e-4",
        )
    return Setup(
        name="PacGAN's points",
        data=_plain(points),
        build=build,
        count=count,
        batch=100 * packing,
        # The grid is four times as wide, with three times as many modes.
        steps=_reduced(points, 6_000, 10_000) if reduced else 400_000,
        published_steps=400_000,
        changes=changes,
        samples=SAMPLES,
    )


def unrolled(points: str, size: Size) -> Setup:
    """The authors' notebook: tanh networks, five steps ahead through Adam's arithmetic."""
    reduced = size == "reduced"

    def build(steps: int) -> Game:
        if not reduced:
            return UnrolledGAN(OrthogonalGenerator(), OrthogonalDiscriminator(), inner="adam")
        return UnrolledGAN(
            OrthogonalGenerator(16, hidden=64),
            OrthogonalDiscriminator(hidden=64),
            unrolling_lr=0.1,
            generator_lr=3e-3,
            discriminator_lr=3e-3,
            lr_decay=(steps // 2, steps),
        )

    return Setup(
        name="unrolled GAN's notebook",
        data=_plain(points),
        build=build,
        count=count,
        batch=64 if reduced else 512,
        steps=2_500 if reduced else 25_000,
        published_steps=25_000,
        changes=(
            "the published row is VEEGAN's, which does not tell its networks",
            *(_UNROLLED if reduced else ()),
        ),
        samples=SAMPLES,
    )


def veegan(points: str, size: Size) -> Setup:
    """The authors' notebook, as far as a public port of it tells."""
    reduced = size == "reduced"

    codes, layers = (2, 2) if reduced else (254, 1)

    def build(steps: int) -> Game:
        return VEEGAN(
            MLPGenerator(codes, [2], hidden=128, layers=2),
            MLPEncoder([2], outputs=codes, hidden=128, layers=2),
            MLPPairDiscriminator(codes, [2], hidden=128, layers=layers),
            lr_decay=(steps // 2, steps) if reduced else None,
        )

    return Setup(
        name="VEEGAN's notebook",
        data=_plain(points),
        build=build,
        count=count,
        batch=128 if reduced else 500,
        steps=_reduced(points, 6_000, 10_000) if reduced else 100_000,
        published_steps=100_000,
        changes=(
            "networks and steps of a public port of the notebook",
            *(_VEEGAN if reduced else ()),
        ),
        samples=SAMPLES,
    )


def wgan_gp(points: str, size: Size) -> Setup:
    """The authors' toy script, with its own scale of the points; it reports no counts."""
    reduced = size == "reduced"
    units, rate = (128, 1e-3) if reduced else (512, 1e-4)

    def build(steps: int) -> Game:
        return WGANGP(
            MLPGenerator(2, [2], hidden=units),
            MLPDiscriminator([2], hidden=units),
            penalty_weight=0.1,
            betas=(0.5, 0.9),
            generator_lr=rate,
            discriminator_lr=rate,
            lr_decay=(steps // 2, steps) if reduced else None,
        )

    def data(batch: int, seed: int) -> DataModule:
        options: dict[str, Any] = {"batch_size": batch, "seed": seed, "held_out_share": 0.0}
        if points == "ring":
            return Ring(radius=2.0, std=0.02, scale=1 / 1.414, **options)
        return Grid(scale=1 / 2.828, **options)

    return Setup(
        name="WGAN-GP's toy script",
        data=data,
        build=build,
        count=count,
        batch=64 if reduced else 256,
        steps=2_000 if reduced else 100_000,
        published_steps=100_000,
        changes=(f"{units} units for 512", "batches of 64 for 256", f"{_FALLING} for 1e-4")
        if reduced
        else (),
        samples=SAMPLES,
    )


#: By variant: a data set and a size to a set-up.
VARIANTS: dict[str, Callable[[str, Size], Setup]] = {
    "GAN": lambda points, size: pacgan(points, size, 1),
    "UnrolledGAN": unrolled,
    "VEEGAN": veegan,
    "PacGAN2": lambda points, size: pacgan(points, size, 2),
    "PacGAN3": lambda points, size: pacgan(points, size, 3),
    "PacGAN4": lambda points, size: pacgan(points, size, 4),
    "WGANGP": wgan_gp,
}


def count(samples: Tensor, data: DataModule) -> Counts:
    """Modes, share of high quality and reverse KL of points; defined for points that are NaN."""
    assert isinstance(data, GaussianMixture)
    # The generator of a run that diverged: far from every mode, which is what it is.
    finite = torch.nan_to_num(samples, nan=1e6, posinf=1e6, neginf=-1e6)
    return dataclasses.asdict(count_modes(finite, data.centres, data.std))


def _reduced(points: str, ring: int, grid: int) -> int:
    return {"ring": ring, "grid": grid}[points]


def _plain(points: str) -> Callable[[int, int], DataModule]:
    """PacGAN's ring of 8 or grid of 25: a fixed set of 100,000 points, none held out."""
    kind = {"ring": Ring, "grid": Grid}[points]
    return lambda batch, seed: kind(batch_size=batch, seed=seed, held_out_share=0.0)

"""From a planned run to a module with its data, and the hand that spoils it."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

import gan_modules.objectives
from benchmarks.collapse.conditional import LabelledDiscriminator, LabelledGame, LabelledGenerator
from benchmarks.collapse.data import DigitPairs, Digits
from benchmarks.collapse.plan import KINDS, Recipe, Run, Spoiling
from benchmarks.collapse.translation import TranslationGame
from datamodules.base import DataModule
from datamodules.mnist import MNIST5k
from datamodules.toy import Grid, Ring
from gan_modules.base import AdversarialModule
from gan_modules.engine.game import Game
from gan_modules.networks.blocks import spectral
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import Objective
from gan_modules.regularizers import R1, GradientPenalty, Regularizer

_DIGIT = (1, 8, 8)
_EMA_PROBES = 4


def data_of(kind: str, seed: int = 0) -> DataModule:
    """The data that generated samples of a kind are held against.

    For a translation these are the images of its source; their negatives are the other domain.

    Args:
        kind: of :data:`KINDS`.
        seed: of the order of the batches.
    """
    options: dict[str, Any] = {"batch_size": KINDS[kind].batch, "seed": seed}
    if kind == "ring":
        return Ring(std=0.1, scale=3.0, length=20_000, **options)
    if kind == "grid":
        return Grid(spacing=1.5, std=0.2, length=20_000, **options)
    if kind == "mnist":
        return MNIST5k(size=32, **options)
    return Digits(**options)


def build(run: Run) -> tuple[Game, pl.LightningDataModule]:
    """The untrained module of a run, with its data.

    Args:
        run: whose seed decides weights and order.
    """
    torch.manual_seed(run.training_seed)
    if run.kind == "inverted":
        return TranslationGame(_DIGIT), DigitPairs(KINDS[run.kind].batch, run.training_seed)
    recipe = run.recipe
    generator, discriminator = networks(run.kind)
    if recipe.spectral:
        for layer in list(discriminator.modules()):
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                spectral(layer)
    game = LabelledGame if run.kind == "labelled" else AdversarialModule
    kind = KINDS[run.kind]
    images = kind.every * kind.batch * recipe.discriminator_steps
    module = game(
        generator,
        discriminator,
        objective_of(recipe),
        regularizers_of(recipe),
        discriminator_steps=recipe.discriminator_steps,
        generator_lr=recipe.generator_lr,
        discriminator_lr=recipe.discriminator_lr,
        betas=recipe.betas,
        ema_half_life_images=_EMA_PROBES * images,
    )
    return module, data_of(run.kind, run.training_seed)


def networks(kind: str) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of a kind of data."""
    if kind == "ring":
        return MLPGenerator(8, (2,), 64, 2), MLPDiscriminator((2,), 64, 2, "leaky_relu")
    if kind == "grid":
        # Two layers of 64 lay a blanket over 25 modes and find none of them.
        return MLPGenerator(2, (2,), 128, 3), MLPDiscriminator((2,), 128, 3, "leaky_relu")
    if kind == "labelled":
        return LabelledGenerator(16, 10, _DIGIT, 128), LabelledDiscriminator(10, _DIGIT, 128)
    if kind == "mnist":
        return DCGANGenerator(32, 1, 32, 16), DCGANDiscriminator(32, 1, 16, "none")
    return MLPGenerator(16, _DIGIT, 128, 2), MLPDiscriminator(_DIGIT, 128, 2, "leaky_relu")


def objective_of(recipe: Recipe) -> Objective:
    """The objective of a recipe."""
    found: Objective = getattr(gan_modules.objectives, recipe.objective)()
    return found


def regularizers_of(recipe: Recipe) -> list[Regularizer]:
    """The regularizers of a recipe."""
    found: list[Regularizer] = []
    if recipe.r1:
        found.append(R1(recipe.r1))
    if recipe.gradient_penalty:
        found.append(GradientPenalty(recipe.gradient_penalty))
    return found


class Spoil(pl.Callback):
    """At one generator step both rates change, and penalties and the cycle term end.

    Args:
        spoiling: when and how.
    """

    def __init__(self, spoiling: Spoiling) -> None:
        self.spoiling, self.done = spoiling, False

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Spoil the run once the step is reached."""
        if self.done or pl_module.steps["generator"] < self.spoiling.step:
            return
        self.done = True
        factors = {
            "generator": self.spoiling.generator_factor,
            "discriminator": self.spoiling.discriminator_factor,
        }
        for name, player in pl_module.referee.players.items():
            for group in player.optimizer.param_groups:
                group["lr"] *= factors[name]
        pl_module.regularizers = []
        if isinstance(pl_module, TranslationGame):
            pl_module.cycle_weight = 0.0

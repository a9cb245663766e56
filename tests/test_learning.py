"""A game that plays for the wrong side, or without a term, does not learn this."""

import pytest
import torch
from pytorch_lightning import Trainer

import gan_modules
from datamodules.toy import Ring, count_modes
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import Minimax
from gan_modules.regularizers import R1
from tests.test_every_variant import QUIET

CASES = {
    "GAN": {"regularizers": [R1(0.1)]},
    "minimax": {"regularizers": [R1(0.1)], "objective": Minimax()},
    "LSGAN": {"regularizers": [R1(0.1)]},
    "WGANGP": {"penalty_weight": 0.1, "discriminator_steps": 3, "betas": (0.5, 0.9)},
}


@pytest.mark.parametrize("name", CASES)
def test_three_modes_are_learned_in_500_generator_steps(name: str) -> None:
    torch.manual_seed(0)
    data = Ring(modes=3, std=0.1, length=20_000, batch_size=128, seed=0)
    cls = gan_modules.GAN if name == "minimax" else getattr(gan_modules, name)
    module = cls(
        MLPGenerator(4, (2,), 64, 2),
        MLPDiscriminator((2,), 64, 2, "leaky_relu"),
        generator_lr=2e-3,
        discriminator_lr=2e-3,
        ema_half_life_images=5_000,
        **{"betas": (0.5, 0.99), **CASES[name]},
    )
    trainer = Trainer(max_steps=500, **QUIET | {"log_every_n_steps": 100})
    trainer.fit(module, datamodule=data)
    samples = module.sample(2500, generator=torch.Generator().manual_seed(1))
    found = count_modes(samples, data.centres, data.std)
    print(name, found)
    # Before training, or for the wrong side, next to nothing lies within 3 std of a mode.
    assert found.modes == 3 and found.high_quality > 0.5 and found.reverse_kl < 0.1

"""What a rollback does to models that have no penalties to strengthen, as autoencoders."""

from types import SimpleNamespace

import pytest
import torch

from callbacks.collapse.changes import opponents
from callbacks.collapse.discriminator import discriminator_auc
from callbacks.collapse.probes import SampleProber
from callbacks.collapse.rollback import Rollback
from tests.small_variants import FixedImages, build
from tests.test_every_variant import fit

#: Enough of a trainer for a rank that reads no files.
TRAINER = SimpleNamespace(
    is_global_zero=False, global_rank=0, strategy=SimpleNamespace(broadcast=lambda value: value)
)


@pytest.mark.parametrize("name", ["VAE", "AlphaGAN"])
def test_the_rates_fall_and_a_resumed_run_asks_for_no_penalty(name: str) -> None:
    module = build(name)
    fit(module, steps=1)
    rates = [p.optimizer.param_groups[0]["lr"] for p in module.referee.players.values()]
    rollback = Rollback(3)
    for _ in range(3):
        rollback._climb(TRAINER, module)
    assert rollback.state_dict() == {"done": 3, "smoothed": 0}
    after = [p.optimizer.param_groups[0]["lr"] for p in module.referee.players.values()]
    assert after == pytest.approx([rate / 8 for rate in rates])
    again = Rollback(3)
    again.load_state_dict(rollback.state_dict())
    again.resume(TRAINER, build(name))
    assert again.state_dict() == {"done": 3, "smoothed": 0}


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("VAE", []),
        ("VAEGAN", ["discriminator"]),
        ("AlphaGAN", ["discriminator", "code_discriminator"]),
    ],
)
def test_an_encoder_is_no_opponent_of_the_generator(name: str, names: list[str]) -> None:
    module = build(name)
    fit(module, steps=1)
    assert opponents(module) == names


def test_penalties_that_were_added_are_added_again_and_no_more() -> None:
    module = build("GAN")
    fit(module, steps=1)
    rollback = Rollback(3)
    for _ in range(3):
        rollback._climb(TRAINER, module)
    assert rollback.smoothed == 2 and [r.name for r in module.regularizers] == ["r1"]
    resumed = build("GAN")
    again = Rollback(3)
    again.load_state_dict(rollback.state_dict())
    again.resume(TRAINER, resumed)
    assert resumed.regularizers[0].gamma == module.regularizers[0].gamma


@pytest.mark.parametrize(("name", "asked"), [("VAE", False), ("VAEGAN", True), ("AlphaGAN", True)])
def test_a_discriminator_of_images_is_asked_and_others_are_not(name: str, asked: bool) -> None:
    module = build(name)
    prober = SampleProber.__new__(SampleProber)
    prober.latest = module.sample(6, generator=torch.Generator().manual_seed(0))
    prober.real_samples = FixedImages(6).images
    auc = discriminator_auc(module, prober)
    assert (auc is not None) == asked
    assert auc is None or 0.0 <= auc <= 1.0

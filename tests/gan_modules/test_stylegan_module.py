"""StyleGAN as a game: growth, what D is shown, R1 in every step, and resuming in a fade."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from gan_modules.engine.noise import Noise
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_modules.networks.growing import faded
from gan_modules.networks.stylegan import StyleGANDiscriminator
from gan_modules.networks.stylegan2 import StyleGAN2Generator
from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import R1
from tests.small_variants import LATENT, SIZE, FixedImages, build
from tests.test_every_variant import QUIET

BATCH = {"image": FixedImages().images[:4]}


def fit(module: Any, rounds: int, resume: Path | None = None) -> Trainer:
    """All on one batch, so that a resumed run has the batches of one that never stopped."""
    trainer = Trainer(max_steps=rounds, **QUIET)
    batches = DataLoader([{"image": image} for image in BATCH["image"]], batch_size=4)
    trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    return trainer


def test_it_grows_from_8_px_in_both_networks_and_the_averaged_one() -> None:
    module = build("StyleGAN")
    names = [stage.name for stage in module.schedule()]
    assert names == ["8 px", "fading in 16 px", "16 px", "fading in 32 px", "32 px"]
    levels = []
    start = module.on_train_batch_start

    def noted(*inputs: Any) -> None:
        start(*inputs)
        networks = (module.generator.synthesis, module.discriminator)
        averaged = module.generator_ema.synthesis
        assert {network.level for network in (*networks, averaged)} == {networks[0].level}
        levels.append(networks[0].level)

    module.on_train_batch_start = noted
    fit(module, 13)
    # Batches of 4 images, stages of 8 and fades of 16.
    rising = [0.0, 0.25, 0.5, 0.75]
    assert levels == [1, 1, *(1 + s for s in rising), 2, 2, *(2 + s for s in rising), 3]


def test_adam_begins_anew_with_each_stage() -> None:
    module = build("StyleGAN")
    trainer = fit(module, 2)
    assert not any(optimizer.state for optimizer in trainer.optimizers)
    module = build("StyleGAN")
    assert all(optimizer.state for optimizer in fit(module, 3).optimizers)


def test_discriminator_sees_real_images_as_coarse_as_the_fakes(monkeypatch) -> None:
    module = build("StyleGAN")
    module.steps = {"discriminator": 0}
    seen = []
    monkeypatch.setattr(
        module, "score", lambda images, _=(): seen.append(images) or images[:, 0, 0, 0]
    )
    monkeypatch.setattr(module, "penalties", lambda score, real, fake: seen.append(real) or {})
    for level in (1.0, 1.25):
        for network in (module.generator.synthesis, module.discriminator):
            network.level = level
        seen.clear()
        module.discriminator_losses(BATCH)
        real, fake, penalised = seen
        torch.testing.assert_close(real, faded(BATCH["image"], level))
        assert penalised is real and fake.shape == real.shape
        step = 4 if level == 1.0 else 2
        for images in (real, fake):
            coarse = images[..., ::step, ::step]
            repeated = coarse.repeat_interleave(step, 2).repeat_interleave(step, 3)
            assert torch.equal(images, repeated)


def test_objective_and_penalty_are_the_papers_and_in_every_step() -> None:
    module = build("StyleGAN")
    assert isinstance(module.objective, NonSaturating)
    (penalty,) = module.regularizers
    assert isinstance(penalty, R1) and penalty.gamma == 10.0 and penalty.interval == 1
    for step in (0, 1):
        module.steps = {"discriminator": step}
        assert list(module.discriminator_losses(BATCH)) == ["adversarial", "r1"]
    groups = {p.name: p.optimizer.param_groups[0] for p in module.players()}
    assert all(g["lr"] == 1e-3 and g["betas"] == (0.0, 0.99) for g in groups.values())
    assert build("StyleGAN", gamma=2.0).regularizers[0].gamma == 2.0


def test_training_images_are_mixed_with_fresh_noise_and_two_ranks_draw_alike() -> None:
    module = build("StyleGAN").double()
    for layer in module.generator.synthesis.layers:
        torch.nn.init.constant_(layer.noise_strength, 0.2)
    images = []
    for rank in range(2):
        module.noise = Noise(4, rank)
        images.append(module.generate(3))
    module.noise = Noise(4)
    whole = module.generate(6)
    torch.testing.assert_close(whole, torch.cat(images))
    module.noise = Noise(4)
    plain = module.generator(module.training_latents(6))
    assert (plain - whole).abs().max() > 1e-3
    assert not torch.equal(module.generate(6), whole)


def test_resumed_in_the_middle_of_a_fade_it_ends_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    straight, first, resumed = (build("StyleGAN") for _ in range(3))
    torch.manual_seed(8)
    of_straight = fit(straight, 6)
    torch.manual_seed(8)
    fit(first, 4).save_checkpoint(tmp_path / "half.ckpt", weights_only=False)
    assert first.generator.synthesis.level == 1.25
    trainer = fit(resumed, 6, tmp_path / "half.ckpt")
    ours, theirs = resumed.state_dict(), straight.state_dict()
    assert ours.keys() == theirs.keys() and ours["generator.mapping.w_avg"].any()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    for one, other in zip(trainer.optimizers, of_straight.optimizers, strict=True):
        assert str(one.state_dict()["state"]) == str(other.state_dict()["state"])


def test_samples_are_in_range_at_full_size_and_change_nothing() -> None:
    module = build("StyleGAN", ema_half_life_images=None)
    torch.nn.init.constant_(module.generator.synthesis.to_images[1].bias, 5.0)
    assert module.generator.synthesis.level == 1.0
    before = {key: value.clone() for key, value in module.state_dict().items()}
    samples = module.sample(3, generator=torch.Generator().manual_seed(1))
    assert samples.shape == (3, 1, SIZE, SIZE)
    assert samples.max() == 1.0 and samples.min() >= -1.0 and module.noise.calls == 0
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": DCGANGenerator(SIZE, 1, LATENT, 4)}, "StyleGAN: generator must be one with"),
        (
            {"generator": StyleGAN2Generator(SIZE, 1, LATENT, 6, 32, 4, 1)},
            "StyleGAN: synthesis must be a network that grows, got StyleGAN2Synthesis",
        ),
        (
            {"discriminator": DCGANDiscriminator(SIZE, 1, 4, "none")},
            "StyleGAN: discriminator must be a network that grows, got DCGANDiscriminator",
        ),
        (
            {"discriminator": StyleGANDiscriminator(16, 1, 32, 4)},
            "synthesis and discriminator must have one size, got 32 and 16",
        ),
        ({"compile": "G"}, "StyleGAN: compile must be off, got G"),
        ({"mixing_probability": -0.1}, r"StyleGAN: mixing_probability must lie in .*, got -0.1"),
        ({"gamma": -1.0}, "R1: gamma must be positive and finite, got -1.0"),
        ({"start_size": 64}, "Growth: start_size must be at most size, got 64 for 32"),
        ({"fade_images": 0}, "Growth: fade_images must be at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("StyleGAN", **options)

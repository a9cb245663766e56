"""StyleGAN2 as a game: turns, corrections, what each step reaches, and resuming."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn
from torch.utils.data import DataLoader

from gan_modules.augmentations import DiffAugment
from gan_modules.engine.noise import Noise
from gan_modules.engine.player import lazily
from gan_modules.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from tests.small_variants import LATENT, SIZE, FixedImages, build
from tests.test_every_variant import QUIET

BATCH = {"image": FixedImages().images[:8]}


def fit(module: Any, rounds: int, resume: Path | None = None) -> Trainer:
    """All on one batch, so that a resumed run has the batches of one that never stopped."""
    trainer = Trainer(max_steps=rounds, **QUIET)
    batches = DataLoader([{"image": image} for image in FixedImages().images[:4]], batch_size=4)
    trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    return trainer


def watched(module: Any, rounds: int) -> list[tuple[str, str, set[str], set[str]]]:
    """Player, phase, parameters that have a gradient, and parameters that moved, by step."""
    seen = []
    start = module.on_train_start

    def on_train_start() -> None:
        start()
        referee = module.referee
        step = referee._step

        def noted(player: Any, turn: Any) -> None:
            before = {name: p.detach().clone() for name, p in module.named_parameters()}
            own = {id(p) for p in player.trainable if p.grad is not None}
            graded = {name for name, p in module.named_parameters() if id(p) in own}
            step(player, turn)
            moved = {n for n, p in module.named_parameters() if not torch.equal(p, before[n])}
            seen.append((player.name, turn.phase, graded, moved))

        referee._step = noted

    module.on_train_start = on_train_start
    fit(module, rounds)
    return seen


def test_corrected_rates_and_betas_are_the_known_ones_kat_38() -> None:
    lr, betas = lazily(0.0025, (0.0, 0.99), 16)
    assert lr == pytest.approx(0.00235294, abs=5e-9)
    assert betas == (0.0, pytest.approx(0.99058546, abs=5e-9))
    lr, betas = lazily(0.0025, (0.0, 0.99), 4)
    assert lr == pytest.approx(0.002, rel=1e-12)
    assert betas[1] == pytest.approx(0.99199197, abs=5e-9)
    assert lazily(0.1, (0.5, 0.9), 1) == (0.05, pytest.approx((0.5**0.5, 0.9**0.5)))


def test_each_player_is_corrected_for_the_steps_on_its_own_penalty() -> None:
    module = build("StyleGAN2", r1_interval=16)
    groups = {p.name: p.optimizer.param_groups[0] for p in module.players()}
    assert groups["discriminator"]["lr"] == pytest.approx(0.00235294, abs=5e-9)
    assert groups["discriminator"]["betas"][1] == pytest.approx(0.99058546, abs=5e-9)
    assert groups["generator"]["lr"] == pytest.approx(0.002)
    assert groups["generator"]["betas"][1] == pytest.approx(0.99199197, abs=5e-9)


def test_decay_starts_at_the_corrected_rate() -> None:
    module = build("StyleGAN2", r1_interval=16, lr_decay=(2, 4))
    for player in module.players():
        assert player.scheduler.base_lrs == [player.optimizer.param_groups[0]["lr"]]


def test_without_path_lengths_the_generator_has_one_kind_of_step_at_its_full_rate() -> None:
    module = build("StyleGAN2", path_length_weight=None)
    groups = {p.name: p.optimizer.param_groups[0] for p in module.players()}
    assert groups["generator"]["lr"] == 0.0025 and groups["generator"]["betas"] == (0.0, 0.99)
    assert {turn.phase for turn in module.schedule()[0].turns} == {"", "r1"}
    fit(module, 2)
    assert module.path_length_mean == 0.0


def test_order_is_generator_path_length_discriminator_r1() -> None:
    module = build("StyleGAN2", r1_interval=3, path_length_interval=2)
    seen = [(player, phase) for player, phase, _, _ in watched(module, 4)]
    main, lengths, r1 = ("", "path_length", "r1")
    g, d = "generator", "discriminator"
    assert seen == [
        (g, main), (g, lengths), (d, main), (d, r1),
        (g, main), (d, main),
        (g, main), (g, lengths), (d, main),
        (g, main), (d, main), (d, r1),
    ]  # fmt: skip
    assert module.steps == {"generator": 4, "discriminator": 4} and module.rounds == 4
    keys = set(module.last_statistics)
    assert {"train/generator/adversarial", "train/discriminator/adversarial"} <= keys


def test_a_step_on_a_penalty_leaves_what_it_does_not_reach_untouched_kat_48() -> None:
    seen = {}
    for player, phase, graded, moved in watched(build("StyleGAN2", r1_interval=2), 3):
        seen.setdefault((player, phase), []).append((graded, moved))
    for graded, moved in seen[("discriminator", "r1")]:
        assert all(name.startswith("discriminator.") for name in moved)
        # The score's own bias shifts all scores and no gradient of them.
        assert "discriminator.head.bias" not in graded | moved
        assert "discriminator.head.weight" in moved
    for graded, moved in seen[("generator", "path_length")]:
        assert all(name.startswith("generator.") for name in moved)
        untouched = {f"generator.synthesis.to_image.{level}.bias" for level in range(4)}
        assert not untouched & (graded | moved)
        assert any(name.startswith("generator.mapping") for name in moved)
    for graded, _ in seen[("generator", "")]:
        assert "generator.synthesis.to_image.0.bias" in graded


def test_r1_counts_as_often_more_as_it_is_rarer_and_sees_the_real_images_alone() -> None:
    module = build("StyleGAN2", r1_interval=16, gamma=3.0).double()
    real = BATCH["image"].double()
    losses = module.discriminator_r1_losses({"image": real})
    points = real.clone().requires_grad_(True)
    (slopes,) = torch.autograd.grad(module.discriminator(points).sum(), points)
    expected = 16 * 1.5 * slopes.flatten(1).square().sum(1).mean()
    assert list(losses) == ["r1"]
    torch.testing.assert_close(losses["r1"], expected)
    losses["r1"].backward()
    assert all(p.grad is None for p in module.generator.parameters())


def test_discriminator_step_holds_no_penalty_and_no_gradient_of_the_generator() -> None:
    module = build("StyleGAN2")
    module.steps = {"discriminator": 0}
    losses = module.discriminator_losses(BATCH)
    assert list(losses) == ["adversarial"]
    losses["adversarial"].backward()
    assert all(p.grad is None for p in module.generator.parameters())


def test_training_images_are_mixed_and_noisy_and_follow_the_engines_noise() -> None:
    module = build("StyleGAN2")
    for layer in module.generator.synthesis.layers:
        nn.init.constant_(layer.noise_strength, 0.2)
    module.noise = Noise(4)
    first, second = module.generate(4), module.generate(4)
    module.noise = Noise(4)
    torch.manual_seed(99)
    assert torch.equal(module.generate(4), first) and not torch.equal(first, second)
    module.noise = Noise(4)
    plain = module.generator(module.training_latents(4))
    assert (plain - first).abs().max() > 1e-3


def test_two_ranks_draw_what_one_process_draws() -> None:
    module = build("StyleGAN2").double()
    for layer in module.generator.synthesis.layers:
        nn.init.constant_(layer.noise_strength, 0.2)
    images = []
    for rank in range(2):
        module.noise = Noise(4, rank)
        images.append(module.generate(3))
    module.noise = Noise(4)
    torch.testing.assert_close(module.generate(6), torch.cat(images))


def test_what_the_two_rank_contract_compares_holds_the_two_means_kat_48() -> None:
    """``tests/test_two_ranks.py`` compares the whole state of both ranks with one process's."""
    module = build("StyleGAN2")
    fit(module, 3)
    state = module.state_dict()
    for key in ("path_length_mean", "generator.mapping.w_avg", "generator_ema.mapping.w_avg"):
        if not key.startswith("generator_ema") or module.generator_ema is not None:
            assert state[key].abs().sum() > 0
    # Buffers of the averaged generator are copies.
    assert torch.equal(state["generator_ema.mapping.w_avg"], state["generator.mapping.w_avg"])


def test_resumed_in_the_middle_it_ends_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    straight, first, resumed = (build("StyleGAN2", r1_interval=2) for _ in range(3))
    torch.manual_seed(8)
    of_straight = fit(straight, 6)
    torch.manual_seed(8)
    fit(first, 3).save_checkpoint(tmp_path / "half.ckpt", weights_only=False)
    trainer = fit(resumed, 6, tmp_path / "half.ckpt")
    assert resumed.rounds == straight.rounds == 6
    ours, theirs = resumed.state_dict(), straight.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert ours["path_length_mean"] > 0 and ours["generator.mapping.w_avg"].any()
    for one, other in zip(trainer.optimizers, of_straight.optimizers, strict=True):
        assert str(one.state_dict()["state"]) == str(other.state_dict()["state"])


def test_samples_are_in_range_and_change_nothing() -> None:
    module = build("StyleGAN2")
    nn.init.constant_(module.generator.synthesis.to_image[-1].bias, 5.0)
    module.generator_ema = None
    before = {k: v.clone() for k, v in module.state_dict().items()}
    calls = module.noise.calls
    own = [torch.Generator().manual_seed(1) for _ in range(2)]
    first, second = (module.sample(3, generator=each) for each in own)
    assert torch.equal(first, second) and first.max() == 1.0 and first.min() >= -1.0
    assert module.noise.calls == calls and module.generator.training
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


def test_path_lengths_are_of_half_the_batch_and_of_one_image_at_least() -> None:
    module = build("StyleGAN2")
    sizes = []
    module.generator.synthesis.register_forward_hook(lambda *call: sizes.append(len(call[2])))
    for n in (8, 5, 1):
        module.generator_path_length_losses({"image": BATCH["image"][:n]})
    assert sizes == [4, 2, 1]


def test_augmented_images_are_what_r1_and_both_players_see() -> None:
    module = build("StyleGAN2", augmentation=DiffAugment())
    fit(module, 2)
    assert all(value == value for value in module.last_statistics.values())
    assert not torch.equal(
        module.discriminator_r1_losses(BATCH)["r1"], module.discriminator_r1_losses(BATCH)["r1"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": DCGANGenerator(SIZE, 1, LATENT, 4)}, "generator must be one with styles"),
        ({"mixing_probability": 1.5}, r"StyleGAN2: mixing_probability must lie in .*, got 1.5"),
        ({"r1_interval": 0}, "StyleGAN2: r1_interval must be a positive integer, got 0"),
        ({"path_length_interval": 0}, "path_length_interval must be a positive integer, got 0"),
        ({"path_length_weight": -1.0}, "StyleGAN2: path_length_weight must be positive, got -1.0"),
        ({"gamma": 0.0}, "R1: gamma must be positive and finite, got 0.0"),
        (
            {"discriminator": DCGANDiscriminator(SIZE, 1, 4)},
            "StyleGAN2: discriminator.* is BatchNorm2d, which mixes samples .* R1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("StyleGAN2", **options)

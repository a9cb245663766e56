"""SoundToImage: when the encoder learns, what D is told, and how loudness changes a picture."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from callbacks.metrics.loudness import loudness_probe, spearman
from gan_modules import SoundToImage
from gan_modules.engine.noise import Noise
from gan_modules.networks.sound_image import SoundImageDiscriminator
from gan_modules.objectives import Hinge
from tests.small import conditional
from tests.small.batches import FixedBatches
from tests.small.sizes import BANDS, FRAMES
from tests.small_variants import CLASSES, SIZE, WIDTH, build, load
from tests.test_every_variant import fit

DATA = FixedBatches("SoundImages")
BATCH = DATA.batch(6)
WHENS = ("frozen", "finetune", "joint")


def when(encoder_training: str, **options: Any) -> Any:
    images = 0 if encoder_training == "joint" else 8
    return build(
        "SoundToImage",
        encoder_training=encoder_training,
        **{"pretraining_images": images, **options},
    )


def playing(encoder_training: str = "joint", **options: Any) -> Any:
    module = when(encoder_training, **options)
    module.configure_optimizers()
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def test_defaults_are_those_of_the_design() -> None:
    parts = conditional.sound("none")
    module = SoundToImage(parts["generator"], parts["discriminator"])
    assert isinstance(module.objective, Hinge) and module.betas == (0.0, 0.9)
    assert module.generator_lr == module.discriminator_lr == 2e-4 and module.class_weight == 1.0
    first, game = module.schedule()
    assert [(t.players, t.phase) for t in first.turns] == [("generator", "encoder")]
    assert first.images == 20_000 and game.planned_shock
    assert [t.players for t in game.turns] == ["discriminator", "generator"]
    (only,) = when("joint").schedule()
    assert [t.players for t in only.turns] == ["discriminator", "generator"]


@pytest.mark.parametrize("encoder_training", WHENS)
def test_the_encoder_moves_in_its_stages_and_in_no_other(encoder_training: str) -> None:
    module = when(encoder_training, ema_half_life_images=50.0)
    moved: list[tuple[int, bool, bool]] = []
    state: dict[str, Tensor] = {}

    def now() -> dict[str, Tensor]:
        return {k: v.clone() for k, v in module.generator.state_dict().items()}

    def stepped(name: str) -> None:
        if name == "generator":
            before, after = dict(state), now()
            differ = [k for k, v in after.items() if not torch.equal(v, before[k])]
            kinds = [k.startswith("encoder.layers") for k in differ]
            moved.append((module.position.stage, any(kinds), not all(kinds)))
            state.update(after)

    module.player_stepped = stepped
    state.update(now())
    fit(module, steps=2)
    game = 0 if encoder_training == "joint" else 1
    alone = [m for m in moved if m[0] < game]
    assert len(alone) == (0 if encoder_training == "joint" else 2)
    assert all(encoder for _, encoder, _ in alone)
    together = [m for m in moved if m[0] == game]
    assert len(together) == 2 and all(rest for *_, rest in together)
    assert [encoder for _, encoder, _ in together] == [encoder_training != "frozen"] * 2


def test_only_the_encoder_moves_while_it_learns_to_name_sounds() -> None:
    module = playing("finetune")
    with module.referee._only(module.referee.players["generator"]):
        losses = module.generator_encoder_losses(BATCH)
        losses["class"].backward()
    there = {k for k, p in module.generator.named_parameters() if p.grad is not None}
    assert there == {k for k, _ in module.generator.named_parameters() if k.startswith("encoder.")}
    logits = module.encoder.classifier(module.encoder(BATCH["sound"]))
    torch.testing.assert_close(losses["class"], F.cross_entropy(logits, BATCH["label"]))


def test_the_average_begins_the_game_with_the_encoder_as_it_is() -> None:
    module = when("frozen", ema_half_life_images=1e9, ema_rampup=None, pretraining_images=12)
    fit(module, steps=1)
    for key, value in module.generator.state_dict().items():
        averaged = module.generator_ema.state_dict()[key]
        if key.startswith("encoder.layers"):
            torch.testing.assert_close(averaged, value)


@pytest.mark.parametrize("encoder_training", WHENS)
def test_a_frozen_encoder_is_in_eval_mode_and_without_a_graph(encoder_training: str) -> None:
    module = build(
        "SoundToImage",
        "batch",
        encoder_training=encoder_training,
        pretraining_images=0 if encoder_training == "joint" else 8,
    ).train()
    before = {k: v.clone() for k, v in module.encoder.named_buffers()}
    code = module.code(BATCH["sound"])
    moved = any(not torch.equal(v, before[k]) for k, v in module.encoder.named_buffers())
    frozen = encoder_training == "frozen"
    assert code.requires_grad != frozen and moved != frozen and module.encoder.training


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_only_the_acting_players_gradients_are_there_k39(player: str) -> None:
    module = playing()
    with module.referee._only(module.referee.players[player]):
        sum(getattr(module, f"{player}_losses")(BATCH).values()).backward()
    for who, other in module.referee.players.items():
        assert any(p.grad is not None for p in other.trainable) == (who == player)


def test_the_encoder_cannot_please_d_through_what_d_is_told() -> None:
    module, seen = playing(), []
    module.discriminator.register_forward_hook(lambda _, given, __: seen.append(given))
    module.discriminator_losses(BATCH)
    module.generator_losses(BATCH)
    assert not any(code.requires_grad for _, code in seen)
    # Through the image alone it learns.
    assert seen[-1][0].requires_grad


def test_losses_are_hinge_and_classes_of_reals_for_d_and_of_fakes_for_g() -> None:
    module = playing(class_weight=0.5)
    module.noise = Noise(3)
    of_d = module.discriminator_losses(BATCH)
    module.noise = Noise(3)
    code = module.encoder(BATCH["sound"])
    fake = module.generator(module.training_latents(6), BATCH["sound"])
    scores, logits = module.discriminator(BATCH["image"], code)
    fake_scores, fake_logits = module.discriminator(fake, code)
    expected = (1 - scores).relu().mean() + (1 + fake_scores).relu().mean()
    torch.testing.assert_close(of_d["adversarial"], expected)
    torch.testing.assert_close(of_d["class"], 0.5 * F.cross_entropy(logits, BATCH["label"]))
    module.noise = Noise(3)
    of_g = module.generator_losses(BATCH)
    torch.testing.assert_close(of_g["adversarial"], -fake_scores.mean())
    torch.testing.assert_close(of_g["class"], 0.5 * F.cross_entropy(fake_logits, BATCH["label"]))
    assert set(of_d) == set(of_g) == {"adversarial", "class"}
    assert set(playing(class_weight=0).discriminator_losses(BATCH)) == {"adversarial"}


def test_class_terms_of_zero_logits_are_log_k_k13() -> None:
    module = playing(discriminator=SoundImageDiscriminator(SIZE, 1, WIDTH, 16, CLASSES, "none"))
    for parameter in module.discriminator.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    for losses in (module.discriminator_losses(BATCH), module.generator_losses(BATCH)):
        assert losses["class"].item() == pytest.approx(math.log(CLASSES), rel=1e-5)


def test_codes_differ_in_the_score_by_their_projection_k12() -> None:
    network = SoundImageDiscriminator(SIZE, 1, WIDTH, 16, CLASSES).eval().double()
    x, codes = BATCH["image"].double(), torch.randn(2, 6, 16, dtype=torch.float64)
    (first, logits), (second, same) = (network(x, code) for code in codes)
    expected = (network.features(x) * network.projection(codes[0] - codes[1])).sum(1)
    torch.testing.assert_close(first - second, expected)
    assert torch.equal(logits, same)
    alone = network.head(network.features(x)).squeeze(1)
    torch.testing.assert_close(network(x, torch.zeros_like(codes[0]))[0], alone)


def test_samples_are_told_sounds_or_their_codes_or_the_bank(tmp_path: Path) -> None:
    module = when("joint")
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = load(
        "SoundToImage", tmp_path / "m.ckpt", encoder_training="joint", pretraining_images=0
    )
    assert torch.equal(again.bank.rows, module.bank.rows) and again.bank.count == 8
    module.eval()
    z = module.draw_latents(6)
    torch.testing.assert_close(module.decode(z), module.decode(z, module.bank.rows[:6]))
    with torch.no_grad():
        code = module.encoder(BATCH["sound"])
    torch.testing.assert_close(module.decode(z, BATCH["sound"]), module.decode(z, code))
    own = torch.Generator().manual_seed(0)
    drawn = module.sample(6, sound=BATCH["sound"], generator=own)
    assert drawn.shape == (6, 1, SIZE, SIZE)


def test_settings_and_batches_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="encoder_training must be one of frozen, finetune, joint"):
        build("SoundToImage", encoder_training="never")
    for training, images in (("joint", 8), ("frozen", 0), ("finetune", 0)):
        match = f"pretraining_images must be positive, and 0 for joint, got {images} for {training}"
        with pytest.raises(ValueError, match=match):
            build("SoundToImage", encoder_training=training, pretraining_images=images)
    with pytest.raises(ValueError, match="SoundToImage: class_weight must not be negative, got -1"):
        build("SoundToImage", class_weight=-1)
    other = SoundImageDiscriminator(SIZE, 1, WIDTH, 8, CLASSES)
    with pytest.raises(ValueError, match="must have the same code_dim, got 16 and 8"):
        build("SoundToImage", discriminator=other)
    module = build("SoundToImage")
    module.check_batch(BATCH)
    with pytest.raises(ValueError, match="batch must have the key sound"):
        module.check_batch({"image": BATCH["image"], "label": BATCH["label"]})
    shape = rf"\[1, {BANDS}, 7\] but the networks take \[1, {BANDS}, {FRAMES}\]"
    with pytest.raises(ValueError, match=shape):
        module.check_batch({**BATCH, "sound": BATCH["sound"][..., :7]})
    with pytest.raises(ValueError, match="labels must lie in 0..2, got 3..3"):
        module.check_batch({**BATCH, "label": torch.full((6,), 3)})
    without = {k: v for k, v in BATCH.items() if k != "label"}
    with pytest.raises(ValueError, match="must have the key label"):
        module.check_batch(without)


# -- loudness --------------------------------------------------------------------------------------


def at(gain: float) -> Tensor:
    """What a gain does to log power: it adds twice its logarithm."""
    return BATCH["sound"] + 2 * math.log(gain)


def test_pictures_that_brighten_with_loudness_have_the_order_of_the_gains() -> None:
    found = loudness_probe(lambda s: s.mean((2, 3), keepdim=True), at, (4, 1, 0.25, 2, 0.5))
    assert found.gains == (0.25, 0.5, 1, 2, 4) and found.confidence == ()
    expected = [2 * math.log(gain / 0.25) for gain in found.gains]
    assert found.change == pytest.approx(expected, abs=1e-5)
    assert found.correlation == pytest.approx(1.0)


def test_pictures_that_ignore_loudness_have_no_order() -> None:
    found = loudness_probe(lambda s: torch.zeros(6, 1, 2, 2), at)
    assert found.change == (0,) * 5 and found.correlation == 0


def test_pictures_that_leap_at_the_second_gain_and_come_back_have_the_opposite_order() -> None:
    def leaping(sounds: Tensor) -> Tensor:
        louder = (sounds - at(0.25)).mean()
        return torch.full((6, 1, 2, 2), float(1 / louder if louder > 0.1 else 0))

    found = loudness_probe(leaping, at)
    assert found.change[1:] == tuple(sorted(found.change[1:], reverse=True))
    assert found.correlation == pytest.approx(-1.0)


def test_confidence_is_the_mean_of_what_a_classifier_says() -> None:
    found = loudness_probe(
        lambda s: s.mean((2, 3), keepdim=True),
        at,
        (1, 2, 4),
        confidence=lambda images: images.flatten(1).mean(1),
    )
    means = [float(at(gain).mean()) for gain in (1, 2, 4)]
    assert found.confidence == pytest.approx(means, abs=1e-5)


@pytest.mark.parametrize("gains", [(1, 2), (0, 1, 2), (1, 1, 2)])
def test_gains_that_say_nothing_are_refused(gains: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="loudness_probe: gains must be at least three distinct"):
        loudness_probe(lambda s: s, at, gains)


def test_rank_correlation_with_ties_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    own = torch.Generator().manual_seed(0)
    a, b = torch.randint(5, (2, 30), generator=own).float()
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert spearman(a, torch.ones(30)) == 0

"""GAN-CLS and GAN-INT: kinds of pair, sentences between sentences, what samples are told."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from callbacks.collapse.discriminator import discriminator_auc
from callbacks.collapse.prober_choice import prober_for
from callbacks.collapse.records import WHOLE
from callbacks.drawing import draw_share
from callbacks.metrics.features import Features, FeatureSpace
from gan_modules import GANCLS, GANINT
from gan_modules.condition_bank import ConditionBank
from gan_modules.conditional.gan_int import mixed
from gan_modules.engine.noise import Noise
from gan_modules.engine.standing import standing_statistics
from tests.small import conditional
from tests.small.batches import FixedBatches
from tests.small.sizes import TEXT
from tests.small_variants import CLASSES, LATENT, SIZE, WIDTH, build, load
from tests.test_every_variant import fit

DATA = FixedBatches("CaptionedImages")
BATCH = DATA.batch(6)
BOTH = ("GANCLS", "GANINT")


class Spy(nn.Module):
    """Scores from a list, and what it was asked about."""

    text_dim = TEXT

    def __init__(self, scores: list[Tensor] | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.scores, self.asked = list(scores or []), []

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        self.asked.append((x.detach().clone(), text.detach().clone()))
        zeros = self.weight * x.flatten(1).mean(1)
        return zeros + self.scores.pop(0) if self.scores else zeros


def spied(name: str, scores: list[Tensor] | None = None, **options: Any) -> Any:
    variant = {"GANCLS": GANCLS, "GANINT": GANINT}[name]
    module = variant(**{**conditional.text("none"), "discriminator": Spy(scores), **options})
    module.configure_optimizers()
    return module


def playing(name: str) -> Any:
    module = build(name)
    module.configure_optimizers()
    for parameter in module.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_undecided_d_pays_two_log_two_for_any_share_k08(name: str, share: float) -> None:
    losses = spied(name, mismatch_weight=share).discriminator_losses(BATCH)
    assert sum(losses.values()).item() == pytest.approx(2 * math.log(2), rel=1e-6)
    wanted = {"real", *(["mismatched"] if share else []), *(["fake"] if share < 1 else [])}
    assert set(losses) == wanted


@pytest.mark.parametrize("name", BOTH)
def test_gradients_at_the_scores_are_minus_half_and_the_shares_of_a_half_k09(name: str) -> None:
    scores = [torch.zeros(6, requires_grad=True) for _ in range(3)]
    module = spied(name, scores, mismatch_weight=0.3)
    sum(module.discriminator_losses(BATCH).values()).backward()
    real, mismatched, fake = (score.grad for score in scores)
    torch.testing.assert_close(real, torch.full((6,), -0.5 / 6))
    torch.testing.assert_close(mismatched, torch.full((6,), 0.5 * 0.3 / 6))
    torch.testing.assert_close(fake, torch.full((6,), 0.5 * 0.7 / 6))


@pytest.mark.parametrize("name", BOTH)
def test_d_is_asked_about_exactly_three_kinds_of_pair_k10(name: str) -> None:
    module = spied(name)
    module.noise = Noise(4)
    module.discriminator_losses(BATCH)
    module.noise = Noise(4)
    with torch.no_grad():
        fake = module.generator(module.training_latents(6), BATCH["text"])
    images = [x for x, _ in module.discriminator.asked]
    for seen, expected in zip(
        images, (BATCH["image"], BATCH["mismatched_image"], fake), strict=True
    ):
        torch.testing.assert_close(seen, expected)
    # Never a right image beside a wrong sentence.
    assert all(torch.equal(text, BATCH["text"]) for _, text in module.discriminator.asked)


def test_without_a_share_there_is_no_third_forward_k10() -> None:
    module = spied("GANCLS", mismatch_weight=0)
    module.discriminator_losses(BATCH)
    assert len(module.discriminator.asked) == 2


def test_mixed_sentences_are_halves_of_two_and_only_g_meets_them_k11() -> None:
    torch.testing.assert_close(
        mixed(torch.eye(4)), torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    )
    module = spied("GANINT")
    module.discriminator_losses(BATCH)
    assert all(len(text) == 6 for _, text in module.discriminator.asked)
    module.discriminator.asked.clear()
    module.generator_losses(BATCH)
    ((images, text),) = module.discriminator.asked
    assert len(images) == len(text) == 9
    torch.testing.assert_close(text[:6], BATCH["text"])
    torch.testing.assert_close(text[6:], (BATCH["text"][0::2] + BATCH["text"][1::2]) / 2)


@pytest.mark.parametrize("n", [2, 5])
def test_an_odd_last_sentence_is_left_out_of_the_mix_k11(n: int) -> None:
    assert len(mixed(torch.randn(n, TEXT))) == n // 2


def test_loss_of_gan_int_is_the_mean_over_both_kinds_k11() -> None:
    scores = torch.linspace(-1, 1, 9)
    module = spied("GANINT", [scores])
    losses = module.generator_losses(BATCH)
    assert set(losses) == {"adversarial", "interpolated"}
    per_sample = nn.functional.softplus(-scores)
    torch.testing.assert_close(sum(losses.values()), per_sample.mean())
    doubled = spied("GANINT", [scores], interpolation_weight=2.0).generator_losses(BATCH)
    torch.testing.assert_close(doubled["adversarial"], per_sample[:6].sum() / 9)
    torch.testing.assert_close(doubled["interpolated"], 2 * per_sample[6:].sum() / 9)


def test_images_of_mixed_sentences_have_latents_of_their_own() -> None:
    module = playing("GANINT")
    module.noise, seen = Noise(2), []
    module.generator.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    module.generator_losses(BATCH)
    (z,) = seen
    assert z.shape == (9, LATENT) and len(torch.unique(z[:, 0])) == 9


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_only_the_acting_players_gradients_are_there_k39(name: str, player: str) -> None:
    module = playing(name)
    with module.referee._only(module.referee.players[player]):
        sum(getattr(module, f"{player}_losses")(BATCH).values()).backward()
    there = {
        who
        for who, other in module.referee.players.items()
        if all(p.grad is not None for p in other.trainable)
    }
    assert there == {player}
    others = set(module.referee.players) - {player}
    assert all(p.grad is None for who in others for p in module.referee.players[who].trainable)


def test_g_learns_the_non_saturating_cross_entropy_of_its_own_pairs() -> None:
    module = playing("GANCLS")
    module.noise = Noise(3)
    losses = module.generator_losses(BATCH)
    module.noise = Noise(3)
    fake = module.generator(module.training_latents(6), BATCH["text"])
    expected = nn.functional.softplus(-module.discriminator(fake, BATCH["text"])).mean()
    assert set(losses) == {"adversarial"}
    torch.testing.assert_close(losses["adversarial"], expected)


# -- what samples are told -------------------------------------------------------------------------


def test_samples_are_told_what_is_asked_or_the_bank_in_turn() -> None:
    module = playing("GANCLS")
    for batch in (DATA.batch(6), DATA.batch(6, first=6)):
        module.prepare(batch)
    kept = DATA.batch(10)["text"]
    torch.testing.assert_close(module.bank.rows, kept)
    z = module.draw_latents(12, generator=torch.Generator().manual_seed(0))
    in_turn = module.decode(z)
    torch.testing.assert_close(in_turn, module.decode(z, torch.cat([kept, kept[:2]])))
    own = torch.Generator().manual_seed(0)
    torch.testing.assert_close(module.sample(12, generator=own), in_turn)
    asked = torch.randn(12, TEXT)
    own.manual_seed(0)
    torch.testing.assert_close(
        module.sample(12, text=asked, generator=own), module.decode(z, asked)
    )
    assert (module.decode(z, asked) - in_turn).abs().max() > 1e-5


def test_before_the_first_batch_samples_are_told_zeros() -> None:
    module = playing("GANCLS")
    z = module.draw_latents(3)
    torch.testing.assert_close(module.decode(z), module.decode(z, torch.zeros(3, TEXT)))


def test_a_sample_is_the_same_whoever_draws_it() -> None:
    module = playing("GANCLS")
    module.prepare(DATA.batch(10))
    whole = torch.cat(list(draw_share(module, range(11), 11, seed=1)))
    shares = [torch.cat(list(draw_share(module, range(r, 11, 2), 11, seed=1))) for r in (0, 1)]
    for rank, share in enumerate(shares):
        torch.testing.assert_close(share, whole[rank::2])


def test_the_bank_is_filled_from_the_first_batches_and_saved(tmp_path: Path) -> None:
    module = build("GANCLS")
    fit(module, steps=2).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    assert module.bank.count == 8 and module.bank.rows[:8].abs().sum(1).min() > 0
    assert not module.bank.rows[8:].any()
    again = load("GANCLS", tmp_path / "m.ckpt")
    assert torch.equal(again.bank.rows, module.bank.rows) and again.bank.count == 8
    again.prepare(DATA.batch(6))
    assert again.bank.count == 10
    torch.testing.assert_close(again.bank.rows[8:], DATA.batch(2)["text"])


def test_a_full_bank_stays_as_it_is_and_a_loaded_one_is_filled_on() -> None:
    bank = ConditionBank(3, 2)
    bank.observe(torch.ones(2, 2))
    early = {key: value.clone() for key, value in bank.state_dict().items()}
    for value in (2.0, 3.0):
        bank.observe(torch.full((2, 2), value))
    assert bank.rows[:, 0].tolist() == [1, 1, 2]
    assert bank.take(torch.arange(5))[:, 0].tolist() == [1, 1, 2, 1, 1]
    bank.load_state_dict(early)
    bank.observe(torch.full((2, 2), 5.0))
    assert bank.rows[:, 0].tolist() == [1, 1, 5]


def test_standing_statistics_are_those_of_told_samples() -> None:
    module = build("GANCLS", "batch")
    module.prepare(DATA.batch(10))
    z = module.draw_latents(4)
    before = module.decode(z)
    with standing_statistics(module, batches=2, batch_size=8):
        assert (module.decode(z) - before).abs().max() > 1e-6
    torch.testing.assert_close(module.decode(z), before)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
def test_settings_that_cannot_work_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: mismatch_weight must lie in \[0, 1\], got 1.5"):
        build(name, mismatch_weight=1.5)
    with pytest.raises(ValueError, match="ConditionBank: size must be at least 1, got 0"):
        build(name, bank_size=0)
    parts = conditional.text("none")
    other = type(parts["discriminator"])(SIZE, 1, TEXT + 1, 4, WIDTH, "none")
    with pytest.raises(ValueError, match=rf"{name}: .* same text_dim above 0, got {TEXT} "):
        spied(name, discriminator=other)
    with pytest.raises(ValueError, match=r"same text_dim above 0, got 0 \(DCGANGenerator\)"):
        spied(name, generator=conditional.DCGANGenerator(SIZE, 1, LATENT, WIDTH))


def test_a_weight_of_mixed_sentences_must_be_positive() -> None:
    with pytest.raises(ValueError, match="GANINT: interpolation_weight must be positive, got 0"):
        build("GANINT", interpolation_weight=0)


@pytest.mark.parametrize("name", BOTH)
def test_batches_that_cannot_be_learned_from_are_refused(name: str) -> None:
    module = build(name)
    module.check_batch(BATCH)
    without = {key: value for key, value in BATCH.items() if key != "text"}
    with pytest.raises(ValueError, match=f"{name}: batch must have the key text, got"):
        module.check_batch(without)
    with pytest.raises(ValueError, match=rf"text of the data has the shape \[7\] .* take \[{TEXT}"):
        module.check_batch({**BATCH, "text": torch.zeros(6, 7)})
    with pytest.raises(ValueError, match="text of the first batch holds NaN"):
        module.check_batch({**BATCH, "text": torch.full((6, TEXT), torch.nan)})
    without = {key: value for key, value in BATCH.items() if key != "mismatched_image"}
    with pytest.raises(ValueError, match="must have the key mismatched_image.*mismatch_weight: 0"):
        module.check_batch(without)
    build(name, mismatch_weight=0).check_batch(without)
    same = {**BATCH, "mismatched_label": BATCH["label"]}
    with pytest.raises(ValueError, match="must be of another class, got 6 of 6 of the same one"):
        module.check_batch(same)


def test_one_sentence_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="GANINT: the batch of a rank must hold at least 2 sente"):
        build("GANINT").check_batch(DATA.batch(1))


def test_samples_are_told_a_row_each_by_its_name() -> None:
    module = build("GANCLS")
    with pytest.raises(ValueError, match="GANCLS: samples are told text, got labels; call sample"):
        module.sample(2, labels=torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="GANCLS: text must have 2 rows for 2 samples, got 3"):
        module.sample(2, text=torch.zeros(3, TEXT))
    assert module.num_classes == 0 and CLASSES


class Pixels(FeatureSpace):
    """The means of the image's sixteenths."""

    id, dim, sha256, resize_id = "pixels", 16, "0", "none"

    def __call__(self, samples: Tensor) -> Features:
        return Features(nn.functional.adaptive_avg_pool2d(samples.float(), 4).flatten(1), None)


class Pictures:
    """Captioned images as the monitor sees them."""

    class_names = None

    def reference(self, split: str) -> FixedBatches:
        return FixedBatches(length=240)


def test_the_collapse_monitor_watches_without_asking_a_d_that_must_be_told() -> None:
    module = playing("GANCLS")
    module.prepare(DATA.batch(10))
    prober = prober_for(module, Pictures(), Pixels(), 96)
    builders = prober.describe(module, 0, 0)
    signals = prober.signals({name: b.finish() for name, b in builders.items()}, 0)
    assert signals[WHOLE]["mean_distance"] > 0 and prober.latest is not None
    assert discriminator_auc(module, prober) is None

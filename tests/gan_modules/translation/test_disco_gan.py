"""DiscoGAN: matched features, who steps when, the share of the reconstruction, the ablations."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.corruptions import NoisyWay
from tests.gan_modules.translation.test_cycle_gan import Mapped
from tests.small.batches import FixedBatches
from tests.small_variants import build
from tests.test_every_variant import fit

LOG2 = math.log(2)


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


class Layers(nn.Module):
    """Four layers of features, the last of which are scores."""

    def __init__(self, score: float = 0.0) -> None:
        super().__init__()
        self.weight, self.score = nn.Parameter(torch.ones(())), score

    def features(self, x: Tensor) -> list[Tensor]:
        scores = torch.full((len(x), 1), self.score) + 0.0 * self.weight
        return [100 * x, self.weight * x, x.square().mean((2, 3)), scores]

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)[-1]


def module_of(to_b=lambda x: x, to_a=lambda x: x, score: float = 0.0, **options: Any) -> Any:
    parts = {
        "generator_ab": Mapped(to_b),
        "generator_ba": Mapped(to_a),
        "discriminator_a": Layers(score),
        "discriminator_b": Layers(score),
        "early_rounds": 0,
        **options,
    }
    module = build("DiscoGAN", **parts)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def losses_of(module: Any) -> dict[str, Tensor]:
    return module.generator_losses(module.prepare(batch()))


def test_matched_features_are_the_squared_difference_of_batch_means_k33() -> None:
    losses = losses_of(module_of(lambda x: 0.5 * x))
    real, fake = batch()["b"], 0.5 * batch()["a"]
    first = (real.mean(0) - fake.mean(0)).square().mean()
    second = (real.square().mean((2, 3)).mean(0) - fake.square().mean((2, 3)).mean(0)).square()
    expected = 0.5 * 0.9 * (first + second.mean())
    assert losses["feature_b"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_matching_sees_batches_and_not_samples_k33() -> None:
    module = module_of()
    real = batch()["b"]
    assert module.features_apart("b", real, real.flip(0)).item() == pytest.approx(0.0, abs=1e-10)
    assert module.features_apart("b", real, -real).item() > 1e-4


def test_the_gradient_of_matching_goes_to_the_translators_and_none_to_what_is_matched() -> None:
    module = module_of()
    prepared = module.prepare(batch())
    real = prepared["b"].requires_grad_()
    module.features_apart("b", real, prepared["fake_b"]).backward()
    assert real.grad is None and module.generator["ab"].weight.grad.abs() > 0


def test_terms_share_one_loss_k33() -> None:
    module = module_of(lambda x: x + 0.5, early_cycle_weight=0.2, cycle_weight=0.6, early_rounds=7)
    for rounds, share in ((6, 0.2), (7, 0.6)):
        module.rounds = rounds
        losses = losses_of(module)
        for domain in "ab":
            assert losses[f"adversarial_{domain}"].item() == pytest.approx(0.1 * (1 - share) * LOG2)
            assert losses[f"cycle_{domain}"].item() == pytest.approx(share * 0.25)


def test_the_reconstruction_is_late_by_default_k33() -> None:
    module = build("DiscoGAN", early_rounds=10_000)
    shares = []
    for rounds in (0, 9_999, 10_000, 50_000):
        module.rounds = rounds
        shares.append(module.share)
    assert shares == [0.01, 0.01, 0.5, 0.5]


def test_of_three_batches_one_is_ds_and_two_are_gs_k33() -> None:
    module, order = build("DiscoGAN"), []
    module.player_stepped = order.append
    fit(module, steps=6)
    assert order == ["discriminator", "generator", "generator"] * 3
    assert module.rounds == 9 and module.steps == {"discriminator": 3, "generator": 6}


def test_the_share_goes_on_where_a_run_was_stopped(tmp_path) -> None:
    module = build("DiscoGAN", early_rounds=4)
    fit(module, steps=4).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = build("DiscoGAN", early_rounds=4)
    assert again.share == 0.01
    again.on_load_checkpoint(torch.load(tmp_path / "m.ckpt", weights_only=True))
    assert again.rounds == 6 and again.share == 0.5


def test_ds_rate_falls_with_gs_though_it_steps_half_as_often() -> None:
    module = build("DiscoGAN", lr_decay=(2, 6))
    fit(module, steps=4)
    rates = {
        player.name: player.optimizer.param_groups[0]["lr"]
        for player in module.referee.players.values()
    }
    assert rates["generator"] == pytest.approx(1e-4) == pytest.approx(rates["discriminator"])


def test_scores_of_real_are_pulled_up_and_of_fakes_down_at_half_weight() -> None:
    module = module_of(score=2.0)
    told = module.discriminator_losses(module.prepare(batch()))
    expected = 0.5 * (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(2.0)))
    assert told["adversarial_a"].item() == pytest.approx(expected)
    fooled = 0.5 * 0.1 * math.log1p(math.exp(-2.0))
    assert losses_of(module)["adversarial_a"].item() == pytest.approx(fooled)


def test_the_papers_text_has_no_matching() -> None:
    module = module_of(adversarial_weight=1.0, feature_weight=0.0)
    losses = losses_of(module)
    assert set(losses) == {"adversarial_a", "adversarial_b", "cycle_a", "cycle_b"}
    assert losses["adversarial_a"].item() == pytest.approx(0.5 * LOG2)


@pytest.mark.parametrize(
    ("missing", "directions", "terms"),
    [
        (
            ("discriminator_a", "generator_ba"),
            (("a", "b"),),
            {"adversarial_b", "feature_b"},
        ),
        (
            ("discriminator_a",),
            (("a", "b"), ("b", "a")),
            {"adversarial_b", "feature_b", "cycle_a"},
        ),
    ],
)
def test_ablations_are_a_gan_and_a_gan_that_reconstructs_one_domain(
    missing, directions, terms
) -> None:
    module = build("DiscoGAN", **dict.fromkeys(missing))
    assert module.directions == directions
    assert set(losses_of(module)) == terms
    fit(module, steps=2)
    assert set(module.discriminator_losses(module.prepare(batch()))) == {"adversarial_b"}


def test_a_corruption_is_on_the_way_back() -> None:
    module = module_of(corruption=NoisyWay(0.3))
    losses_of(module)
    back = module.generator["ba"].given[-1]
    assert (back - batch()["a"]).std().item() == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator_ba": None}, "discriminator_a must be null without generator_ba, got one"),
        ({"cycle_weight": 1.0}, r"must lie in \[0, 1\), got 1.0; the rest is what the discrim"),
        ({"early_cycle_weight": -0.1}, r"must lie in \[0, 1\), got -0.1"),
        ({"adversarial_weight": 0}, "DiscoGAN: adversarial_weight must be positive, got 0"),
        ({"feature_weight": -1}, "DiscoGAN: feature_weight must not be negative, got -1"),
        ({"early_rounds": -1}, "DiscoGAN: early_rounds must not be negative, got -1"),
        ({"discriminator_b": nn.Identity()}, "must have features, Identity has none; take Disco"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("DiscoGAN", **options)


def test_no_features_are_asked_of_discriminators_that_nobody_matches() -> None:
    build("DiscoGAN", discriminator_b=nn.Conv2d(1, 1, 4), feature_weight=0.0)

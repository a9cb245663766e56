"""pix2pixHD: the features' error in closed form, scales, the order of its steps."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.translation.pix2pix_hd import feature_error
from tests.gan_modules.translation.isolation import gradients_at_each_step
from tests.gan_modules.translation.test_cycle_gan import Mapped
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit


class Judge(nn.Module):
    """Two scales of two layers, multiples of what comes in, and fixed scores."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores, self.weight = scores, nn.Parameter(torch.zeros(()))
        self.given: list[Tensor] = []

    def features(self, x: Tensor) -> list[list[Tensor]]:
        self.given.append(x)
        scores = [torch.full((len(x), 1, 2, 2), s) + self.weight for s in self.scores]
        return [[x, 3 * x, scores[0]], [2 * x, 5 * x, scores[1]]]

    def forward(self, x: Tensor) -> list[Tensor]:
        return [scale[-1] for scale in self.features(x)]


def batch() -> dict[str, Tensor]:
    return FixedBatches("PairedImages").batch(4)


def module_of(function: Any, scores: tuple[float, float] = (0.5, 0.5), **options: Any) -> Any:
    module = build("Pix2PixHD", generator=Mapped(function), discriminator=Judge(*scores), **options)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_the_features_error_is_four_times_the_mean_over_layers_and_scales() -> None:
    # The truth is the mirrored negative: 0.02 off in the half of the channels that are made.
    module = module_of(lambda x: -x.flip(3) + 0.02, feature_weight=7.0)
    losses = module.generator_losses(module.prepare(batch()))
    expected = 7 * 4 * (1 + 3 + 2 + 5) / 4 * 0.02 / 2
    assert losses["features"].item() == pytest.approx(expected, rel=1e-4)
    made = [[torch.ones(1, 1), torch.zeros(1, 1), 9 * torch.ones(1, 1)]]
    assert feature_error(made, [[torch.zeros(1, 1)] * 3]).item() == 2.0


def test_scores_of_a_half_cost_a_quarter_for_each_scale() -> None:
    module = module_of(lambda x: x)
    prepared = module.prepare(batch())
    assert module.generator_losses(prepared)["adversarial"].item() == pytest.approx(0.5)
    assert module.discriminator_losses(prepared)["adversarial_b"].item() == pytest.approx(0.5)
    ahead = module_of(lambda x: x, scores=(1.0, 0.0))
    assert ahead.generator_losses(prepared)["adversarial"].item() == pytest.approx(1.0)


def test_scores_of_pairs_are_means_over_the_scales() -> None:
    module = module_of(lambda x: x, scores=(1.0, 4.0))
    found = module.pair_scores(batch()["a"], batch()["b"])
    assert torch.equal(found, torch.full((4,), 2.5))
    (pair,) = module.discriminator["b"].given
    assert torch.equal(pair, torch.cat([batch()["a"], batch()["b"]], 1))


def test_both_see_the_input_beside_the_output() -> None:
    module = module_of(lambda x: x * 0 + 0.5)
    prepared = module.prepare(batch())
    judge = module.discriminator["b"]
    module.generator_losses(prepared)
    module.discriminator_losses(prepared)
    made, wanted, real, fake = judge.given
    for pair in judge.given:
        assert torch.equal(pair[:, :1], batch()["a"])
    assert torch.equal(wanted[:, 1:], batch()["b"]) and torch.equal(real, wanted)
    assert bool((made[:, 1:] == 0.5).all()) and torch.equal(fake, made.detach())
    assert made.requires_grad and not wanted.requires_grad and not fake.requires_grad


def test_without_a_weight_the_features_are_left_out() -> None:
    module = module_of(lambda x: x, feature_weight=0.0)
    assert set(module.generator_losses(module.prepare(batch()))) == {"adversarial"}


def test_g_steps_first_and_d_sees_the_fake_of_before_that_step_k39() -> None:
    seen = gradients_at_each_step(build("Pix2PixHD"))
    assert seen == [("generator", {"generator"}), ("discriminator", {"discriminator"})]
    module = build("Pix2PixHD")
    module.optimizer = sgd(0.5)
    judged: list[Tensor] = []
    judge = module.discriminator["b"]
    features = judge.features

    def watched(x: Tensor) -> Any:
        judged.append(x.detach().clone())
        return features(x)

    judge.features = watched
    fit(module, steps=1)
    # G: its own and the true output; D: true and made.
    assert len(judged) == 4 and torch.equal(judged[0], judged[3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_weight": -1.0}, "Pix2PixHD: feature_weight must not be negative, got -1.0"),
        ({"discriminator": nn.Identity()}, "discriminator must have features, got Identity, which"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("Pix2PixHD", **options)

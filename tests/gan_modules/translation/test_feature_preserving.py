"""What a frozen network sees must survive: the generic form, and DTN."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.frozen import Frozen, content_distance
from gan_modules.regularizers import R1
from gan_modules.total_variation import total_variation
from tests.gan_modules.translation.test_cycle_gan import Mapped, constant
from tests.small.batches import FixedBatches
from tests.small_variants import build
from tests.test_every_variant import fit

LOG3 = math.log(3)


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


class Rows(nn.Module):
    """Images to their mean over columns: what is the same after a flip."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x.mean(3).flatten(1)


def preserving(function, **options: Any) -> Any:
    parts = {
        "generator": Mapped(function),
        "discriminator": constant(0.5),
        "features": Rows(),
        **options,
    }
    module = build("FeaturePreserving", **parts)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_what_the_features_do_not_see_is_free_and_the_rest_has_its_weight() -> None:
    for function, paid in ((lambda x: x.flip(3), 0.0), (lambda x: x + 0.25, 0.5)):
        module = preserving(function, feature_weight=8.0)
        terms = module.generator_losses(module.prepare(batch()))
        assert terms["feature"].item() == pytest.approx(paid, abs=1e-6)
        assert terms["adversarial_b"].item() == pytest.approx(0.25)


def test_the_cosine_does_not_see_the_length_of_features() -> None:
    module = preserving(lambda x: 0.5 * x, distance="cosine", feature_weight=1.0)
    terms = module.generator_losses(module.prepare(batch()))
    assert terms["feature"].item() == pytest.approx(0.0, abs=1e-6)
    negated = preserving(lambda x: -x, distance="cosine", feature_weight=1.0)
    terms = negated.generator_losses(negated.prepare(batch()))
    assert terms["feature"].item() == pytest.approx(2.0, rel=1e-5)


def test_distances_are_means_over_samples_and_places() -> None:
    wanted = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    turned = wanted.flip(1)
    assert content_distance(wanted, turned, "squared").item() == pytest.approx(1.0)
    assert content_distance(wanted, turned, "cosine").item() == pytest.approx(1.0)
    assert content_distance(wanted, 3 * wanted, "cosine").item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", ["FeaturePreserving", "DTN"])
def test_gradients_pass_the_frozen_network_and_leave_nothing_in_it_k32(name: str) -> None:
    module = build(name)
    for part in module.discriminator.parameters():
        part.requires_grad_(False)
    module.generator_losses(module.prepare(batch()))["feature"].backward()
    assert all(part.grad is None for part in module.features.parameters())
    assert all(part.grad is None for part in module.discriminator.parameters())
    assert any(part.grad.abs().max() > 0 for part in module.generator.parameters())


@pytest.mark.parametrize("name", ["FeaturePreserving", "DTN"])
def test_the_frozen_network_is_the_same_after_training_and_in_eval_mode_throughout(
    name: str,
) -> None:
    seen = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.AvgPool2d(8), nn.Flatten())
    if name == "DTN":
        seen.append(nn.Linear(16, 6))
    module = build(name, features=seen)
    before = {key: value.clone() for key, value in seen.state_dict().items()}
    modes = set()
    seen.register_forward_hook(lambda part, *_: modes.add(part.training))
    fit(module, steps=2)
    assert all(torch.equal(value, before[key]) for key, value in seen.state_dict().items())
    assert modes == {False}
    held = {id(p) for player in module.players() for p in player.trainable}
    assert not held & {id(p) for p in seen.parameters()}


def test_a_frozen_network_cannot_be_set_to_training() -> None:
    frozen = Frozen(nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    assert frozen.train() is frozen
    assert not any(part.training for part in frozen.modules())
    assert not any(part.requires_grad for part in frozen.parameters())


class Named(nn.Module):
    """The same three scores for every image, which a player can own."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, x: Tensor) -> Tensor:
        return self.scores.expand(len(x), 3) + 0.0 * x.mean()


def dtn(function=lambda x: x, scores: tuple[float, ...] = (0.0, 0.0, 0.0), **options: Any) -> Any:
    """f is the image itself, g any function of it."""
    parts = {
        "generator": Mapped(function),
        "discriminator": Named(*scores),
        "features": nn.Identity(),
        "variation_weight": 0.0,
        **options,
    }
    module = build("DTN", **parts)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_undecided_scores_cost_d_three_log_three_and_g_two_k32() -> None:
    module = dtn()
    prepared = module.prepare(batch())
    told = module.discriminator_losses(prepared)
    assert set(told) == {"from_a", "from_b", "real"}
    assert sum(told.values()).item() == pytest.approx(3 * LOG3)
    terms = module.generator_losses(prepared)
    adversarial = terms["adversarial_a"] + terms["adversarial_b"]
    assert adversarial.item() == pytest.approx(2 * LOG3)
    # g f is the identity: nothing is lost.
    assert terms["feature"].item() == terms["identity"].item() == 0.0


def test_each_kind_is_pulled_to_its_own_class_k32() -> None:
    for kind, name in enumerate(("from_a", "from_b", "real")):
        scores = [0.0, 0.0, 0.0]
        scores[kind] = 20.0
        module = dtn(scores=tuple(scores))
        prepared = module.prepare(batch())
        told = {key: value.item() for key, value in module.discriminator_losses(prepared).items()}
        assert told.pop(name) == pytest.approx(0.0, abs=1e-6)
        assert all(value == pytest.approx(20.0, rel=1e-5) for value in told.values())
        wanted = 0.0 if name == "real" else 20.0
        terms = module.generator_losses(prepared)
        for side in "ab":
            assert terms[f"adversarial_{side}"].item() == pytest.approx(wanted, abs=1e-6)


def test_d_sees_both_kinds_of_translations_detached_and_the_real_images() -> None:
    module = dtn(lambda x: 0.5 * x)
    given: list[Tensor] = []
    module.discriminator["b"].register_forward_hook(lambda _, x, __: given.append(x[0]))
    module.discriminator_losses(module.prepare(batch()))
    led, same, real = given
    assert torch.equal(led, 0.5 * batch()["a"]) and torch.equal(same, 0.5 * batch()["b"])
    assert torch.equal(real, batch()["b"])
    assert not any(images.requires_grad for images in given)


def test_features_and_images_are_brought_back_at_their_weights() -> None:
    module = dtn(lambda x: x + 0.5, feature_weight=2.0, identity_weight=3.0)
    terms = module.generator_losses(module.prepare(batch()))
    assert terms["feature"].item() == pytest.approx(2.0 * 0.25)
    assert terms["identity"].item() == pytest.approx(3.0 * 0.25)
    bare = dtn(feature_weight=0.0, identity_weight=0.0)
    assert set(bare.generator_losses(bare.prepare(batch()))) == {"adversarial_a", "adversarial_b"}


def test_the_variation_of_a_ramp_is_its_slope_times_its_pixels() -> None:
    ramp = torch.arange(5.0).expand(2, 1, 5, 5)
    assert total_variation(0.3 * ramp).item() == pytest.approx(0.3 * 16, rel=1e-5)
    both = 3.0 * ramp + 4.0 * ramp.transpose(2, 3)
    assert total_variation(both).item() == pytest.approx(5.0 * 16, rel=1e-5)
    flat = torch.zeros(1, 1, 4, 4, requires_grad=True)
    total_variation(flat).backward()
    assert torch.isfinite(flat.grad).all()
    module = dtn(variation_weight=0.05)
    term = module.generator_losses(module.prepare(batch()))["variation"]
    assert term.item() == pytest.approx(0.05 * total_variation(batch()["a"]).item())


def test_pools_keep_both_kinds_of_translations_apart() -> None:
    module = dtn(pool_size=4)
    module.discriminator_losses(module.prepare(batch()))
    assert torch.equal(torch.stack(module.pools["b"].images), batch()["a"])
    assert torch.equal(torch.stack(module.pools["same"].images), batch()["b"])


def test_penalties_see_the_log_odds_of_real() -> None:
    module = dtn(scores=(0.0, 0.0, 1.0), regularizers=[R1(2.0)])
    assert module.score("b", batch()["b"]).tolist() == pytest.approx([1 - math.log(2)] * 4)
    # Scores that are apart by a tenth of the sum: R1 is gamma / 2 times a hundredth for each pixel.
    zeros = torch.zeros(4)
    judge = Mapped(lambda x: torch.stack([zeros, zeros - 99, x.sum((1, 2, 3)) / 10], 1))
    module = dtn(discriminator=judge, regularizers=[R1(2.0)])
    told = module.discriminator_losses(module.prepare(batch()))
    assert told["r1_b"].item() == pytest.approx(0.01 * 32 * 32, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("FeaturePreserving", {"feature_weight": 0}, "feature_weight must be positive, got 0"),
        ("FeaturePreserving", {"distance": "l1"}, "distance must be one of squared, cosine, got"),
        ("FeaturePreserving", {"features": 3}, "features must be a torch.nn.Module, got int"),
        ("DTN", {"identity_weight": -1.0}, "DTN: identity_weight must not be negative, got -1.0"),
        ("DTN", {"distance": "l1"}, "DTN: distance must be one of squared, cosine, got l1"),
    ],
)
def test_options_that_cannot_be_are_refused(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, **options)

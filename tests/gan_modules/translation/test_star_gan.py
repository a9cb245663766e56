"""StarGAN: what it names and asks for, the labels that it leads to, and who steps when."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.attributes import attribute_loss
from gan_modules.corruptions import NoisyWay
from gan_modules.networks.stargan import StarGANDiscriminator, StarGANGenerator
from tests.small.batches import FixedBatches
from tests.small.sizes import CLASSES
from tests.small_variants import build
from tests.test_every_variant import fit

LOG2 = math.log(2)


def batch(n: int = 6, **changes: Tensor) -> dict[str, Tensor]:
    return {**FixedBatches("DomainImages").batch(n), **changes}


class Led(nn.Module):
    """An exact function of images and labels, with a weight that a player can own."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.zeros(()))
        self.told: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        self.told.append((x, label))
        return self.function(x, label) + self.weight


class Judge(nn.Module):
    """Scores and logits as functions of images."""

    def __init__(self, score, logits) -> None:
        super().__init__()
        self.score, self.logits = score, logits
        self.weight = nn.Parameter(torch.zeros(()))

    def scores_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward(x), self.logits(x) + self.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.score(x) + self.weight


def mean(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3))


def undecided(x: Tensor) -> Tensor:
    return torch.zeros(len(x), CLASSES)


def module_of(function=lambda x, label: x, score=mean, logits=undecided, **options: Any) -> Any:
    parts = {"generator": Led(function), "discriminator": Judge(score, logits), **options}
    module = build("StarGAN", **parts)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_a_translator_that_changes_nothing_pays_for_no_way_back_and_for_ds_own_names_k15() -> None:
    module = module_of(logits=lambda x: x[:, 0, 5::10, 7] * 3)
    prepared = dict(module.prepare(batch()))
    prepared["wanted"], prepared["its_mask"] = prepared["own"], prepared["mask"]
    terms, told = module.generator_losses(prepared), module.discriminator_losses(prepared)
    assert terms["cycle"].item() == 0.0
    assert terms["class"].item() == told["class"].item() != pytest.approx(math.log(CLASSES))


def test_undecided_names_of_five_attributes_cost_five_log_two_k16() -> None:
    attributes = torch.eye(5)[torch.arange(4)]
    ones = torch.ones_like(attributes)
    found = attribute_loss(torch.zeros(4, 5), attributes, ones, "independent")
    assert found.item() == pytest.approx(3.4657, abs=1e-4)
    found = attribute_loss(torch.zeros(4, 5), attributes, ones, "exclusive")
    assert found.item() == pytest.approx(math.log(5))


@pytest.mark.parametrize("labels", ["exclusive", "independent"])
def test_the_module_pays_for_undecided_names_at_their_weight_k16(labels: str) -> None:
    module = module_of(labels=labels, class_weight=2.0)
    prepared = module.prepare(batch())
    expected = 2 * (math.log(CLASSES) if labels == "exclusive" else CLASSES * LOG2)
    for losses in (module.generator_losses(prepared), module.discriminator_losses(prepared)):
        assert losses["class"].item() == pytest.approx(expected)


def test_wanted_labels_are_those_of_the_batch_in_another_order_k18() -> None:
    module = module_of()
    own = torch.arange(18.0).view(6, 3) % 7
    orders = set()
    for _ in range(20):
        wanted = module.prepare(batch(attributes=own))["wanted"]
        assert sorted(wanted.tolist()) == sorted(own.tolist())
        orders.add(tuple(wanted[:, 0].tolist()))
    assert len(orders) > 10


def test_a_label_and_its_mask_are_moved_together_k18() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0]] * 3 + [[0.0, 0.0, 1.0]] * 3)
    prepared = module_of().prepare(batch(attributes=torch.ones(6, 3), attribute_mask=mask))
    assert torch.equal(prepared["wanted"], prepared["its_mask"])
    assert sorted(prepared["wanted"].tolist()) == sorted(mask.tolist())
    assert torch.equal(prepared["own"], mask)


@pytest.mark.parametrize("labels", ["exclusive", "independent"])
def test_attributes_that_are_not_known_add_no_loss_and_no_gradient_k18(labels: str) -> None:
    attributes = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    losses = []
    for unknown in (-50.0, 0.0, 50.0):
        logits = torch.tensor([[0.5, -0.5, unknown], [unknown] * 3], requires_grad=True)
        loss = attribute_loss(logits, attributes, mask, labels)
        loss.backward()
        assert logits.grad[0, :2].abs().min() > 0
        assert logits.grad[0, 2] == 0 and not logits.grad[1].any()
        losses.append(loss.item())
    # Each of the two logits is half a unit on its right side; the other sample counts nothing.
    alone = math.log1p(math.exp(-1.0)) if labels == "exclusive" else 2 * math.log1p(math.exp(-0.5))
    assert losses == pytest.approx([alone / 2] * 3)


def test_terms_of_both_sides_have_the_signs_of_the_paper() -> None:
    module = module_of(lambda x, label: 0.5 * x + 0.25, cycle_weight=4.0)
    prepared = module.prepare(batch())
    real = batch()["image"]
    fake = 0.5 * real + 0.25
    terms = module.generator_losses(prepared)
    assert terms["adversarial"].item() == pytest.approx(-fake.mean().item(), rel=1e-5)
    back = (0.5 * fake + 0.25 - real).abs().mean()
    assert terms["cycle"].item() == pytest.approx(4 * back.item(), rel=1e-5)
    told = module.discriminator_losses(prepared)
    gap = (fake.mean() - real.mean()).item()
    assert told["adversarial_all"].item() == pytest.approx(gap, rel=1e-5)
    # A mean over 1024 pixels is as steep as 1 / 32.
    assert told["gradient_penalty_all"].item() == pytest.approx(10 * (1 - 1 / 32) ** 2, rel=1e-4)


def test_g_leads_to_the_wanted_label_and_back_to_the_own_one() -> None:
    module = module_of(lambda x, label: x * 0.9)
    prepared = module.prepare(batch())
    module.generator_losses(prepared)
    (x, to), (fake, back) = module.generator["all"].told
    assert torch.equal(x, batch()["image"]) and torch.equal(to, prepared["wanted"])
    assert torch.equal(fake, 0.9 * batch()["image"]) and torch.equal(back, batch()["attributes"])


def test_d_names_real_images_alone_and_its_fakes_have_no_graph() -> None:
    named, scored = [], []
    module = module_of(
        lambda x, label: x * 0.9,
        logits=lambda x: named.append(x) or undecided(x),
        score=lambda x: scored.append(x) or mean(x),
    )
    module.discriminator_losses(module.prepare(batch()))
    assert len(named) == 1 and torch.equal(named[0], batch()["image"])
    assert torch.equal(scored[1], 0.9 * batch()["image"]) and not scored[1].requires_grad


def test_the_network_of_the_paper_sees_which_domain_is_asked_for() -> None:
    module = build(
        "StarGAN", generator=StarGANGenerator(1, CLASSES, 4, 1, 1, normalization="instance")
    )
    image = batch(1)["image"]
    red, blue = (module.translate(image, "green", target) for target in ("red", "blue"))
    assert (red - blue).abs().max() > 1e-4


def test_every_domain_is_led_to_every_other() -> None:
    module = module_of(lambda x, label: x * 0 + label[:, :1, None, None])
    assert len(module.directions) == 6 and ("blue", "red") in module.directions
    to_red = module.translate(batch()["image"], "blue", "red")
    to_green = module.translate(batch()["image"], "blue", "green")
    assert (to_red == 1).all() and (to_green == 0).all()
    with pytest.raises(ValueError, match="direction must be one of red to green, .* got red to r"):
        module.translate(batch()["image"], "red", "red")


def test_any_attributes_can_be_asked_for_and_the_averaged_translator_answers() -> None:
    module = build("StarGAN", ema_half_life_images=50.0)
    fit(module, steps=2)
    asked = torch.tensor([[1.0, 0.0, 1.0]]).expand(6, -1)
    found = module.with_attributes(batch()["image"], asked)
    own = module.generator_ema["all"](batch()["image"], asked)
    torch.testing.assert_close(found, own)
    assert not torch.equal(found, module.generator["all"](batch()["image"], asked))


def test_d_steps_on_every_batch_and_g_on_the_last_of_five_by_default() -> None:
    module, order = build("StarGAN", discriminator_steps=5), []
    module.player_stepped = order.append
    fit(module, steps=2)
    assert order == (["discriminator"] * 5 + ["generator"]) * 2


def test_ds_rate_falls_with_gs() -> None:
    module = build("StarGAN", discriminator_steps=2, lr_decay=(2, 6))
    fit(module, steps=4)
    rates = [p.optimizer.param_groups[0]["lr"] for p in module.referee.players.values()]
    assert rates == pytest.approx([5e-5, 5e-5])


def test_a_corruption_is_on_the_way_back_alone() -> None:
    module = module_of(corruption=NoisyWay(0.3))
    module.generator_losses(module.prepare(batch()))
    (there, _), (back, _) = module.generator["all"].told
    assert torch.equal(there, batch()["image"])
    assert (back - there).std().item() == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domains": ["one"]}, r"domains must be two different names or more, got \['one'\]"),
        ({"domains": ["a", "b", "a"]}, "domains must be two different names or more, got"),
        ({"labels": "some"}, "labels must be one of exclusive, independent, got some"),
        ({"cycle_weight": 0}, "StarGAN: cycle_weight must be positive, got 0"),
        ({"penalty_weight": 0.0}, "weight must be positive and finite, got 0.0"),
        ({"discriminator_steps": 0}, "StarGAN: discriminator_steps must be positive, got 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("StarGAN", **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"attributes": torch.ones(6, 4)},
            r"attributes must have the shape \(N, 3\), got \(6, 4\)",
        ),
        ({"attribute_mask": torch.ones(6)}, r"attribute_mask must have the shape \(N, 3\), got"),
        ({"attributes": torch.full((6, 3), 0.5)}, "attributes must be 0 or 1, got 0.5 to 0.5; enc"),
        ({"image": torch.full((6, 1, 32, 32), 3.0)}, r"images must lie in \[-1, 1\]"),
    ],
)
def test_a_first_batch_that_breaks_the_contract_is_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("StarGAN").check_batch(batch(**changes))


def test_the_shapes_of_all_domains_are_known_from_the_first_batch_on() -> None:
    module = build("StarGAN")
    assert module.image_shapes == {}
    module.check_batch(batch())
    assert module.image_shapes == dict.fromkeys(module.domains, tuple(batch()["image"].shape[1:]))


def test_a_batch_without_attributes_and_another_number_of_channels_are_refused() -> None:
    bare = batch()
    del bare["attributes"]
    with pytest.raises(ValueError, match="StarGAN: batch must have the key attributes, got"):
        build("StarGAN").check_batch(bare)
    three = module_of(lambda x, label: x.repeat(1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"has the shape \[1, 32, 32\] but its translator makes"):
        three.check_batch(batch())


def test_the_discriminator_of_the_paper_gives_scores_and_logits_at_once() -> None:
    judge = StarGANDiscriminator(1, CLASSES, 32, 4, 3)
    module = build("StarGAN", discriminator=judge)
    module.steps = {"discriminator": 0}
    told = module.discriminator_losses(module.prepare(batch()))
    assert set(told) == {"adversarial_all", "gradient_penalty_all", "class"}


def test_g_is_paid_for_the_names_that_are_wanted_and_not_for_its_input_s() -> None:
    wanted = batch()["attributes"].roll(1, 0)
    prepared = {"own": batch()["attributes"], "mask": torch.ones_like(wanted)}
    prepared |= {"wanted": wanted, "its_mask": prepared["mask"], "image": batch()["image"]}
    assert not torch.equal(wanted, prepared["own"])
    right = module_of(logits=lambda x: 50 * wanted).generator_losses(prepared)
    wrong = module_of(logits=lambda x: 50 * prepared["own"]).generator_losses(prepared)
    assert right["class"].item() < 1e-6
    assert wrong["class"].item() == pytest.approx(50.0)

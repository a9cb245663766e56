"""U-GAT-IT: its classifiers' losses, the clip of rho, fresh fakes, its attention."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.adalin import AdaLIN
from gan_modules.networks.class_activation import Attended
from gan_modules.translation.ugatit import UGATIT
from tests.gan_modules.translation.isolation import gradients_at_each_step
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit


class Looking(nn.Module):
    """Exact functions of images: the output, and the classifier's scores."""

    def __init__(self, output: Any, cam: Any = None) -> None:
        super().__init__()
        self.output, self.cam, self.weight = output, cam, nn.Parameter(torch.zeros(()))
        self.given: list[Tensor] = []

    def attended(self, x: Tensor) -> Attended:
        self.given.append(x)
        cam = torch.zeros(len(x), 2) if self.cam is None else self.cam(x)
        return Attended(self.output(x) + self.weight, cam, x[:, :1, ::2, ::2])

    def forward(self, x: Tensor) -> Tensor:
        return self.attended(x).output


def judge(value: float) -> Looking:
    return Looking(
        lambda x: torch.full((len(x), 1, 2, 2), value), lambda x: torch.full((len(x), 2), value)
    )


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def module_of(to_b: Any, to_a: Any, score: float = 0.5, cam: Any = None, **options: Any) -> Any:
    judges = {f"{reach}_{d}": judge(score) for reach in ("local", "global") for d in "ab"}
    translators = {"generator_ab": Looking(to_b, cam), "generator_ba": Looking(to_a, cam)}
    module: Any = UGATIT(**{**translators, **judges, **options})
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def same(x: Tensor) -> Tensor:
    return x


def test_undecided_classifiers_cost_two_log_two_for_each_translator_k22() -> None:
    losses = module_of(same, same, cam_weight=1.0).generator_losses(batch())
    for target in "ab":
        assert losses[f"cam_{target}"].item() == pytest.approx(2 * math.log(2))
    of_paper = module_of(same, same).generator_losses(batch())
    assert of_paper["cam_a"].item() == pytest.approx(2000 * math.log(2))


def test_a_classifier_is_right_where_it_gives_the_source_a_high_score_k22() -> None:
    dark_and_bright = {"a": -torch.ones(2, 1, 4, 4), "b": torch.ones(2, 1, 4, 4)}

    def brightness(x: Tensor) -> Tensor:
        return 20 * x.mean((1, 2, 3))[:, None].expand(-1, 2)

    losses = module_of(same, same, cam=brightness, cam_weight=1.0).generator_losses(dark_and_bright)
    # High for bright images: right for the translator of b to a, wrong for the other.
    assert losses["cam_a"].item() < 1e-6
    assert losses["cam_b"].item() == pytest.approx(40.0)


def test_the_ways_back_and_the_identity_of_a_shift() -> None:
    module = module_of(lambda x: x + 0.25, same, cycle_weight=4.0, identity_weight=2.0)
    losses = {k: v.item() for k, v in module.generator_losses(batch()).items() if "cam" not in k}
    expected = {"cycle_a": 1.0, "cycle_b": 1.0, "identity_b": 0.5, "identity_a": 0.0}
    # Map and classifier of two discriminators: four quarters.
    expected |= {"adversarial_a": 1.0, "adversarial_b": 1.0}
    assert losses == pytest.approx(expected, abs=1e-6)


def test_d_judges_by_maps_and_classifiers_without_a_half() -> None:
    module = module_of(same, same)
    terms = module.discriminator_losses(module.prepare(batch()))
    assert terms["adversarial_a"].item() == terms["adversarial_b"].item() == pytest.approx(2.0)
    shapes = [tuple(part.shape) for part in module.score("a", batch()["a"])]
    assert shapes == [(4, 1, 2, 2), (4, 2), (4, 1, 2, 2), (4, 2)]


def test_d_steps_first_and_the_fakes_are_made_anew_for_g_k39() -> None:
    module = build("UGATIT")
    fakes: list[Tensor] = []
    score = module.score

    def watched(domain: str, images: Tensor) -> Any:
        if domain == "b":
            fakes.append(images)
        return score(domain, images)

    module.score = watched
    calls = []
    attended = module.generator["ab"].attended

    def counted(x: Tensor) -> Attended:
        calls.append(len(x))
        return attended(x)

    module.generator["ab"].attended = counted
    seen = gradients_at_each_step(module)
    assert seen == [("discriminator", {"discriminator"}), ("generator", {"generator"})]
    _, shown, judged = fakes
    assert judged.requires_grad and not shown.requires_grad
    assert judged is not shown and torch.equal(judged, shown)
    # The first batch's check; D's fake; G's fake, identity and way back of b.
    assert calls == [1, 4, 4, 4, 4]


def test_rho_stays_in_range_after_a_huge_step_of_g_and_is_d_s_business_never_k20() -> None:
    module = build("UGATIT")
    module.optimizer = sgd(1e3)
    outside = []
    stepped = module.player_stepped

    def rhos() -> list[Tensor]:
        return [m.rho for m in module.generator.modules() if isinstance(m, AdaLIN)]

    def watched(name: str) -> None:
        before = any(bool(((r < 0) | (r > 1)).any()) for r in rhos())
        stepped(name)
        outside.append((name, before))
        assert all(bool(((r >= 0) & (r <= 1)).all()) for r in rhos())

    module.player_stepped = watched
    fit(module, steps=1)
    assert outside == [("discriminator", False), ("generator", True)]
    with torch.no_grad():
        rhos()[0].fill_(2.0)
    stepped("discriminator")
    assert rhos()[0].max() == 2.0
    stepped("generator")
    assert rhos()[0].max() == 1.0


def test_attention_is_a_picture_of_the_images_size_from_0_to_1() -> None:
    module = build("UGATIT", ema_half_life_images=50.0)
    a = batch()["a"]
    heat = module.attention(a, "a", "b")
    assert heat.shape == (4, 1, 32, 32) and heat.min() >= 0 and heat.max() <= 1
    assert torch.equal(heat, module.attention(a)) and not heat.requires_grad
    looking = module_of(same, same)
    ramp = torch.arange(16.0).view(1, 1, 4, 4).repeat(1, 1, 1, 1) / 8 - 1
    seen = looking.attention(ramp)
    assert seen[0, 0, 0, 0] == 0 and seen[0, 0, -1, -1] == 1
    assert looking.attention(torch.zeros(1, 1, 4, 4)).abs().max() == 0
    with pytest.raises(ValueError, match="direction must be one of a to b, b to a, got a to a"):
        module.attention(a, "a", "a")


def test_the_averaged_translator_is_what_translates_and_looks() -> None:
    module = build("UGATIT", ema_half_life_images=50.0)
    a, before = batch()["a"], build("UGATIT").attention(batch()["a"])
    with torch.no_grad():
        for parameter in module.generator.parameters():
            parameter.zero_()
    assert torch.equal(module.attention(a), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cam_weight": -1.0}, "UGATIT: cam_weight must not be negative, got -1.0"),
        ({"cycle_weight": -1.0}, "UGATIT: cycle_weight must not be negative, got -1.0"),
    ],
)
def test_negative_weights_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("UGATIT", **options)


def test_one_discriminator_for_two_domains_is_refused() -> None:
    twice = judge(0.5)
    with pytest.raises(ValueError, match="local_a and local_b must be two networks"):
        build("UGATIT", local_a=twice, local_b=twice)


def test_domains_that_differ_in_channels_are_refused() -> None:
    module = module_of(lambda x: x.repeat(1, 3, 1, 1), lambda x: x[:, :1])
    colour = {**batch(), "b": batch()["b"].repeat(1, 3, 1, 1)}
    with pytest.raises(ValueError, match="UGATIT: domains must have equally many channels"):
        module.check_batch(colour)

"""DualGAN: Wasserstein terms, the bound on D, who steps how often."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.objectives import NonSaturating
from gan_modules.regularizers import WeightClipping
from tests.gan_modules.translation.test_cycle_gan import Mapped
from tests.small.batches import FixedBatches
from tests.small_variants import build
from tests.test_every_variant import fit


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def module_of(judge, **options: Any) -> Any:
    parts = {
        "generator_ab": Mapped(lambda x: x + 0.25),
        "generator_ba": Mapped(lambda x: x),
        "discriminator_a": Mapped(judge),
        "discriminator_b": Mapped(judge),
        **options,
    }
    module = build("DualGAN", **parts)
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_scores_enter_as_they_are_and_the_way_back_at_its_weight() -> None:
    module = module_of(lambda x: x.mean((1, 2, 3)), cycle_weight=500.0)
    prepared = module.prepare(batch())
    a, b = batch()["a"].mean(), batch()["b"].mean()
    terms = module.generator_losses(prepared)
    assert terms["adversarial_b"].item() == pytest.approx(-(a + 0.25).item())
    assert terms["adversarial_a"].item() == pytest.approx(-b.item())
    assert terms["cycle_a"].item() == terms["cycle_b"].item() == pytest.approx(125.0)
    told = module.discriminator_losses(prepared)
    assert told["adversarial_b"].item() == pytest.approx((a + 0.25 - b).item(), rel=1e-5)
    assert told["adversarial_a"].item() == pytest.approx((b - a).item(), rel=1e-5)


def test_the_default_is_a_gradient_penalty_of_ten_on_each_discriminator() -> None:
    # The sum of a million-th of each pixel is as flat as can be: slope 0, penalty 10.
    module = module_of(lambda x: 1e-6 * x.sum((1, 2, 3)))
    told = module.discriminator_losses(module.prepare(batch()))
    assert told["gradient_penalty_a"].item() == pytest.approx(10.0, rel=1e-3)
    steep = module_of(lambda x: 3 * x[:, 0, 0, 0])
    told = steep.discriminator_losses(steep.prepare(batch()))
    assert told["gradient_penalty_b"].item() == pytest.approx(40.0, rel=1e-5)


def test_the_slope_of_a_map_of_scores_is_that_of_its_sum() -> None:
    module = module_of(lambda x: x[:, :, :2, :2])
    told = module.discriminator_losses(module.prepare(batch()))
    # Four scores of slope one each, in four directions: sqrt(4) - 1, squared, times 10.
    assert told["gradient_penalty_b"].item() == pytest.approx(10.0, rel=1e-5)


def test_clipped_weights_stay_within_their_bound_and_gs_are_left_alone_k34() -> None:
    module = build("DualGAN", regularizers=[WeightClipping(0.01)], discriminator_lr=0.5)
    free = build("DualGAN", regularizers=[WeightClipping(1e6)], discriminator_lr=0.5)
    largest = {}
    for name, each in (("clipped", module), ("free", free)):
        fit(each, steps=2)
        largest[name] = max(p.abs().max().item() for p in each.discriminator.parameters())
    assert largest["clipped"] == pytest.approx(0.01) and largest["free"] > 0.1
    assert max(p.abs().max().item() for p in module.generator.parameters()) > 0.02


def test_g_is_untouched_by_ds_step_and_its_clipping_k34() -> None:
    module = build("DualGAN", regularizers=[WeightClipping(0.001)], discriminator_steps=3)
    before = [p.detach().clone() for p in module.generator.parameters()]
    seen: list[bool] = []

    def stepped(name: str) -> None:
        type(module).player_stepped(module, name)
        same = zip(before, module.generator.parameters(), strict=True)
        seen.append(all(torch.equal(one, other) for one, other in same))
        if name == "discriminator":
            assert max(p.abs().max() for p in module.discriminator.parameters()) <= 0.001

    module.player_stepped = stepped
    fit(module, steps=1)
    assert seen == [True, True, True, False]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({}, ["discriminator", "generator"] * 2),
        ({"discriminator_steps": 2}, ["discriminator", "discriminator", "generator"] * 2),
        ({"generator_steps": 2}, ["generator", "discriminator", "generator"]),
    ],
)
def test_one_side_may_step_more_often_each_time_on_a_batch_of_its_own(options, order) -> None:
    module, seen = build("DualGAN", **options), []
    module.player_stepped = seen.append
    fit(module, steps=2)
    assert seen == order


def test_the_classic_game_has_cross_entropies_and_no_penalty() -> None:
    judge = lambda x: torch.zeros(len(x))  # noqa: E731
    module = module_of(judge, objective=NonSaturating(), regularizers=[], generator_steps=2)
    prepared = module.prepare(batch())
    told = module.discriminator_losses(prepared)
    assert set(told) == {"adversarial_a", "adversarial_b"}
    assert told["adversarial_a"].item() == pytest.approx(1.386294, rel=1e-5)
    assert module.generator_losses(prepared)["adversarial_b"].item() == pytest.approx(0.693147)


def test_the_optimizer_is_rmsprop_with_the_papers_numbers() -> None:
    for player in build("DualGAN").players():
        (group,) = player.optimizer.param_groups
        assert type(player.optimizer) is torch.optim.RMSprop
        assert (group["lr"], group["alpha"], group["momentum"]) == (5e-5, 0.9, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle_weight": 0}, "DualGAN: cycle_weight must be positive, got 0"),
        ({"discriminator_steps": 2, "generator_steps": 3}, "must be 1, got 2 and 3; only one"),
        ({"regularizers": []}, "the Wasserstein objective needs a bound on the discriminator's"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("DualGAN", **options)


def test_batch_normalisation_under_the_penalty_is_refused() -> None:
    judge = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    with pytest.raises(ValueError, match="BatchNorm2d, which mixes samples and voids the per-sam"):
        build("DualGAN", discriminator_a=judge)


def test_fakes_have_no_graph_in_rounds_that_are_the_discriminators_alone() -> None:
    module = build("DualGAN", discriminator_steps=3)
    made: list[tuple[bool, Tensor]] = []
    with_fakes = module.with_fakes

    def watched(batch):
        found = with_fakes(batch)
        made.append((found["fake_b"].requires_grad, found["fake_b"].detach().clone()))
        return found

    module.with_fakes = watched
    fit(module, steps=2)
    assert [graph for graph, _ in made] == [False, False, True] * 2
    fakes = [fake for _, fake in made]
    assert not any(torch.equal(*pair) for pair in zip(fakes[:-1], fakes[1:], strict=True))
    assert module.steps == {"discriminator": 6, "generator": 2}

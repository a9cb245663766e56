"""The direct transform: one term, one direction; and a deep translator that follows a shallow."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.corruptions import NoisyWay
from gan_modules.networks.resnet_translator import ResnetTranslator
from tests.gan_modules.translation.test_cycle_gan import Mapped, constant
from tests.small.batches import FixedBatches
from tests.small_variants import build
from tests.test_every_variant import fit


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def module_of(score: float = 0.5, **options: Any) -> Any:
    parts: dict[str, Any] = {
        "generator": Mapped(lambda x: -x),
        "discriminator": constant(score),
        "shallow": None,
    }
    module = build("DirectTransform", **{**parts, **options})
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_there_is_one_term_for_each_side_in_one_direction() -> None:
    module = module_of(score=0.25)
    prepared = module.prepare(batch())
    terms = module.generator_losses(prepared)
    assert module.directions == (("a", "b"),) and set(terms) == {"adversarial_b"}
    assert terms["adversarial_b"].item() == pytest.approx(0.5625)
    told = module.discriminator_losses(prepared)
    # Half of (1 - 0.25)^2 for real and 0.25^2 for fakes.
    assert told["adversarial_b"].item() == pytest.approx(0.3125)


def test_a_deep_translator_pays_for_its_distance_to_the_shallow_one() -> None:
    module = module_of(shallow=Mapped(lambda x: -x + 0.25), follow_weight=4.0)
    terms = module.generator_losses(module.prepare(batch()))
    assert terms["follow"].item() == pytest.approx(1.0)
    terms["follow"].backward()
    assert module.generator["ab"].weight.grad is not None
    assert module.shallow.network.weight.grad is None


def test_the_shallow_translator_stays_as_it_is_in_eval_mode_and_plays_no_part() -> None:
    shallow = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    module = build("DirectTransform", shallow=shallow)
    before = {key: value.clone() for key, value in shallow.state_dict().items()}
    fit(module, steps=2)
    assert all(torch.equal(value, before[key]) for key, value in shallow.state_dict().items())
    module.train()
    assert module.training and not any(part.training for part in shallow.modules())


@pytest.mark.parametrize("blocks", [0, 1, 2, 4, 9])
def test_the_depth_of_the_translator_can_be_swept(blocks: int) -> None:
    generator = ResnetTranslator(1, 1, 4, blocks, downs=1)
    module = build("DirectTransform", generator=generator, shallow=None)
    assert module.translate(batch()["a"]).shape == (4, 1, 32, 32)


def test_the_translator_steps_first() -> None:
    module, order = build("DirectTransform"), []
    module.player_stepped = order.append
    fit(module, steps=2)
    assert order == ["generator", "discriminator"] * 2


def test_numbers_out_of_range_and_a_corruption_of_no_way_back_are_refused() -> None:
    with pytest.raises(ValueError, match="DirectTransform: follow_weight must be positive, got 0"):
        module_of(follow_weight=0)
    with pytest.raises(ValueError, match="generator and shallow must be two networks"):
        same = Mapped(lambda x: x)
        module_of(generator=same, shallow=same)
    with pytest.raises(ValueError, match="corruption must be null, got NoisyWay; there is no way"):
        module_of(corruption=NoisyWay())
    with pytest.raises(ValueError, match="direction must be one of a to b, got b to a"):
        module_of().translate(batch()["b"], "b", "a")

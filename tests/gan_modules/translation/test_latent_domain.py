"""The latent domain discriminator: terms, order of the three players, the ramp of its weight."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_modules.corruptions import NoisyWay
from gan_modules.networks.latent_discriminator import LatentDiscriminator
from gan_modules.translation.latent_domain import LatentDomainGAN
from tests.gan_modules.translation.isolation import gradients_at_each_step
from tests.gan_modules.translation.test_cycle_gan import Mapped, constant
from tests.gan_modules.translation.test_unit import Doubling
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit

PLAYERS = ("latent_discriminator", "discriminator", "generator")


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def undecided() -> Mapped:
    return Mapped(lambda codes: torch.zeros(len(codes), 2))


def module_of(**options: Any) -> Any:
    parts = {
        "generator": Doubling(),
        "discriminator_a": constant(0.5),
        "discriminator_b": constant(0.5),
        "latent_discriminator": undecided(),
    }
    module: Any = LatentDomainGAN(**{"fool_ramp_steps": 1, **parts, **options})
    module.steps = dict.fromkeys(PLAYERS, 99)
    return module


def terms_of(module: Any) -> dict[str, float]:
    return {k: v.item() for k, v in module.generator_losses(module.prepare(batch())).items()}


def test_each_term_of_a_codec_that_is_a_quarter_too_bright_in_b() -> None:
    module = module_of(self_weight=2.0, cycle_weight=3.0, semantic_weight=5.0, fool_weight=7.0)
    assert terms_of(module) == pytest.approx(
        {
            "adversarial_a": 0.25,
            "adversarial_b": 0.25,
            "self_a": 0.0,
            "self_b": 2 * 0.25,
            "cycle_a": 3 * 0.25,
            "cycle_b": 3 * 0.25,
            # A code is twice the image, and a in b is a quarter brighter.
            "semantic_a": 5 * 0.5,
            "semantic_b": 0.0,
            "fool": 7 * math.log(2),
        },
        abs=1e-6,
    )


def test_a_weight_of_zero_leaves_its_term_out() -> None:
    terms = terms_of(module_of(cycle_weight=0.0, semantic_weight=0.0))
    assert set(terms) == {"adversarial_a", "adversarial_b", "self_a", "self_b", "fool"}


def test_each_image_is_encoded_once_and_each_translation_once() -> None:
    module = module_of()
    module.generator_losses(module.prepare(batch()))
    names = [name for name, _ in module.codec.given]
    assert (
        sorted(names) == ["decode a"] * 3 + ["decode b"] * 3 + ["encode a"] * 2 + ["encode b"] * 2
    )


def test_the_code_of_a_translation_is_pulled_to_that_of_the_image_and_not_the_other_way() -> None:
    module = module_of(cycle_weight=0.0)
    prepared = module.prepare(batch())
    for key in ("code_a", "again_a"):
        prepared[key] = prepared[key].detach().requires_grad_()
    module.generator_losses(prepared)["semantic_a"].backward()
    assert prepared["again_a"].grad is not None and prepared["code_a"].grad is None


@pytest.mark.parametrize(("fool", "order"), [("flip", PLAYERS), ("uniform", PLAYERS)])
def test_z_steps_first_then_d_then_g_each_by_its_own_gradients_k30_k39(fool, order) -> None:
    seen = gradients_at_each_step(build("LatentDomainGAN", fool=fool), rounds=2)
    assert seen == [(name, {name}) for name in order] * 2


def test_with_reversed_gradients_z_and_g_act_at_the_same_weights_k31_k39() -> None:
    module = build("LatentDomainGAN", fool="reverse")
    module.optimizer = sgd(0.5)
    judge = module.latent_discriminator
    start = [p.detach().clone() for p in judge.parameters()]
    at_losses: list[bool] = []
    losses = module.generator_losses

    def watched(given):
        at_losses.append(all(map(torch.equal, start, judge.parameters())))
        return losses(given)

    module.generator_losses = watched
    order: list[str] = []
    module.player_stepped = order.append
    fit(module, steps=1)
    assert order == ["discriminator", "latent_discriminator", "generator"]
    assert at_losses == [True] and not all(map(torch.equal, start, judge.parameters()))


def test_encoders_hear_the_latent_game_and_decoders_and_z_do_not_in_the_turn_of_g_k30() -> None:
    module = build("LatentDomainGAN", fool_ramp_steps=1)
    module.steps = dict.fromkeys(PLAYERS, 0)
    module.latent_discriminator.requires_grad_(False)
    module.generator_losses(module.prepare(batch()))["fool"].backward()
    assert any(
        p.grad is not None and p.grad.abs().max() > 0 for p in module.codec.encoders[0].parameters()
    )
    assert all(p.grad is None for p in module.codec.decoders.parameters())
    assert all(p.grad is None for p in module.latent_discriminator.parameters())


def test_the_weight_rises_in_a_line_with_the_steps_of_g() -> None:
    module = module_of(fool_weight=4.0, fool_ramp_steps=8)
    found = []
    for step in (0, 3, 7, 100):
        module.steps["generator"] = step
        found.append(terms_of(module)["fool"] / math.log(2))
    assert found == pytest.approx([0.5, 2.0, 4.0, 4.0])
    module.fool = "reverse"
    gradients = []
    for step in (3, 7):
        module.steps["generator"] = step
        module.latent_discriminator = Mapped(lambda codes: codes.flatten(1)[:, :2])
        prepared = module.prepare(batch())
        fool = module.generator_losses(prepared)["fool"]
        gradients.append(torch.autograd.grad(fool, prepared["code_a"])[0])
    torch.testing.assert_close(2 * gradients[0], gradients[1])


def test_all_players_have_the_limit_of_the_gradient_norm() -> None:
    players = build("LatentDomainGAN", clip_norm=2.5).players()
    assert {player.name: player.clip_norm for player in players} == dict.fromkeys(PLAYERS, 2.5)
    assert all(
        player.clip_norm is None for player in build("LatentDomainGAN", clip_norm=None).players()
    )


def test_a_corruption_lies_before_the_second_code() -> None:
    module = module_of(corruption=NoisyWay(0.3))
    prepared = module.prepare(batch())
    torch.testing.assert_close(prepared["fake_b"], batch()["a"] + 0.25)
    error = prepared["again_a"] / 2 - prepared["fake_b"]
    assert error.std().item() == pytest.approx(0.3, rel=0.05)


def test_its_accuracy_is_noted() -> None:
    module = build("LatentDomainGAN")
    fit(module, steps=1)
    assert 0 <= module.last_statistics["train/latent_discriminator/accuracy"] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fool": "hide"}, "LatentDomainGAN: fool must be one of flip, uniform, reverse, got hide"),
        (
            {"latent_discriminator": LatentDiscriminator(16, num_domains=3)},
            "latent_discriminator must tell 2 domains apart, got 3; set num_domains: 2",
        ),
        ({"latent_discriminator": "Z"}, "latent_discriminator must be a torch.nn.Module, got str"),
        ({"fool_ramp_steps": 0}, "LatentDomainGAN: fool_ramp_steps must be positive, got 0"),
        ({"semantic_weight": -1.0}, "semantic_weight must not be negative, got -1.0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("LatentDomainGAN", **options)

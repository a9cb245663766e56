"""pix2pix: its terms and their matrix, the order of its steps, its noise."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.networks.patchgan import PatchDiscriminator
from gan_modules.networks.unet import UNet
from tests.gan_modules.translation.test_cycle_gan import Mapped, constant
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit


def batch() -> dict[str, Tensor]:
    return FixedBatches("PairedImages").batch(4)


def module_of(function=lambda x: x, score: float = 0.0, **options: Any) -> Any:
    parts = {"generator": Mapped(function), "discriminator": constant(score), "l1_weight": 100.0}
    module = build("Pix2Pix", **{**parts, **options})
    module.steps = {"discriminator": 0, "generator": 0}
    return module


def test_undecided_scores_cost_log_two_and_the_error_its_weight() -> None:
    module = module_of(lambda x: -x.flip(3) + 0.02)
    prepared = module.prepare(batch())
    terms = module.generator_losses(prepared)
    assert terms["adversarial"].item() == pytest.approx(0.693147, rel=1e-5)
    # The truth is the mirrored negative: 0.02 off everywhere, times 100.
    assert terms["l1"].item() == pytest.approx(2.0, rel=1e-4)
    assert module.discriminator_losses(prepared)["adversarial_b"].item() == pytest.approx(0.693147)


def test_pairs_are_scored_where_d_sees_the_input_and_in_eval_mode() -> None:
    seen = []

    def judge(pair: Tensor) -> Tensor:
        seen.append(module.discriminator.training)
        return (pair[:, :1] - 2 * pair[:, 1:]) + pair[:, :1, :1, :1]

    module = module_of()
    module.discriminator["b"] = Mapped(judge)
    a, b = batch()["a"], batch()["b"]
    found = module.pair_scores(a, b)
    expected = (a - 2 * b).mean((1, 2, 3)) + a[:, 0, 0, 0]
    assert found.shape == (4,) and torch.allclose(found, expected, atol=1e-6)
    assert seen == [False] and module.discriminator.training
    assert module_of(terms="gan").pair_scores(a, b) is None
    assert module_of(terms="l1", discriminator=None).pair_scores(a, b) is None


def test_g_wants_high_scores_and_d_low_ones_for_what_g_makes() -> None:
    high, low = module_of(score=3.0), module_of(score=-3.0)
    of_g = [m.generator_losses(m.prepare(batch()))["adversarial"].item() for m in (high, low)]
    assert of_g[0] == pytest.approx(0.048587, rel=1e-3) and of_g[1] == pytest.approx(3.048587)
    judge = Mapped(lambda pair: (pair[:, 1] == batch()["b"][:, 0]).double().mean((1, 2)) * 20 - 10)
    module = module_of()
    module.discriminator["b"] = judge
    told = module.discriminator_losses(module.prepare(batch()))["adversarial_b"]
    # This judge knows the real outputs: both halves are nearly free.
    assert told.item() < 1e-3


@pytest.mark.parametrize(
    ("terms", "channels", "players", "named"),
    [
        ("l1", None, {"generator"}, {"l1"}),
        ("gan", 1, {"generator", "discriminator"}, {"adversarial"}),
        ("cgan", 2, {"generator", "discriminator"}, {"adversarial"}),
        ("l1+gan", 1, {"generator", "discriminator"}, {"adversarial", "l1"}),
        ("l1+cgan", 2, {"generator", "discriminator"}, {"adversarial", "l1"}),
    ],
)
def test_terms_decide_who_plays_and_what_d_sees_k36(terms, channels, players, named) -> None:
    judge = PatchDiscriminator(channels, 4, 2, "none") if channels else None
    module = build("Pix2Pix", terms=terms, discriminator=judge)
    order = []
    module.player_stepped = order.append
    fit(module, steps=2)
    assert set(order) == players and order[-1] == "generator"
    if channels:
        assert order == ["discriminator", "generator"] * 2
    assert set(module.generator_losses(module.prepare(batch()))) == named


def test_d_sees_the_input_beside_the_very_fake_that_g_learns_from_after_d_stepped_k36() -> None:
    module = build("Pix2Pix")
    module.optimizer = sgd(0.5)
    seen: list[tuple[str, Tensor, Tensor]] = []
    forward = module.discriminator["b"].forward

    def watched(pair: Tensor) -> Tensor:
        weight = next(module.discriminator["b"].parameters()).detach().clone()
        seen.append(("fake" if pair.requires_grad else "shown", pair.detach().clone(), weight))
        return forward(pair)

    module.discriminator["b"].forward = watched
    fit(module, steps=1)
    kinds = [kind for kind, _, _ in seen]
    assert kinds == ["shown", "shown", "fake"]
    real, shown, fake = seen
    assert torch.equal(shown[1], fake[1]) and torch.equal(real[1][:, :1], shown[1][:, :1])
    assert not torch.equal(real[1][:, 1:], shown[1][:, 1:])
    assert torch.equal(real[2], shown[2]) and not torch.equal(shown[2], fake[2])


def test_dropout_is_the_noise_of_translations_unless_they_are_asked_for_in_eval_mode_k37() -> None:
    network = UNet(1, 1, 4, 4, "batch", dropout_blocks=2)
    assert sum(isinstance(layer, nn.Dropout) for layer in network.modules()) == 2
    noisy = build("Pix2Pix", generator=network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    one, other = (noisy.translate(batch()["a"]) for _ in range(2))
    assert not torch.equal(one, other)
    noisy.inference_mode = "eval"
    assert torch.equal(noisy.translate(batch()["a"]), noisy.translate(batch()["a"]))
    # Looking changes nothing: running statistics and modes are as before.
    assert all(torch.equal(value, before[k]) for k, value in network.state_dict().items())
    assert network.training


def test_a_discriminator_that_is_missing_or_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="discriminator must be given unless terms is l1, got non"):
        build("Pix2Pix", discriminator=None)
    with pytest.raises(ValueError, match="got one for l1; set or remove it"):
        build("Pix2Pix", terms="l1")
    with pytest.raises(ValueError, match="l1_weight must be positive, got -1"):
        build("Pix2Pix", l1_weight=-1)


def test_only_the_learned_direction_can_be_asked_for() -> None:
    for mode in ("train", "eval"):
        with pytest.raises(ValueError, match="direction must be one of a to b, got b to a"):
            build("Pix2Pix", inference_mode=mode).translate(batch()["a"], "b", "a")

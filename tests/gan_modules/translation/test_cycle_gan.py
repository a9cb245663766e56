"""CycleGAN: closed forms of its terms, the order of its steps, who sees which fake."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_modules.corruptions import NoisyWay
from gan_modules.engine.noise import Noise
from gan_modules.guessing import guess_loss
from gan_modules.networks.patchgan import PatchDiscriminator
from tests.small.batches import FixedBatches
from tests.small_variants import build, sgd
from tests.test_every_variant import fit


class Mapped(nn.Module):
    """An exact function of images, with a weight that a player can own; notes what it is given."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.zeros(()))
        self.given: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.given.append(x)
        return self.function(x) + self.weight


def constant(value: float) -> Mapped:
    return Mapped(lambda x: torch.full((len(x), 1, 2, 2), value))


def module_of(to_b, to_a, score: float = 0.5, **options: Any) -> Any:
    return build(
        "CycleGAN",
        generator_ab=Mapped(to_b),
        generator_ba=Mapped(to_a),
        discriminator_a=constant(score),
        discriminator_b=constant(score),
        **options,
    )


def batch() -> dict[str, Tensor]:
    return FixedBatches("UnpairedImages").batch(4)


def losses_of(module: Any) -> dict[str, Tensor]:
    return module.generator_losses(module.prepare(batch()))


def test_identity_translators_pay_nothing_for_cycle_and_identity_k05() -> None:
    losses = losses_of(module_of(lambda x: x, lambda x: x))
    for term in ("cycle_a", "cycle_b", "identity_a", "identity_b"):
        assert losses[term].item() == 0.0


@pytest.mark.parametrize("way", [lambda x: -x, lambda x: x.flip(3)])
def test_translators_that_undo_each_other_pay_for_the_identity_alone_k06(way) -> None:
    losses = losses_of(module_of(way, way))
    assert losses["cycle_a"].item() == losses["cycle_b"].item() == 0.0
    b = batch()["b"]
    expected = 10 * 0.5 * (way(b) - b).abs().mean().item()
    assert losses["identity_b"].item() == pytest.approx(expected) and expected > 0


def test_the_cycle_of_a_shift_costs_its_weight_times_the_shift() -> None:
    losses = losses_of(module_of(lambda x: x + 0.25, lambda x: x, cycle_weight=4.0))
    assert losses["cycle_a"].item() == pytest.approx(1.0)
    assert losses["cycle_b"].item() == pytest.approx(1.0)
    assert losses["identity_b"].item() == pytest.approx(0.5)
    assert losses["identity_a"].item() == pytest.approx(0.0)


def test_scores_of_a_half_cost_a_quarter_each_k07() -> None:
    module = module_of(lambda x: x, lambda x: x)
    prepared = module.prepare(batch())
    module.steps = {"discriminator": 0, "generator": 0}
    for player in (module.generator_losses, module.discriminator_losses):
        terms = player(prepared)
        assert terms["adversarial_a"].item() == pytest.approx(0.25)
        assert terms["adversarial_b"].item() == pytest.approx(0.25)


def test_scores_of_real_are_pulled_to_one_and_of_fakes_to_zero() -> None:
    module = module_of(lambda x: x * 0 + 0.9, lambda x: x * 0 + 0.9)
    module.steps = {"discriminator": 0, "generator": 0}
    judge = Mapped(lambda x: (x.mean((1, 2, 3)) > 0.8).double())
    module.discriminator["b"] = judge
    terms = module.discriminator_losses(module.prepare(batch()))
    # Fakes score 1 and reals 0: the worst there is, half of 1 + 1.
    assert terms["adversarial_b"].item() == pytest.approx(1.0)


def test_g_steps_before_d_which_sees_detached_fakes_of_before_that_step_k35() -> None:
    module = build("CycleGAN")
    module.optimizer = sgd(0.5)
    seen: dict[str, list[Tensor]] = {"fakes": [], "shown": [], "order": []}
    calls = {"ab": 0}
    translator = module.generator["ab"]
    forward, prepare, telling = translator.forward, module.prepare, module.telling

    def counted(x: Tensor) -> Tensor:
        calls["ab"] += 1
        return forward(x)

    def prepared(batch):
        found = prepare(batch)
        seen["fakes"].append(found["fake_b"])
        return found

    def told(domain: str, real: Tensor, fake: Tensor):
        if domain == "b":
            seen["shown"].append(fake)
        return telling(domain, real, fake)

    def stepped(name: str) -> None:
        seen["order"].append(name)

    translator.forward, module.prepare = counted, prepared
    module.telling, module.player_stepped = told, stepped
    fit(module, steps=2)
    assert seen["order"] == ["generator", "discriminator"] * 2
    for made, shown in zip(seen["fakes"], seen["shown"], strict=True):
        assert made.requires_grad and not shown.requires_grad
        assert torch.equal(made, shown)
    # The fake, the way back of b, the identity; and one look at the first batch.
    assert calls["ab"] == 2 * 3 + 1


def test_the_corruption_is_on_the_way_back_alone_and_in_training_alone_k44() -> None:
    module = module_of(lambda x: x, lambda x: x, corruption=NoisyWay(0.3))
    prepared = module.prepare(batch())
    assert torch.equal(prepared["fake_b"], batch()["a"])
    back = module.generator["ba"].given[-1]
    assert (back - batch()["a"]).std().item() == pytest.approx(0.3, rel=0.05)
    module.discriminator["b"].given.clear()
    module.generator_losses(prepared)
    assert torch.equal(module.discriminator["b"].given[0], batch()["a"])
    assert torch.equal(module.translate(batch()["a"]), batch()["a"])


class First(nn.Module):
    """Scores how much brighter the first picture is."""

    def forward(self, pair: Tensor) -> Tensor:
        return 40 * (pair[:, 0] - pair[:, 1]).mean((1, 2))


def test_the_right_guess_is_free_and_the_wrong_one_is_dear_in_both_orders() -> None:
    dark, bright = -torch.ones(64, 1, 4, 4), torch.ones(64, 1, 4, 4)
    # The brighter is the reconstruction: this guesser is always right.
    assert guess_loss(First(), dark, bright, Noise(1), right=True).item() < 1e-6
    assert guess_loss(First(), dark, bright, Noise(1), right=False).item() == pytest.approx(80.0)
    assert guess_loss(First(), bright, dark, Noise(1), right=True).item() == pytest.approx(80.0)


def test_translators_pay_for_every_reconstruction_that_is_told_from_its_input() -> None:
    # What comes back is a quarter too bright, which this guesser sees at once.
    guessers = {"guesser_a": First(), "guesser_b": First()}
    module = module_of(lambda x: x + 0.25, lambda x: x, **guessers, guess_weight=3.0)
    prepared = module.prepare(batch())
    terms = module.generator_losses(prepared)
    for domain in ("a", "b"):
        # The wrong answer at scores of +-40 times a quarter.
        assert terms[f"guess_{domain}"].item() == pytest.approx(3.0 * 10.0, rel=1e-3)
        assert module.guesser_losses(prepared)[f"guess_{domain}"].item() < 1e-3
    weights = [translator.weight for translator in module.generator.values()]
    gradients = torch.autograd.grad(terms["guess_a"], weights)
    # Darker would be better: both translators on the way back of a hear of it.
    assert all(gradient.item() == pytest.approx(3.0 * 40.0, rel=1e-3) for gradient in gradients)


def test_guessers_play_last_and_translators_play_against_them() -> None:
    guessers = {f"guesser_{d}": PatchDiscriminator(2, 4, 2, "none") for d in "ab"}
    module = build("CycleGAN", **guessers)
    fit(module, steps=2)
    assert module.steps == {"generator": 2, "discriminator": 2, "guesser": 2}
    assert {"guess_a", "guess_b"} <= set(losses_of(module))
    module.prepare(batch())
    terms = module.guesser_losses(module.prepare(batch()))
    generator = list(module.generator.parameters())
    gradients = torch.autograd.grad(terms["guess_a"], generator, allow_unused=True)
    assert all(gradient is None for gradient in gradients)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle_weight": -1.0}, "CycleGAN: cycle_weight must not be negative, got -1.0"),
        ({"guesser_a": nn.Identity()}, "CycleGAN: guessers must be two"),
        ({"micro_batches": 2}, "CycleGAN: micro_batches must be 1, got 2"),
        ({"pool_size": -1}, "size must be 0 or a positive integer, got -1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("CycleGAN", **options)


def test_one_network_for_two_directions_is_refused() -> None:
    same = Mapped(lambda x: x)
    with pytest.raises(ValueError, match="translator ab and translator ba must be two networks"):
        build("CycleGAN", generator_ab=same, generator_ba=same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": None}, "batch must have the key b, got"),
        ({"a": torch.ones(4, 2)}, r"images of domain a must have the shape \(N, C, H, W\)"),
        ({"a": torch.full((4, 1, 32, 32), 3.0)}, r"images must lie in \[-1, 1\], got \[3, 3\]"),
        ({"a": torch.zeros(4, 1, 32, 32, dtype=torch.uint8)}, "images must be float"),
        ({"b": torch.full((4, 1, 32, 32), float("nan"))}, "NaN or infinite"),
        (
            {"b": torch.zeros(4, 3, 32, 32)},
            r"domain b has the shape \[3, 32, 32\] but its translator makes \[1, 32, 32\]",
        ),
    ],
)
def test_a_first_batch_that_breaks_the_contract_is_refused(change, message: str) -> None:
    bad = {key: value for key, value in {**batch(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        build("CycleGAN").check_batch(bad)


def test_an_identity_loss_between_unlike_channels_is_refused() -> None:
    to_three, to_one = lambda x: x.repeat(1, 3, 1, 1), lambda x: x[:, :1]  # noqa: E731
    module = module_of(to_three, to_one)
    colour = {**batch(), "b": batch()["b"].repeat(1, 3, 1, 1)}
    with pytest.raises(ValueError, match="identity_weight must be 0 where the domains differ"):
        module.check_batch(colour)
    module.identity_weight = 0.0
    module.check_batch(colour)


def test_an_unknown_direction_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="direction must be one of a to b, b to a, got a to c"):
        build("CycleGAN").translate(batch()["a"], "a", "c")

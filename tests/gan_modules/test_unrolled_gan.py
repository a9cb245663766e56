"""Unrolled GAN: known answer 45, and G's gradient against simulated steps of D."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.unrolling import InnerAdam, InnerSGD, Parameters, unroll
from gan_modules.networks.dcgan import DCGANDiscriminator
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import Minimax, Objective
from gan_modules.regularizers import R1, Regularizer
from gan_modules.unconditional.unrolled_gan import UnrolledGAN
from tests.helpers_resume import assert_same_state, fit, resumed_and_whole
from tests.small_variants import loader, sgd
from tests.test_every_variant import QUIET

SHAPE = (1, 32, 32)


def unrolled(steps: int = 3, seed: int = 2, **options: Any) -> UnrolledGAN:
    torch.manual_seed(seed)
    generator = MLPGenerator(4, SHAPE, 8, 2, "tanh")
    discriminator = MLPDiscriminator(SHAPE, 8, 2, "tanh")
    return at_start(UnrolledGAN(generator, discriminator, steps, **options).double())


def at_start(module: Any) -> Any:
    """As the trainer has it before the first step."""
    module.steps = {"generator": 0, "discriminator": 0}
    return module


def a_batch(n: int = 6) -> Mapping[str, Tensor]:
    batch: Mapping[str, Tensor] = next(iter(loader(n, dtype=torch.float64)))
    return batch


def gradients(module: UnrolledGAN, batch: Mapping[str, Tensor]) -> list[Tensor]:
    """Of G's loss, from the first latents on."""
    module.noise.calls = 0
    loss = module.generator_losses(batch)["adversarial"]
    return list(torch.autograd.grad(loss, list(module.generator.parameters())))


# -- known answer 45 -------------------------------------------------------------------------------


def test_five_steps_on_a_bilinear_game_are_the_closed_form_kat_45() -> None:
    """f = theta phi - phi^2 / 2, which D raises and G lowers, from phi = 0 at eta = 0.1."""
    theta = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def value(parameters: Parameters) -> Tensor:
        return theta * parameters["phi"] - parameters["phi"].square() / 2

    start = {"phi": torch.zeros((), dtype=torch.float64, requires_grad=True)}
    end = unroll(lambda parameters: -value(parameters), start, 5, InnerSGD(0.1))
    assert end["phi"].item() == pytest.approx(2 * (1 - 0.9**5), abs=1e-9)
    (slope,) = torch.autograd.grad(value(end), theta)
    assert value(end).item() == pytest.approx(1.3026431198, abs=1e-9)
    assert slope.item() == pytest.approx(1.3026431198, abs=1e-9)
    assert start["phi"].item() == 0


class Constant(nn.Module):
    """Every sample is theta."""

    latent_dim = 1

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([2.0]))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand(len(z), 1)


class Line(nn.Module):
    """``D(x) = phi x - phi^2 / 2``."""

    def __init__(self) -> None:
        super().__init__()
        self.phi = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.phi * x[:, 0] - self.phi.square() / 2


class Bilinear(Objective):
    """D raises its score of fakes, G lowers it."""

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return -fake_scores.mean()

    def generator_loss(self, fake_scores: Tensor, real_scores: Tensor | None = None) -> Tensor:
        return fake_scores.mean()


def test_the_variant_plays_the_bilinear_game_in_closed_form_kat_45() -> None:
    module = at_start(UnrolledGAN(Constant(), Line(), 5, unrolling_lr=0.1).double())
    module.objective = Bilinear()
    loss = module.generator_losses({"image": torch.zeros(4, 1).double()})["adversarial"]
    assert loss.item() == pytest.approx(1.3026431198, abs=1e-9)
    loss.backward()
    assert module.generator.theta.grad.item() == pytest.approx(1.3026431198, abs=1e-9)
    assert module.discriminator.phi.item() == 0 and module.discriminator.phi.grad is None


def test_without_steps_it_is_the_plain_minimax_gradient_kat_45() -> None:
    module, batch = unrolled(0), a_batch()
    found = gradients(module, batch)
    module.noise.calls = 0
    scores = module.discriminator(module.generate(6))
    plain = torch.autograd.grad(
        Minimax().generator_loss(scores), list(module.generator.parameters())
    )
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one, other)
    assert any(slope.any() for slope in found)
    # And with steps it is another one.
    ahead = gradients(unrolled(3, unrolling_lr=0.5), batch)
    assert max(float((a - b).abs().max()) for a, b in zip(ahead, plain, strict=True)) > 1e-4


# -- against steps that an optimizer takes ---------------------------------------------------------


def simulated(module: UnrolledGAN, batch: Mapping[str, Tensor], optimizer: Any) -> float:
    """G's loss after a copy of D really took the steps, on the same latents."""
    module.noise.calls = 0
    fake = module.generate(len(batch["image"])).detach()
    discriminator = copy.deepcopy(module.discriminator)
    optimizer = optimizer(discriminator)

    def loss() -> Tensor:
        return Minimax().discriminator_loss(discriminator(batch["image"]), discriminator(fake))

    for _ in range(module.unrolling_steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return -loss().item()


def assert_follows(
    module: UnrolledGAN, batch: Mapping[str, Tensor], optimizer: Any, slope_too: bool = True
) -> None:
    """The loss is the simulated one, its gradient the slope of the simulated one."""
    module.noise.calls = 0
    loss = module.generator_losses(batch)["adversarial"].item()
    assert loss == pytest.approx(simulated(module, batch, optimizer), abs=1e-12)
    if not slope_too:
        return
    found = gradients(module, batch)
    torch.manual_seed(1)
    directions = [torch.randn_like(slope) for slope in found]
    slope = sum(float((g * d).sum()) for g, d in zip(found, directions, strict=True))
    ends = []
    for way in (1e-5, -1e-5):
        moved = copy.deepcopy(module)
        for parameter, direction in zip(moved.generator.parameters(), directions, strict=True):
            parameter.data.add_(direction, alpha=way)
        ends.append(simulated(moved, batch, optimizer))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)
    assert abs(slope) > 1e-3


@pytest.mark.parametrize("steps", [1, 4])
def test_its_gradient_is_that_of_the_loss_after_real_sgd_steps(steps: int) -> None:
    module = unrolled(steps, unrolling_lr=0.3)
    assert_follows(module, a_batch(), lambda d: torch.optim.SGD(d.parameters(), lr=0.3))


class FakeReferee:
    """Holds D's player alone."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.players = {"discriminator": type("Player", (), {"optimizer": optimizer})()}


@pytest.mark.parametrize("before", [0, 3])
def test_inner_adam_goes_on_from_the_moments_of_the_real_one(before: int) -> None:
    # Not a half: a beta1 that is swapped with its complement would not show.
    options: dict[str, Any] = {"inner": "adam", "discriminator_lr": 0.01, "betas": (0.8, 0.99)}
    module, batch = unrolled(3, **options), a_batch()
    own = torch.optim.Adam(module.discriminator.parameters(), lr=0.01, betas=module.betas)
    for _ in range(before):
        own.zero_grad()
        module.discriminator_losses(batch)["adversarial"].backward()
        own.step()
    module.discriminator.zero_grad()
    kept = copy.deepcopy(own.state_dict())
    module.referee = FakeReferee(own)  # type: ignore[assignment]

    def real_adam(discriminator: nn.Module) -> torch.optim.Adam:
        adam = torch.optim.Adam(discriminator.parameters(), lr=0.01, betas=module.betas)
        adam.load_state_dict(copy.deepcopy(kept))
        return adam

    # The first step of Adam is a sign, whose slope finite differences do not see.
    assert_follows(module, batch, real_adam, slope_too=before > 0)
    for now, then in zip(own.state_dict()["state"].values(), kept["state"].values(), strict=True):
        assert all(torch.equal(now[key], then[key]) for key in then)


def test_inner_adam_is_finite_where_a_gradient_is_exactly_zero() -> None:
    theta = torch.tensor(1.0, requires_grad=True)
    start = {"dead": torch.ones(2, requires_grad=True), "live": torch.ones(2, requires_grad=True)}

    def loss(parameters: Parameters) -> Tensor:
        used = theta * parameters["live"].square().sum()
        return used + (parameters["dead"] * 0 * theta).sum()

    end = unroll(loss, start, 3, InnerAdam(0.1, (0.5, 0.999), {}))
    (slope,) = torch.autograd.grad(loss(end), theta)
    assert slope.isfinite() and torch.equal(end["dead"], start["dead"])
    assert not torch.equal(end["live"], start["live"])


def test_a_parameter_that_the_loss_does_not_use_stays() -> None:
    start = {"used": torch.ones(1, requires_grad=True), "unused": torch.ones(2, requires_grad=True)}
    end = unroll(lambda p: p["used"].square().sum(), start, 2, InnerSGD(0.1))
    assert torch.equal(end["unused"], start["unused"])
    assert end["used"].item() == pytest.approx(0.64)


# -- the game --------------------------------------------------------------------------------------


def test_both_players_step_from_the_same_parameters() -> None:
    module = unrolled(2, unrolling_lr=0.2)
    module.optimizer = sgd(0.1)  # type: ignore[assignment,method-assign]
    by_hand = unrolled(2, unrolling_lr=0.2)
    Trainer(max_steps=1, **QUIET).fit(module, loader(6, dtype=torch.float64))
    by_hand.noise.seed = module.noise.seed
    batch = a_batch()
    moves: list[tuple[nn.Parameter, Tensor]] = []
    for player in ("discriminator", "generator"):
        parameters = list(getattr(by_hand, player).parameters())
        losses = getattr(by_hand, f"{player}_losses")(batch)
        slopes = torch.autograd.grad(losses["adversarial"], parameters)
        moves += zip(parameters, slopes, strict=True)
    for parameter, slope in moves:
        parameter.data -= 0.1 * slope
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=1e-12, atol=1e-14)


def test_the_discriminators_own_step_is_the_plain_one() -> None:
    module, batch = unrolled(3, unrolling_lr=1.0), a_batch()
    plain = at_start(AdversarialModule(module.generator, module.discriminator, Minimax()).double())
    found = [
        torch.autograd.grad(
            game.discriminator_losses(batch)["adversarial"], list(game.discriminator.parameters())
        )
        for game in (module, plain)
    ]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_the_generators_turn_leaves_the_discriminator_alone() -> None:
    module = unrolled(3, unrolling_lr=1.0)
    before = copy.deepcopy(module.discriminator.state_dict())
    module.generator_losses(a_batch())["adversarial"].backward()
    after = module.discriminator.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.grad is None for parameter in module.discriminator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in module.generator.parameters())


def test_frozen_layers_of_the_discriminator_are_frozen_in_the_look_ahead() -> None:
    torch.manual_seed(2)
    discriminator = MLPDiscriminator(SHAPE, 8, 2, "tanh")
    discriminator.head.requires_grad_(False)
    module = UnrolledGAN(MLPGenerator(4, SHAPE, 8, 2, "tanh"), discriminator, 2, unrolling_lr=0.3)
    assert_follows(
        at_start(module.double()),
        a_batch(),
        lambda d: torch.optim.SGD([p for p in d.parameters() if p.requires_grad], lr=0.3),
    )


class ClassGenerator(nn.Module):
    latent_dim, num_classes = 4, 3

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.embed = MLPGenerator(4, SHAPE, 8, 1), nn.Embedding(3, 4)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.layers(z + self.embed(label))


class ClassDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers, self.bias = MLPDiscriminator(SHAPE, 8, 1), nn.Embedding(3, 1)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return self.layers(x) + self.bias(label)[:, 0]


def test_classes_are_told_to_the_discriminator_that_is_foreseen() -> None:
    module = UnrolledGAN(ClassGenerator(), ClassDiscriminator(), 2, unrolling_lr=0.5)
    fit(module, steps=2)
    assert module.generator.embed.weight.grad.any()


def test_the_usual_inner_rates() -> None:
    assert unrolled().unrolling_lr == 0.1
    assert unrolled(inner="adam", discriminator_lr=3e-4).unrolling_lr == 3e-4
    assert unrolled(inner="adam", unrolling_lr=0.2).unrolling_lr == 0.2
    defaults = unrolled()
    assert (defaults.generator_lr, defaults.discriminator_lr) == (1e-3, 1e-4)
    assert UnrolledGAN(MLPGenerator(4, SHAPE), MLPDiscriminator(SHAPE)).unrolling_steps == 5


@pytest.mark.parametrize("inner", ["sgd", "adam"])
def test_a_resumed_run_is_the_same_run(inner: str, tmp_path: Path) -> None:
    def build() -> UnrolledGAN:
        return unrolled(2, inner=inner, discriminator_lr=1e-3).float()

    assert_same_state(*resumed_and_whole(build, tmp_path))


def test_bf16_autocast_unrolls_in_full_precision() -> None:
    module, batch = unrolled(3, unrolling_lr=0.5).float(), a_batch()
    batch = {**batch, "image": batch["image"].float()}
    exact = gradients(module, batch)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(module, batch)
    for one, other in zip(found, exact, strict=True):
        assert (one - other).norm() <= 0.05 * other.norm()


# -- refusals --------------------------------------------------------------------------------------


class OfTheGenerator(Regularizer):
    name, player = "of_g", "generator"

    def weight_penalty(self, network: nn.Module) -> Tensor:
        return sum((p.square().sum() for p in network.parameters()), torch.zeros(()))


def test_penalties_of_the_generator_are_added() -> None:
    module = unrolled(1, regularizers=[OfTheGenerator()])
    terms = module.generator_losses(a_batch())
    assert set(terms) == {"adversarial", "of_g"} and terms["of_g"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "unrolling_steps must be at least 0, got -1; the paper takes 1 to 10"),
        ({"inner": "rmsprop"}, "inner must be sgd or adam, got rmsprop; choose one"),
        ({"unrolling_lr": 0.0}, "unrolling_lr must be positive, got 0.0; null takes the usual"),
        (
            {"regularizers": [R1()]},
            r"regularizers must not act on the discriminator, got \['r1'\], which the unrolled",
        ),
        ({"discriminator_steps": 2}, "discriminator_steps must be 1, got 2: looking ahead"),
        ({"micro_batches": 2}, "micro_batches must be 1, got 2, .*; lower batch_size"),
    ],
)
def test_what_does_not_go_with_unrolling_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"UnrolledGAN: {message}"):
        unrolled(**options)


@pytest.mark.parametrize(
    ("normalization", "message"),
    [
        ("batch", "must not have BatchNorm, whose running .*; use normalization: layer"),
        ("spectral", "must not have spectral normalisation, whose power .*; use normalization: no"),
    ],
)
def test_discriminators_whose_state_moves_are_refused(normalization: Any, message: str) -> None:
    discriminator = DCGANDiscriminator(32, 1, 4, normalization)
    with pytest.raises(ValueError, match=f"UnrolledGAN: discriminator {message}"):
        UnrolledGAN(MLPGenerator(4, SHAPE), discriminator)

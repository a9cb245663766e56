"""Who is moved by what, the round written by hand, and the gate."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning import Trainer
from torch import Tensor, nn

import gan_modules.equilibrium
from gan_modules.equilibrium import EquilibriumGate
from gan_modules.likelihoods import feature_error
from gan_modules.networks.autoencoders import MLPEncoder
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from tests.small_variants import FixedImages, build, load, loader, sgd
from tests.test_every_variant import QUIET, fit


def networks(module: Any) -> dict[str, nn.Module]:
    return {"E": module.encoder, "G": module.generator, "D": module.discriminator}


def batch_of(n: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    return {"image": FixedImages(n, dtype).images}


def reached(loss: Tensor, module: Any) -> set[str]:
    """The networks in which a loss has a gradient."""
    found = set()
    for name, network in networks(module).items():
        parameters = list(network.parameters())
        grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        found |= {name for grad in grads if grad is not None and bool(grad.any())}
    return found


# -- routing (known answer 43) --------------------------------------------------------------------


@pytest.mark.parametrize("judge", [False, True])
def test_each_term_moves_whom_the_paper_says_kat_43(judge: bool) -> None:
    module = build("VAEGAN", margin=None, judge_reconstructions=judge)
    encoder = module.encoder_losses(batch_of(4))
    assert reached(encoder["kl"], module) == {"E"}
    # D is in the way of L_rec; in E's and G's turns the referee holds it constant.
    assert reached(encoder["reconstruction"], module) == {"E", "G", "D"}
    generator = module.generator_losses(batch_of(4))
    assert reached(generator["reconstruction"], module) == {"G", "D"}
    assert reached(generator["adversarial"], module) == {"G", "D"}
    discriminator = module.discriminator_losses(batch_of(4))
    assert reached(discriminator["real"], module) == {"D"}
    assert reached(discriminator["generated"], module) == {"D"}


def test_the_game_never_reaches_the_encoder_and_the_error_never_the_discriminator_kat_43() -> None:
    """What only L_GAN reads, the end of D, changes neither E's step; gamma does not change D's."""

    def steps(gamma: float, end_of_d: float) -> dict[str, Tensor]:
        module = build("VAEGAN", margin=None, reconstruction_weight=gamma)
        with torch.no_grad():
            module.discriminator.head[-1].weight.mul_(end_of_d)
        before = {name: _flat(network) for name, network in networks(module).items()}
        module.optimizer = sgd(0.01)
        torch.manual_seed(2)
        fit(module, steps=1)
        return {name: _flat(network) - before[name] for name, network in networks(module).items()}

    plain, weighted, other_end = steps(0.01, 1.0), steps(0.5, 1.0), steps(0.01, 3.0)
    assert torch.equal(plain["E"], other_end["E"]) and torch.equal(plain["E"], weighted["E"])
    assert torch.equal(plain["D"], weighted["D"]) and not torch.equal(plain["D"], other_end["D"])
    assert not torch.equal(plain["G"], weighted["G"])
    assert not torch.equal(plain["G"], other_end["G"])


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


@pytest.mark.parametrize("judge", [False, True])
def test_a_round_is_three_gradient_steps_on_one_forward_written_by_hand(judge: bool) -> None:
    def make() -> Any:
        options = {"judge_reconstructions": judge, "reconstruction_weight": 0.3, "margin": None}
        return build("VAEGAN", **options).double()

    module, by_hand = make(), make()
    module.optimizer = sgd(0.1)
    torch.manual_seed(4)
    Trainer(max_steps=1, **QUIET).fit(module, loader(4, dtype=torch.float64))
    by_hand.noise.seed = module.noise.seed
    real = next(iter(loader(4, dtype=torch.float64)))["image"]
    E, G, D = networks(by_hand).values()
    noise, prior = (
        by_hand.noise.branch(0).normal(4, 12, device=real.device, dtype=torch.float64).chunk(2, 1)
    )
    mean, log_variance = E(real).chunk(2, 1)
    z = mean + (log_variance / 2).exp() * noise
    features = by_hand.discriminator.features
    error = 0.5 * (features(G(z)) - features(real)).square().flatten(1).sum(1).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    values = [F.logsigmoid(D(real)).mean(), F.logsigmoid(-D(G(prior))).mean()]
    if judge:
        values.append(F.logsigmoid(-D(G(z.detach()))).mean())
    game = torch.stack(values).sum()
    losses = {"E": kl + error, "G": 0.3 * error + game, "D": -game}
    gradients = {
        name: torch.autograd.grad(
            loss, list(networks(by_hand)[name].parameters()), create_graph=True
        )
        for name, loss in losses.items()
    }
    for name, network in networks(by_hand).items():
        for parameter, gradient in zip(network.parameters(), gradients[name], strict=True):
            parameter.data -= 0.1 * gradient
    for key, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-9, atol=1e-12)


def test_the_error_is_half_the_squared_distance_of_features() -> None:
    class Doubling(nn.Module):
        def features(self, x: Tensor) -> Tensor:
            return 2.0 * x

    real = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    images = torch.tensor([[0.0, 0.0], [3.0, 1.0]], requires_grad=True)
    error = feature_error(Doubling(), images, real)
    # ((2^2) / 2 + (6^2 + 2^2) / 2) / 2
    assert error.item() == pytest.approx(11.0)
    grads = torch.autograd.grad(error, [images, real], allow_unused=True)
    torch.testing.assert_close(grads[0], torch.tensor([[-2.0, 0.0], [6.0, 2.0]]))
    assert grads[1] is None


def test_players_of_a_round_see_the_same_latents_and_rounds_others() -> None:
    module = build("VAEGAN")
    noise, prior = module._latents(4)
    assert torch.equal(module._latents(4)[0], noise) and not torch.equal(noise, prior)
    module.rounds = 1
    assert not torch.equal(module._latents(4)[0], noise)


def test_a_resumed_run_goes_on_with_the_latents_it_would_have_had(tmp_path: Any) -> None:
    module = build("VAEGAN")
    fit(module).save_checkpoint(tmp_path / "m.ckpt", weights_only=False)
    again = load("VAEGAN", tmp_path / "m.ckpt")
    assert again.rounds == 2 and torch.equal(again._latents(3)[0], module._latents(3)[0])


# -- the gate -------------------------------------------------------------------------------------


def scores_of_cost(cost: float, real: bool) -> Tensor:
    """Two scores whose mean cross entropy is ``cost`` nats."""
    score = math.log(math.expm1(cost))
    return torch.tensor([-score, -score] if real else [score, score], dtype=torch.float64)


@pytest.mark.parametrize(
    ("real", "fake", "generator", "discriminator"),
    [
        (0.69, 0.69, True, True),
        (0.34, 1.02, True, True),
        (0.32, 0.69, True, False),
        (0.69, 0.32, True, False),
        (0.10, 0.10, True, False),
        (1.04, 0.69, False, True),
        (0.69, 1.04, False, True),
        (2.00, 2.00, False, True),
        # Both would pass: both act.
        (0.32, 1.04, True, True),
        (1.04, 0.32, True, True),
    ],
)
def test_the_gate_lets_the_weaker_side_act_kat_43(
    real: float, fake: float, generator: bool, discriminator: bool
) -> None:
    gate = EquilibriumGate()
    found = gate.acting(scores_of_cost(real, real=True), scores_of_cost(fake, real=False))
    assert found == {"generator": generator, "discriminator": discriminator}
    assert EquilibriumGate(None).acting(torch.zeros(2), torch.zeros(2)) == {
        "generator": True,
        "discriminator": True,
    }


def test_the_gate_decides_by_the_costs_of_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of_cost(0.69, real=True), scores_of_cost(0.2, real=False)
    assert EquilibriumGate().acting(*scores)["discriminator"] is False
    other = torch.tensor([0.69, 1.2], dtype=torch.float64)
    monkeypatch.setattr(gan_modules.equilibrium, "mean_over_ranks", lambda own: (own + other) / 2)
    assert EquilibriumGate().acting(*scores)["discriminator"] is True


def test_means_over_the_batch_decide_not_single_images() -> None:
    real = torch.cat([scores_of_cost(0.1, real=True), scores_of_cost(1.3, real=True)])
    assert all(EquilibriumGate().acting(real, torch.zeros(4)).values())


@pytest.mark.parametrize(
    ("closed", "steps"),
    [
        ("discriminator", {"encoder": 2, "generator": 2, "discriminator": 0}),
        ("", {"encoder": 2, "generator": 2, "discriminator": 2}),
    ],
)
def test_who_passes_is_not_moved_and_the_gate_is_logged(closed: str, steps: dict) -> None:
    module = build("VAEGAN")
    module.gate.acting = lambda *_: {n: n != closed for n in ("generator", "discriminator")}
    before = {name: _flat(network) for name, network in networks(module).items()}
    fit(module)
    moved = {
        name for name, old in before.items() if not torch.equal(_flat(networks(module)[name]), old)
    }
    assert moved == ({"E", "G"} if closed else {"E", "G", "D"})
    assert module.steps == steps
    assert module.last_statistics["train/generator/acts"] == 1.0
    assert module.last_statistics["train/discriminator/acts"] == (0.0 if closed else 1.0)


def test_a_generator_that_passes_waits_for_its_steps_and_the_encoder_goes_on() -> None:
    module = build("VAEGAN")
    module.gate.acting = lambda *_: {"generator": module.rounds >= 3, "discriminator": True}
    fit(module, steps=2)
    assert module.steps == {"encoder": 5, "generator": 2, "discriminator": 5}


def test_a_narrow_gate_closes_by_itself_but_never_for_both() -> None:
    module = build("VAEGAN", margin=0.02)
    seen = []
    acting = module.gate.acting
    module.gate.acting = lambda *scores: seen.append(acting(*scores)) or seen[-1]
    torch.manual_seed(11)
    module.optimizer = sgd(0.05)
    fit(module, steps=8, batch=8)
    assert not all(all(answer.values()) for answer in seen)
    assert all(any(answer.values()) for answer in seen)
    # Both players asked about the same forward, so they got the same answer.
    assert seen[::2] == seen[1::2]


# -- what is refused ------------------------------------------------------------------------------


def test_points_are_fine_too() -> None:
    module = gan_modules.VAEGAN(
        MLPEncoder([2], 8, 4, 1), MLPGenerator(4, [2], 4, 1), MLPDiscriminator([2], 4, 1)
    )
    assert set(module.encoder_losses({"image": torch.randn(3, 2)})) == {"kl", "reconstruction"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"micro_batches": 2}, "VAEGAN: micro_batches must be 1, got 2"),
        ({"margin": 0.0}, "EquilibriumGate: margin must be positive, got 0.0; take 0.35"),
        ({"reconstruction_weight": 0.0}, "VAEGAN: reconstruction_weight must be positive"),
        ({"discriminator_lr": -1.0}, "VAEGAN: discriminator_lr must be positive, got -1.0"),
        ({"latent": "uniform"}, "VAEGAN: latent must be normal, got uniform"),
        ({"discriminator": nn.Linear(2, 1)}, "VAEGAN: discriminator must have features"),
        ({"encoder": MLPEncoder([1, 32, 32], 6, 4, 1)}, "encoder must give 12 outputs .* got 6"),
    ],
)
def test_arguments_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("VAEGAN", **options)


def test_betas_are_no_argument_of_an_rmsprop() -> None:
    with pytest.raises(TypeError, match="betas"):
        build("VAEGAN", betas=(0.5, 0.9))

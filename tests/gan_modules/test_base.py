"""The base: what moves, what is refused, and that the referee's order is the paper's."""

from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn

from gan_modules.base import AdversarialModule
from gan_modules.engine.game import Game
from gan_modules.engine.player import Player
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_modules.objectives import Hinge, NonSaturating, Wasserstein
from gan_modules.regularizers import R1, R2, GradientPenalty, WeightClipping
from tests.small_variants import FixedImages, build, loader, sgd
from tests.test_every_variant import QUIET, fit


def pair(shape=(1, 32, 32)) -> tuple[nn.Module, nn.Module]:
    return MLPGenerator(4, shape, 8, 2), MLPDiscriminator(shape, 8, 2)


def test_a_step_is_the_gradient_step_written_by_hand() -> None:
    """One D step, then one G step through the updated D, on the engine's own latents."""
    module = AdversarialModule(*pair(), NonSaturating()).double()
    module.optimizer = sgd(0.1)
    by_hand = AdversarialModule(*pair(), NonSaturating()).double()
    by_hand.load_state_dict(module.state_dict())
    torch.manual_seed(4)
    trainer = Trainer(max_steps=1, **QUIET)
    trainer.fit(module, loader(4, dtype=torch.float64))
    by_hand.noise.seed = module.noise.seed
    real = next(iter(loader(4, dtype=torch.float64)))["image"]
    g, d = by_hand.generator, by_hand.discriminator
    fake = g(by_hand.training_latents(4)).detach()
    loss = nn.functional.softplus(-d(real)).mean() + nn.functional.softplus(d(fake)).mean()
    for p, grad in zip(
        d.parameters(), torch.autograd.grad(loss, list(d.parameters())), strict=True
    ):
        p.data -= 0.1 * grad
    loss = nn.functional.softplus(-d(g(by_hand.training_latents(4)))).mean()
    for p, grad in zip(
        g.parameters(), torch.autograd.grad(loss, list(g.parameters())), strict=True
    ):
        p.data -= 0.1 * grad
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=1e-12, atol=1e-14)


def test_frozen_players_get_no_gradient_but_pass_it_on() -> None:
    module = AdversarialModule(*pair(), NonSaturating())
    seen = {}
    losses = module.generator_losses

    def spy(batch):
        terms = losses(batch)
        seen["d_frozen"] = not any(p.requires_grad for p in module.discriminator.parameters())
        return terms

    module.generator_losses = spy
    fit(module, steps=1)
    assert seen["d_frozen"]
    assert all(p.requires_grad for p in module.parameters())
    assert all(p.grad is not None and p.grad.any() for p in module.generator.parameters())


def test_micro_batches_give_the_gradient_of_the_whole_batch() -> None:
    results = []
    for parts in (1, 4):
        module = AdversarialModule(*pair(), Hinge(), micro_batches=parts).double()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            for p in module.parameters():
                nn.init.normal_(p, std=0.1)
        module.optimizer = sgd(0.1)
        table = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        count = iter(range(100))
        step = 8 // parts
        module.training_latents = lambda n, t=table, c=count, s=step, k=parts: t[
            (i := next(c) % k) * s : i * s + n
        ]
        Trainer(max_steps=2, **QUIET).fit(module, loader(8, dtype=torch.float64))
        results.append([p.detach().clone() for p in module.parameters()])
    for whole, parts_ in zip(*results, strict=True):
        torch.testing.assert_close(whole, parts_, rtol=1e-12, atol=1e-14)


def test_a_lazy_penalty_counts_interval_times_when_due_kat_12() -> None:
    module = AdversarialModule(*pair(), NonSaturating(), [R1(2.0)])
    real = FixedImages(4).images
    values = {}
    for interval in (1, 16):
        module.regularizers[0].interval = interval
        values[interval] = []
        for step in range(32):
            module.steps = {"discriminator": step, "generator": 0}
            terms = module.penalties(module.discriminator, real, real)
            values[interval].append(float(terms["r1"].detach()) if terms else 0.0)
    eager, lazy = values[1], values[16]
    assert [v > 0 for v in lazy] == ([True] + [False] * 15) * 2
    # The networks do not move here, so that the mean strength can be compared.
    assert sum(lazy) / 32 == pytest.approx(sum(eager) / 32) and eager[0] > 0
    assert len(set(eager)) == 1


def test_weight_clipping_holds_after_every_discriminator_step() -> None:
    module = build("WGAN", clip=0.003, discriminator_steps=1)
    fit(module, steps=3)
    largest = max(float(p.detach().abs().max()) for p in module.discriminator.parameters())
    assert largest == pytest.approx(0.003, rel=1e-6)
    assert max(float(p.detach().abs().max()) for p in module.generator.parameters()) > 0.003


def test_learning_rates_fall_on_the_generators_clock() -> None:
    module = build("SNGAN", discriminator_steps=2, lr_decay=(0, 8))
    trainer = fit(module, steps=4)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    d, g = rates
    # After 4 of 8 generator steps; D has taken 7 or 8 of its 16.
    assert g == pytest.approx(2e-4 * 0.5)
    assert 2e-4 * 0.5 <= d <= 2e-4 * 0.5625 + 1e-12


def test_the_average_is_sampled_and_leaves_training_alone() -> None:
    plain, averaged = build("GAN"), build("GAN", ema_half_life_images=1000.0, ema_rampup=None)
    for module in (plain, averaged):
        torch.manual_seed(0)
        fit(module, steps=3)
    for a, b in zip(plain.generator.parameters(), averaged.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert averaged.sampler() is averaged.generator_ema and plain.sampler() is plain.generator
    z = plain.draw_latents(2, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(plain.decode(z), averaged.decode(z))
    assert any(key.startswith("generator_ema.") for key in averaged.state_dict())


def test_sampling_restores_modes_and_uses_no_global_randomness() -> None:
    module = build("DCGAN", normalization="batch").train()
    before = torch.get_rng_state()
    module.sample(3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(m.training for m in module.modules())


class Pretrained(AdversarialModule):
    """A stage of D alone, then the game."""

    def schedule(self) -> tuple[Stage, ...]:
        alone = Stage((Turn("discriminator"),), images=12, name="pretraining")
        both = Stage((Turn(("discriminator", "generator"), repeat=2),))
        # Every player must appear; the second stage has both, acting together.
        return (alone, both)


def test_stages_follow_each_other_and_players_can_act_together() -> None:
    module = Pretrained(*pair(), NonSaturating())
    Trainer(max_steps=4, **QUIET).fit(module, loader(4))
    assert module.steps == {"discriminator": 3 + 4, "generator": 4}
    assert module.position.stage == 1 and module.position.round == 2


def test_acting_together_takes_both_gradients_before_either_steps() -> None:
    class Together(AdversarialModule):
        def schedule(self) -> tuple[Stage, ...]:
            return (Stage((Turn(("discriminator", "generator")),)),)

    module = Together(*pair(), NonSaturating()).double()
    module.optimizer = sgd(0.1)
    seen = []
    losses = module.generator_losses

    def spy(batch):
        seen.append([p.detach().clone() for p in module.discriminator.parameters()])
        return losses(batch)

    module.generator_losses = spy
    before = [p.detach().clone() for p in module.discriminator.parameters()]
    Trainer(max_steps=1, **QUIET).fit(module, loader(4, dtype=torch.float64))
    assert all(torch.equal(a, b) for a, b in zip(before, seen[0], strict=True))
    after = list(module.discriminator.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def make(*args, **kwargs):
    return lambda: AdversarialModule(*args, **kwargs)


@pytest.mark.parametrize(
    ("build_it", "message"),
    [
        (make(None, pair()[1], Hinge()), "generator must be a torch.nn.Module, got NoneType"),
        (make(*[pair()[1]] * 2, Hinge()), "the same network"),
        (make(pair()[1], pair()[1], Hinge()), "integer attribute latent_dim.*has None"),
        (make(*pair(), Wasserstein()), "Wasserstein objective needs a bound"),
        (make(*pair(), Hinge(), [R1(1.0), R1(2.0)]), r"\['r1'\] twice"),
        (
            make(*pair(), Hinge(), discriminator_steps=0),
            "discriminator_steps must be positive, got 0",
        ),
        (make(*pair(), Hinge(), generator_lr=-1.0), "generator_lr must be positive, got -1.0"),
        (make(*pair(), Hinge(), lr_decay=(5, 5)), r"two rising generator steps, got \[5, 5\]"),
        (make(*pair(), Hinge(), compile="yes"), "one of off, G, GD, got 'yes'"),
        (lambda: build("WGANGP", normalization="batch"), "mixes samples.*GradientPenalty"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(build_it, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_it()


@pytest.mark.parametrize("bound", [GradientPenalty(), WeightClipping()])
def test_a_bounded_wasserstein_discriminator_is_accepted(bound) -> None:
    AdversarialModule(*pair(), Wasserstein(), [bound])


class Batches(torch.utils.data.Dataset):
    def __init__(self, batch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int):
        return self.batch


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"picture": torch.zeros(2, 1, 32, 32)}, r"must have the key image, got \['picture'\]"),
        ({"image": torch.zeros(2, 1, 32, 32, dtype=torch.uint8)}, "must be float in .*from_uint8"),
        ({"image": torch.full((2, 1, 32, 32), 7.0)}, r"must lie in \[-1, 1\], got \[7, 7\]"),
        ({"image": torch.zeros(2, 3, 32, 32)}, r"shape \[3, 32, 32\] but the generator makes \[1"),
        ({"image": torch.full((2, 1, 32, 32), float("nan"))}, "NaN or infinite"),
    ],
)
def test_the_first_batch_is_checked_against_the_contract(batch, message: str) -> None:
    module = AdversarialModule(*pair(), Hinge())
    data = torch.utils.data.DataLoader(Batches(batch), batch_size=None)
    with pytest.raises(ValueError, match=message):
        Trainer(max_steps=1, **QUIET).fit(module, data)


def test_a_nan_loss_names_its_term_and_changes_no_weight() -> None:
    module = AdversarialModule(*pair(), Hinge())
    losses = module.generator_losses
    module.generator_losses = lambda batch: {
        **losses(batch),
        "broken": sum(p.sum() for p in module.generator.parameters()) * float("nan"),
    }
    before = [p.detach().clone() for p in module.generator.parameters()]
    with pytest.raises(RuntimeError, match="train/generator/broken is nan after 0 images; lower"):
        fit(module)
    assert all(
        torch.equal(a, b) for a, b in zip(before, module.generator.parameters(), strict=True)
    )


def test_plain_ddp_is_refused_before_it_hangs() -> None:
    module = AdversarialModule(*pair(), Hinge())
    trainer = Trainer(devices=2, strategy="ddp", **QUIET)
    module._trainer = trainer
    with pytest.raises(ValueError, match="strategy must be gan_ddp, got plain ddp"):
        module.setup("fit")
    allowed = Trainer(devices=2, strategy="ddp_find_unused_parameters_true", **QUIET)
    module._trainer = allowed
    module.setup("fit")


def test_no_attribute_name_triggers_lightnings_special_branch() -> None:
    """Its checkpoint callback writes old weights of ``layer`` where ``saved_models`` exists."""
    module = build("GAN")
    assert not hasattr(module, "saved_models") and not hasattr(module, "layer")


def test_hyperparameters_in_a_checkpoint_are_plain(tmp_path: Path) -> None:
    module = build("GAN")
    fit(module).save_checkpoint(tmp_path / "a.ckpt", weights_only=False)
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert content["game"]["steps"] == {"discriminator": 2, "generator": 2}
    assert "generator" not in content["hyper_parameters"]
    assert content["hyper_parameters"]["discriminator_steps"] == 1


class Idle(Game):
    """Forgets its turns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(2, 2)

    def players(self) -> tuple[Player, ...]:
        parameters = list(self.net.parameters())
        return (Player("net", parameters, torch.optim.SGD(parameters, lr=0.1)),)

    def schedule(self) -> tuple[Stage, ...]:
        return (Stage((Turn("net"),)),)


def test_a_game_without_its_primary_player_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"primary_player must be one of \['net'\], got 'generator'"
    ):
        Idle().configure_optimizers()


def test_penalties_see_real_and_fake_in_their_places_and_are_terms_of_the_loss() -> None:
    """R1 is of the real images and R2 of the fakes; a discriminator curved in between tells."""
    module = AdversarialModule(*pair(), NonSaturating(), [R1(2.0), R2(6.0)])
    module.discriminator = Curved()
    module.steps = {"discriminator": 0, "generator": 0}
    real = torch.full((4, 1, 32, 32), 0.5)
    module.generate = lambda n, condition=(): torch.full((n, 1, 32, 32), 0.25)
    module.networks.discriminator = module.discriminator
    terms = {k: v.detach() for k, v in module.discriminator_losses({"image": real}).items()}
    # D = sum x^2 / 2 has the gradient x: |x|^2 is 1024 times the square of the value.
    assert float(terms["r1"]) == pytest.approx(0.5 * 2.0 * 1024 * 0.25)
    assert float(terms["r2"]) == pytest.approx(0.5 * 6.0 * 1024 * 0.0625)
    scores = torch.tensor([128.0, 32.0])
    expected = nn.functional.softplus(-scores[0]) + nn.functional.softplus(scores[1])
    assert float(terms["adversarial"]) == pytest.approx(float(expected))


class Curved(nn.Module):
    """Half the squared norm of an image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x.square().flatten(1).sum(1)


@pytest.mark.parametrize(
    ("latent", "low", "mean_square"), [("uniform", -1, 1 / 3), ("normal", -9, 1)]
)
def test_training_latents_have_the_law_that_is_asked_for(latent, low, mean_square) -> None:
    module = AdversarialModule(*pair(), NonSaturating(), latent=latent)
    z = module.training_latents(4000)
    assert z.min() >= low and float(z.mean()) == pytest.approx(0, abs=0.05)
    assert float(z.square().mean()) == pytest.approx(mean_square, rel=0.05)
    drawn = module.draw_latents(4000, generator=torch.Generator().manual_seed(0))
    assert float(drawn.square().mean()) == pytest.approx(mean_square, rel=0.05)
    assert drawn.min() >= low and drawn.min() < -0.9


def test_the_generator_plays_in_the_last_of_its_rounds() -> None:
    module = AdversarialModule(*pair(), NonSaturating(), discriminator_steps=3)
    order = []
    for player in ("discriminator", "generator"):
        losses = getattr(module, f"{player}_losses")
        setattr(
            module,
            f"{player}_losses",
            lambda batch, losses=losses, player=player: (order.append(player[0]), losses(batch))[1],
        )
    fit(module, steps=2)
    assert "".join(order) == "dddgdddg"

"""What changes when a run goes back: rates, moments, weights, random numbers, penalties."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.cli import instantiate_module
from torch import nn

import gan_modules
from callbacks.collapse.changes import (
    RATE_FACTOR,
    opponents,
    players_of,
    rebuilt,
    reseed_game,
    reset_optimizer,
    reset_weights,
    retune,
    scale_rates,
    smooth_discriminator,
)
from callbacks.rng import capture
from gan_modules.engine.game import Game
from gan_modules.engine.player import Player, linear_decay
from gan_modules.regularizers import R1, GradientPenalty
from tests.small_variants import build
from tests.test_every_variant import fit

MLP = {
    "generator": {
        "class_path": "gan_modules.networks.mlp.MLPGenerator",
        "init_args": {"latent_dim": 4, "out_shape": [1, 32, 32], "hidden": 6, "layers": 2},
    },
    "discriminator": {
        "class_path": "gan_modules.networks.mlp.MLPDiscriminator",
        "init_args": {"in_shape": [1, 32, 32], "hidden": 6, "layers": 2},
    },
}
SPECTRAL = {
    "generator": {
        "class_path": "gan_modules.networks.dcgan.DCGANGenerator",
        "init_args": {"size": 32, "channels": 1, "latent_dim": 4, "width": 2},
    },
    "discriminator": {
        "class_path": "gan_modules.networks.dcgan.DCGANDiscriminator",
        "init_args": {"size": 32, "channels": 1, "width": 2, "normalization": "spectral"},
    },
}


@pytest.fixture(autouse=True)
def no_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning builds from settings by ways of jsonargparse that are deprecated."""
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")


def from_settings(name: str = "GAN", networks: Any = MLP, **options: Any) -> Any:
    """A game as a YAML file describes it, trained for two steps."""
    variant = getattr(gan_modules, name)
    path = f"{variant.__module__}.{variant.__qualname__}"
    settings = {"_class_path": path, **networks, **options}
    module: Any = instantiate_module(Game, settings)
    # As the command line leaves it.
    module.hparams.update(settings, _instantiator="pytorch_lightning.cli.instantiate_module")
    fit(module, steps=2)
    return module


def copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def rates(module: Any) -> dict[str, float]:
    return {n: p.optimizer.param_groups[0]["lr"] for n, p in players_of(module).items()}


def test_rates_are_scaled_now_and_along_their_decay() -> None:
    trained = {}
    for scaled in (False, True):
        module = build("SNGAN", discriminator_steps=1, lr_decay=(0, 10), generator_lr=1e-3)
        start = module.on_train_start

        def halve(module: Any = module, start: Any = start, scaled: bool = scaled) -> None:
            start()
            if scaled:
                told = scale_rates(module, 0.25)
                assert told == {"discriminator_lr": 5e-5, "generator_lr": 2.5e-4}

        module.on_train_start = halve
        fit(module, steps=4)
        trained[scaled] = rates(module)
    for name, rate in trained[False].items():
        assert trained[True][name] == pytest.approx(rate / 4, rel=1e-12)
    assert trained[True]["generator"] == pytest.approx(2.5e-4 * 0.6, rel=1e-9)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_factor_that_is_none_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factor must be positive and finite, got .*; 0.5 halves"):
        scale_rates(build("GAN"), factor)


def test_players_are_there_only_once_training_begins() -> None:
    with pytest.raises(ValueError, match="GAN: players must have their optimizers .* got none yet"):
        players_of(build("GAN"))


def test_opponents_are_all_but_the_primary_player() -> None:
    module = build("GAN")
    fit(module, steps=1)
    assert opponents(module) == ["discriminator"]
    module.primary_player = "discriminator"
    assert opponents(module) == ["generator"]


def test_moments_of_the_named_players_are_forgotten_and_of_no_others() -> None:
    module = build("GAN")
    fit(module, steps=2)
    before = copied(module)
    reset_optimizer(module, ["discriminator"])
    players = players_of(module)
    assert len(players["discriminator"].optimizer.state) == 0
    assert all(p.grad is None for p in players["discriminator"].trainable)
    assert len(players["generator"].optimizer.state) == len(players["generator"].trainable)
    assert rates(module) == {"discriminator": 2e-4, "generator": 2e-4}
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    with pytest.raises(ValueError, match="player must be one of discriminator, generator, got 'd'"):
        reset_optimizer(module, ["d"])


def test_weights_of_opponents_are_drawn_anew_from_the_seed() -> None:
    module = from_settings()
    before, random_states = copied(module), capture(torch.device("cpu"))
    found = []
    for seed in (1, 1, 2):
        reset_weights(module, opponents(module), seed)
        found.append(copied(module))
    for name, value in before.items():
        mine = name.startswith("discriminator.") and name.endswith("weight")
        assert torch.equal(found[0][name], found[1][name]), name
        assert torch.equal(found[0][name], found[2][name]) is not mine, name
        if not name.startswith("discriminator."):
            assert torch.equal(found[0][name], value), name
    # They are initial weights of the layer: biases 0, weights within He's bound.
    assert not found[0]["discriminator.layers.1.bias"].any()
    bound = (6 / 1024) ** 0.5
    weight = found[0]["discriminator.layers.1.weight"]
    assert 0.9 * bound < weight.abs().max() <= bound
    assert len(players_of(module)["discriminator"].optimizer.state) == 0
    assert len(players_of(module)["generator"].optimizer.state) > 0
    # Nobody else's draws were touched.
    after = capture(torch.device("cpu"))
    assert torch.equal(after["torch"], random_states["torch"])
    assert after["python"] == random_states["python"] and after["numpy"] == random_states["numpy"]


def test_what_belongs_to_the_layers_of_a_player_is_new_too() -> None:
    """Spectral norms have buffers in a part without parameters; G's BatchNorm is G's."""
    module = from_settings("SNGAN", SPECTRAL, ema_half_life_images=100)
    before = copied(module)
    reset_weights(module, ["discriminator"], seed=4)
    changed = {n for n, value in module.state_dict().items() if not torch.equal(value, before[n])}
    vectors = {n for n in before if n.endswith(("._u", "._v")) and before[n].numel() > 1}
    assert vectors and vectors <= changed
    assert {name.split(".")[0] for name in changed} == {"discriminator"}
    assert {n for n in before if n.endswith("original")} <= changed
    fresh = rebuilt(module, 4)
    for name, value in fresh.state_dict().items():
        if name.startswith("discriminator."):
            assert torch.equal(module.state_dict()[name], value), name


def test_weights_that_were_reset_can_be_trained() -> None:
    module = from_settings()
    reset_weights(module, ["discriminator"], seed=4)
    before = copied(module)
    # The same objects are still what the optimizers hold.
    held = {
        id(p)
        for g in players_of(module)["discriminator"].optimizer.param_groups
        for p in g["params"]
    }
    assert held == {id(p) for p in module.discriminator.parameters()}
    fit(module, steps=1)
    assert not torch.equal(module.discriminator.head.weight, before["discriminator.head.weight"])


def test_a_game_of_objects_is_drawn_anew_from_one_that_is_given() -> None:
    module = build("GAN", normalization="batch")
    fit(module, steps=2)
    with pytest.raises(ValueError, match="GAN: networks must be given as settings .* pass a mod"):
        reset_weights(module, ["discriminator"], seed=1)
    with torch.random.fork_rng():
        torch.manual_seed(77)
        fresh = copy.deepcopy(build("GAN", normalization="batch"))
    with torch.no_grad():
        for p in fresh.discriminator.parameters():
            p.add_(1.0)
    generator = copied(module.generator)
    reset_weights(module, ["discriminator"], seed=1, fresh=fresh)
    for name, value in fresh.discriminator.state_dict().items():
        assert torch.equal(module.discriminator.state_dict()[name], value), name
    # Running statistics of D's BatchNorm started again; G's did not.
    assert int(module.discriminator.state_dict()["layers.3.num_batches_tracked"]) == 0
    for name, value in module.generator.state_dict().items():
        assert torch.equal(value, generator[name]), name


def test_new_numbers_depend_on_seed_rank_and_moment() -> None:
    module = build("GAN")
    trainer = fit(module, steps=1)
    draws = []
    for seed, images in ((5, 100), (5, 100), (6, 100), (5, 200)):
        module.images_seen = images
        reseed_game(module, trainer, seed)
        assert module.noise.state_dict() == {"seed": seed, "calls": 0}
        draws.append((torch.rand(1).item(), float(np.random.rand())))
    assert draws[0] == draws[1] and len(set(draws)) == 3


def test_discriminator_is_smoothed_by_r1_and_then_by_twice_as_much() -> None:
    module = build("GAN")
    assert smooth_discriminator(module, gamma=4.0) == {"r1": 4.0}
    assert [type(part) for part in module.regularizers] == [R1]
    assert smooth_discriminator(module) == {"r1": 8.0}
    fit(module, steps=1)
    assert "train/discriminator/r1" in module.last_statistics
    penalised = build("WGANGP", normalization="none")
    assert smooth_discriminator(penalised) == {"gradient_penalty": 20.0}
    assert [type(part) for part in penalised.regularizers] == [GradientPenalty]


def test_discriminator_that_mixes_samples_takes_no_penalty() -> None:
    module = build("GAN", normalization="batch")
    with pytest.raises(ValueError, match="BatchNorm2d, which mixes samples"):
        smooth_discriminator(module)
    assert module.regularizers == []
    with pytest.raises(ValueError, match="Linear: module must have regularizers"):
        smooth_discriminator(nn.Linear(1, 1))


def player(lr: float, decay: tuple[int, int] | None = None) -> Player:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], lr=lr)
    return Player("generator", [weight], optimizer, decay and linear_decay(optimizer, decay))


@pytest.mark.parametrize("decay", [None, (0, 10)])
@pytest.mark.parametrize(("setting", "expected"), [(0.1, 0.05), (0.2, 0.2)])
def test_fork_keeps_a_scaled_rate_unless_its_settings_change_it(
    decay: tuple[int, int] | None, setting: float, expected: float
) -> None:
    """A rollback halved 0.1 to 0.05; a fork of that run says 0.1 again, or 0.2."""

    class Referee:
        def __init__(self, own: Player) -> None:
            self.players = {"generator": own}

    class Module:
        referee: Any = None

    parent, module = player(0.1, decay), Module()
    module.referee = Referee(parent)
    assert scale_rates(module, 0.5) == {"generator_lr": 0.05}  # type: ignore[arg-type]
    fork = player(setting, decay)
    fork.optimizer.load_state_dict(parent.optimizer.state_dict())
    assert fork.optimizer.param_groups[0][RATE_FACTOR] == 0.5
    retune(fork, player(setting, decay), steps=2)
    share = 1.0 if decay is None else 0.8
    assert fork.optimizer.param_groups[0]["lr"] == pytest.approx(expected * share, rel=1e-12)
    assert fork.optimizer.param_groups[0][RATE_FACTOR] == (0.5 if setting == 0.1 else 1.0)

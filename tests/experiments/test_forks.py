from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import nn
from torch.optim import Adam

from callbacks.collapse.changes import players_of, retune, scale_rates
from experiments.forks import Retuned
from gan_modules.engine.player import Player, linear_decay
from tests.small_variants import build, loader
from tests.test_every_variant import QUIET


def player(lr: float, decay: tuple[int, int] | None, beta: float = 0.5) -> Player:
    weight = nn.Parameter(torch.ones(2))
    optimizer = Adam([weight], lr=lr, betas=(beta, 0.9))
    return Player("generator", [weight], optimizer, decay and linear_decay(optimizer, decay))


def step(one: Player) -> None:
    one.trainable[0].grad = torch.ones(2)
    one.optimizer.step()
    if one.scheduler is not None:
        one.scheduler.step()


def restored(own: Player, parent: Player) -> Player:
    """What the trainer does before training starts: the parent's states in the fork's objects."""
    own.optimizer.load_state_dict(parent.optimizer.state_dict())
    if own.scheduler is not None and parent.scheduler is not None:
        own.scheduler.load_state_dict(parent.scheduler.state_dict())
    return own


def test_fork_trains_with_its_own_rate_and_betas_and_keeps_the_moments() -> None:
    parent = player(0.1, None)
    step(parent)
    fork = restored(player(0.3, None, beta=0.7), parent)
    assert fork.optimizer.param_groups[0]["lr"] == 0.1
    retune(fork, player(0.3, None, beta=0.7), steps=1)
    group = fork.optimizer.param_groups[0]
    assert group["lr"] == 0.3 and group["betas"] == (0.7, 0.9)
    state = fork.optimizer.state[fork.trainable[0]]
    assert state["step"] == 1 and torch.equal(state["exp_avg"], torch.full((2,), 0.5))
    assert group["params"][0] is fork.trainable[0]


def test_decay_goes_on_from_the_fork_s_step() -> None:
    parent = player(0.1, (0, 10))
    for _ in range(4):
        step(parent)
    for own in (player(0.2, (0, 20)), player(0.2, None)):
        fork = restored(own, parent)
        retune(fork, player(0.2, (0, 20) if own.scheduler else None), steps=4)
        # A fifth of the new decay has passed; without a decay the rate is the plain one.
        expected = 0.16 if own.scheduler else 0.2
        assert abs(fork.optimizer.param_groups[0]["lr"] - expected) < 1e-12
    added = restored(player(0.2, (0, 20)), player(0.1, None))
    retune(added, player(0.2, (0, 20)), steps=4)
    assert abs(added.optimizer.param_groups[0]["lr"] - 0.16) < 1e-12
    step(added)
    assert abs(added.optimizer.param_groups[0]["lr"] - 0.15) < 1e-12


def test_same_settings_change_nothing() -> None:
    parent = player(0.1, (0, 10))
    for _ in range(3):
        step(parent)
    fork = restored(player(0.1, (0, 10)), parent)
    retune(fork, player(0.1, (0, 10)), steps=3)
    assert fork.optimizer.param_groups[0]["lr"] == parent.optimizer.param_groups[0]["lr"]
    step(fork)
    step(parent)
    assert fork.optimizer.param_groups[0]["lr"] == parent.optimizer.param_groups[0]["lr"]


def test_fork_within_a_stage_has_the_rate_of_that_stage() -> None:
    """Likelihood has a rate of its own, ten times that of the game."""
    module: Any = build("SeqGAN", likelihood_samples=800, likelihood_lr=1e-2, generator_lr=1e-3)
    Trainer(max_epochs=1, limit_train_batches=2, **QUIET).fit(module, loader(4, kind="Sequences"))
    (group,) = players_of(module)["generator"].optimizer.param_groups
    assert module.position.stage == 0 and group["lr"] == 1e-2
    Retuned().on_train_start(module.trainer, module)
    assert group["lr"] == 1e-2
    scale_rates(module, 0.5)
    Retuned().on_train_start(module.trainer, module)
    assert group["lr"] == 0.5e-2
    # What the game has then is half of its rate too.
    module.referee.set_rates(module.referee.stages[-1])
    assert group["lr"] == 0.5e-3

"""What a fork changes in the states that a checkpoint brings back."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR

from callbacks.rng import reseed
from gan_modules.engine.game import Game
from gan_modules.engine.player import Player


class Reseeded(Callback):
    """New random numbers from the fork on: for a run that shall not repeat its parent's path.

    Args:
        seed: of the forked run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the old states were put back."""
        assert isinstance(pl_module, Game)
        reseed(self.seed, trainer.global_rank, pl_module.images_seen)
        pl_module.noise.load_state_dict({"seed": self.seed, "calls": 0})


class Retuned(Callback):
    """Rates and betas of the fork's settings: the state of an optimizer holds those of the parent.

    Without this, ``--set model.init_args.generator_lr=...`` would be accepted and do nothing.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the old states were put back; moments and step counts stay."""
        assert isinstance(pl_module, Game) and pl_module.referee is not None
        for fresh in pl_module.players():
            retune(pl_module.referee.players[fresh.name], fresh, pl_module.steps[fresh.name])


def retune(player: Player, fresh: Player, steps: int) -> None:
    """Give a player the numbers of another one's optimizer.

    Args:
        player: with the restored state.
        fresh: as the settings describe it.
        steps: that the player has taken, where its decay goes on.
    """
    groups, new = player.optimizer.param_groups, fresh.optimizer.param_groups
    for group, settings in zip(groups, new, strict=True):
        group.update({name: value for name, value in settings.items() if name != "params"})
    scheduler = player.scheduler
    if isinstance(scheduler, LambdaLR):
        scheduler.base_lrs = [group["initial_lr"] for group in groups]
        scheduler.last_epoch = steps
        for group, scale in zip(groups, scheduler.lr_lambdas, strict=True):
            group["lr"] = group["initial_lr"] * scale(steps)

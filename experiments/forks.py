"""What a fork changes in the states that a checkpoint brings back."""

from __future__ import annotations

from typing import Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from callbacks.collapse.changes import (
    opponents,
    players_of,
    reseed_game,
    reset_optimizer,
    reset_weights,
    retune,
)
from gan_modules.engine.game import Game
from gan_modules.engine.schedule import planned_rates


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
        reseed_game(pl_module, trainer, self.seed)


class Retuned(Callback):
    """Rates and betas of the fork's settings: the state of an optimizer holds those of the parent.

    Without this, ``--set model.init_args.generator_lr=...`` would be accepted and do nothing.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the old states were put back; moments and step counts stay."""
        assert isinstance(pl_module, Game)
        players = players_of(pl_module)
        planned = planned_rates(pl_module.schedule(), pl_module.position)
        for fresh in pl_module.players():
            if fresh.name in planned:
                fresh.set_rate(planned[fresh.name])
            retune(players[fresh.name], fresh, pl_module.steps[fresh.name])


class OpponentsReset(Callback):
    """Those who play against the generator start again: ``--reset-d``.

    Args:
        what: ``"opt"`` empties the states of their optimizers, ``"weights"`` draws new initial
            weights as well.
        seed: of the new weights.
    """

    def __init__(self, what: Literal["opt", "weights"], seed: int) -> None:
        self.what, self.seed = what, seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the old states were put back.

        Raises:
            ValueError: nobody plays against the generator, or the module was built of objects and
                cannot be built again.
        """
        assert isinstance(pl_module, Game)
        names = opponents(pl_module)
        if not names:
            raise ValueError(
                f"--reset-d must have somebody to reset, got {type(pl_module).__name__}, in which "
                "nobody plays against the generator; leave it out"
            )
        if self.what == "weights":
            reset_weights(pl_module, names, self.seed)
        else:
            reset_optimizer(pl_module, names)

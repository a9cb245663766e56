"""Going back to the best checkpoint before a collapse while the run goes on, on all ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch

from callbacks.checkpoint_io import read_on_all_ranks
from callbacks.checkpointing import Checkpointing
from callbacks.collapse.changes import (
    RATE_FACTOR,
    players_of,
    reseed_game,
    scale_rates,
    smooth_discriminator,
)
from callbacks.run_branches import leave_branch
from callbacks.run_folder import RunFolder
from callbacks.wandb_logging import GuardedWandbLogger
from gan_modules.engine.statistics import StatisticsBuffer

_FACTOR = 0.5
#: From this rollback on, the discriminator is smoothed as well.
_SMOOTH_FROM = 2
_STRIDE = 1_000_003


class Rollback:
    """The ladder of changes, and how far up it a run is.

    The first rollback halves all learning rates and draws new random numbers; from the second on
    the rates are halved again and the discriminator is smoothed: R1, or twice the penalty that
    there is.

    Args:
        most: rollbacks that are allowed.

    Attributes:
        done: rollbacks so far.
        smoothed: how often the discriminator was smoothed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.done = self.smoothed = 0

    def target(self, trainer: pl.Trainer) -> str | None:
        """The checkpoint to go back to, as the index has it now; every rank calls it.

        Returns:
            Its path, relative to the run folder; None where there is none, or no rollback is left.
        """
        path: str | None = None
        if trainer.is_global_zero and self.done < self.most:
            run = RunFolder.of(trainer)
            health = run.read_health()
            path = health.pre_collapse if health else None
            path = path if path and (run.path / path).is_file() else None
        return trainer.strategy.broadcast(path)

    def go_back(
        self, trainer: pl.Trainer, module: Any, path: str
    ) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Put the states of a checkpoint back, and change what the ladder says.

        The data go on where they are: neither the epoch nor the order of images goes back.

        Args:
            trainer: of the run.
            module: the game.
            path: of :meth:`target`.

        Returns:
            The callbacks' states in the checkpoint, and what was changed.

        Raises:
            ValueError: the checkpoint is damaged, or ranks differ after it was loaded.
        """
        run = RunFolder.of(trainer)
        trainer.strategy.barrier("CollapseMonitor: rollback")
        content = read_on_all_ranks(run.path / path)
        _put_back(trainer, module, content)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Checkpointing):
                callback.go_back(trainer, int(module.images_seen))
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                if hasattr(logger, "flush"):
                    logger.flush()
                if isinstance(logger, GuardedWandbLogger):
                    logger.branch(int(module.images_seen))
            leave_branch(run, int(module.images_seen), self.done + 1)
        changes = self._climb(trainer, module)
        _refuse_unlike(trainer, module)
        trainer.strategy.barrier("CollapseMonitor: rollback done")
        return content.get("callbacks", {}), changes

    def resume(self, trainer: pl.Trainer, module: Any) -> None:
        """Build up again what a checkpoint does not hold, when training starts.

        Regularizers are no state; and a process that was killed after a rollback and before its
        next checkpoint goes on from the checkpoint that it went back to, without the changes.

        Args:
            trainer: of the run.
            module: the game, at the checkpoint.
        """
        for _ in range(self.smoothed):
            smooth_discriminator(module)
        past: list[int] = []
        if trainer.is_global_zero:
            rows = RunFolder.of(trainer).read_monitor()
            past = [row["images_seen"] for row in rows if row["event"] == "rollback"]
        past = trainer.strategy.broadcast(past)
        if len(past) > self.done and past[-1] == module.images_seen:
            self.done = len(past) - 1
            self._climb(trainer, module)

    def _climb(self, trainer: pl.Trainer, module: Any) -> dict[str, Any]:
        self.done += 1
        factor = _FACTOR**self.done
        group = next(iter(players_of(module).values())).optimizer.param_groups[0]
        changes: dict[str, Any] = dict(scale_rates(module, factor / group.get(RATE_FACTOR, 1.0)))
        seed = module.noise.seed + _STRIDE * self.done
        reseed_game(module, trainer, seed)
        changes["seed"] = seed
        while self.done >= _SMOOTH_FROM and self.smoothed <= self.done - _SMOOTH_FROM:
            try:
                changes |= smooth_discriminator(module)
            except ValueError:
                # A discriminator that mixes samples takes no penalty, and an autoencoder has none
                # to take: the rates have to do. It is not counted, so resuming does not repeat it.
                break
            self.smoothed += 1
        return changes

    def state_dict(self) -> dict[str, int]:
        """Return plain data."""
        return {"done": self.done, "smoothed": self.smoothed}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.done, self.smoothed = state["done"], state["smoothed"]


def _put_back(trainer: pl.Trainer, module: Any, content: dict[str, Any]) -> None:
    """Weights, averages, optimizers, decays, loss scales and counters of a checkpoint."""
    module.statistics = StatisticsBuffer()
    module.load_state_dict(content["state_dict"])
    module.on_load_checkpoint(content)
    for player in players_of(module).values():
        player.optimizer.zero_grad(set_to_none=True)
    strategy = trainer.strategy
    strategy.load_optimizer_state_dict(content)
    for config, state in zip(strategy.lr_scheduler_configs, content["lr_schedulers"], strict=True):
        config.scheduler.load_state_dict(state)
    precision = trainer.precision_plugin
    if type(precision).__qualname__ in content:
        precision.load_state_dict(content[type(precision).__qualname__])
    # max_steps counts generator steps: those of the branch that is left do not count.
    progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
    steps = content["loops"]["fit_loop"]["epoch_loop.manual_optimization.optim_step_progress"]
    progress.load_state_dict(steps)


def _refuse_unlike(trainer: pl.Trainer, module: Any) -> None:
    """All ranks must hold the same weights now."""
    if trainer.world_size == 1:
        return
    values = [p.detach().double().sum() for p in module.parameters()]
    own = torch.stack([torch.stack(values).sum(), torch.stack(values).square().sum()])
    all_ranks = trainer.strategy.all_gather(own)
    if not bool((all_ranks == all_ranks[0]).all()):
        raise ValueError(
            "CollapseMonitor: all ranks must load the same weights in a rollback, got different "
            "ones; let all of them read one file system, and go on with `ganagerie resume`"
        )

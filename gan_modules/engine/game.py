"""A game of players: the part of every module that the trainer talks to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor
from torch.optim import Optimizer

from gan_modules.engine.noise import Noise
from gan_modules.engine.player import Player, check_players
from gan_modules.engine.referee import NonFiniteError, Referee, non_finite_message
from gan_modules.engine.schedule import Position, Stage, check_schedule
from gan_modules.engine.statistics import StatisticsBuffer
from gan_modules.engine.strategy import GanDDPStrategy, broadcast_tensors


class Game(LightningModule):
    """Manual optimization of any number of players on one schedule.

    A family base says who plays (:meth:`players`), when (:meth:`schedule`), for what (one method
    ``<player>_losses(batch)`` each) and how to draw from it (:meth:`sample`). One
    ``training_step`` is one round of the schedule on one batch.

    Attributes:
        images_seen: real images shown to the players, over all ranks; the x axis of everything.
        rounds: training steps done.
        steps: optimizer steps of each player.
        noise: randomness of the training step that is the same for any number of ranks.
        last_statistics: the means of the last flush, for progress bars.
        non_finite_handler: asked when a gradient is not finite, before any weight was moved by it;
            True: the round is left, and the run goes on with what the handler's owner does next.
    """

    primary_player = "generator"

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.noise, self.statistics = Noise(), StatisticsBuffer()
        self.images_seen, self.rounds, self.position = 0, 0, Position()
        self.steps: dict[str, int] = {}
        self.last_statistics: dict[str, float] = {}
        self.referee: Referee | None = None
        self.non_finite_handler: Callable[[NonFiniteError], bool] | None = None
        self._resumed = False
        self._primary_at = 0
        self._flushed: tuple[int, float] | None = None

    def players(self) -> tuple[Player, ...]:
        """Who plays. Called once, when the trainer asks for optimizers."""
        raise NotImplementedError(f"{type(self).__name__} must say who plays: override players()")

    def schedule(self) -> tuple[Stage, ...]:
        """When they play."""
        raise NotImplementedError(f"{type(self).__name__} must say when: override schedule()")

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` samples, for callbacks and commands; on this module's device."""
        raise NotImplementedError(f"{type(self).__name__} must be drawn from: override sample()")

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Called with the first batch of a run: refuse what breaks the contract."""

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What the turns of a round share, made once, before the first of them.

        The losses get what is returned. Nobody is frozen yet, so a fake that is made here has the
        graph to its generator: a discriminator's losses take it detached. With a generator that
        steps before the discriminator, the latter sees the fakes of before that step.

        Args:
            batch: as the data module gives it.

        Returns:
            The batch, and whatever keys are added to it.
        """
        return batch

    def acts(self, player: str) -> bool:
        """Whether a player has a turn in this round; outside of training everybody may."""
        return self.referee is None or self.referee.acts(player, self.position)

    def player_stepped(self, name: str) -> None:
        """Called after each optimizer step of player ``name``."""

    def stage_began(self, stage: Stage) -> None:
        """Called after the last round of a stage, before the first of ``stage``."""

    def primary_stepped(self, images: int) -> None:
        """Called after a round in which the primary player stepped.

        Args:
            images: images seen since its step before.
        """

    @property
    def float_dtype(self) -> torch.dtype:
        """The dtype of the weights, as a ``torch.dtype``."""
        assert isinstance(self.dtype, torch.dtype)
        return self.dtype

    @contextmanager
    def unaveraged(self) -> Iterator[None]:
        """Inside, samples come from the weights that are trained, not from an average of them.

        An average hides a collapse for about its half-life. A module without one has nothing to do.
        """
        yield

    def note(self, name: str, value: Tensor) -> None:
        """Log a scalar as ``train/<name>``: a mean over the interval; costs nothing per batch."""
        self.statistics.add(f"train/{name}", value)

    # -- what the trainer calls --------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Refuse strategies under which a game hangs or crashes."""
        strategy = self.trainer.strategy
        if isinstance(strategy, DDPStrategy) and not isinstance(strategy, GanDDPStrategy):
            options = strategy._ddp_kwargs
            if options.get("static_graph") or not options.get("find_unused_parameters"):
                raise ValueError(
                    f"{type(self).__name__}: strategy must be gan_ddp, got plain ddp, which fails "
                    "on the parameters of the player that waits; set trainer.strategy: gan_ddp"
                )

    def configure_optimizers(self) -> Any:
        """The players' optimizers and schedulers, in their order."""
        players, stages = self.players(), self.schedule()
        names = [player.name for player in players]
        check_players(players, self)
        check_schedule(stages, names)
        if self.primary_player not in names:
            raise ValueError(
                f"{type(self).__name__}: primary_player must be one of {names}, "
                f"got {self.primary_player!r}"
            )
        self.steps = {name: self.steps.get(name, 0) for name in names}
        self.referee = Referee(self, players, stages)
        self.referee.set_rates(stages[0])
        optimizers: list[Optimizer] = [player.optimizer for player in players]
        return optimizers, [p.scheduler for p in players if p.scheduler is not None]

    def on_train_start(self) -> None:
        """Agree on the seed of the training noise; a resumed run has its own already."""
        self.noise.rank = self.global_rank
        if not self._resumed:
            self.noise.seed = int(self.trainer.strategy.broadcast(torch.initial_seed()))

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        """One round of the schedule."""
        assert self.referee is not None
        if self._flushed is None:
            self.check_batch(batch)
            self._flushed = (self.images_seen, time.perf_counter())
        before = self.steps[self.primary_player]
        try:
            self.referee.play(self.prepare(batch), self.position)
        except NonFiniteError as error:
            # Gradients are reduced before they are looked at, so all ranks are here together.
            if self.non_finite_handler is None or not self.non_finite_handler(error):
                raise
            return
        images = len(next(iter(batch.values()))) * self.trainer.world_size
        self.images_seen += images
        self.rounds += 1
        began = self.position.advance(self.referee.stages, images)
        if self.steps[self.primary_player] > before:
            self.primary_stepped(self.images_seen - self._primary_at)
            self._primary_at = self.images_seen
        if began:
            stage = self.referee.stages[self.position.stage]
            self.referee.set_rates(stage)
            self.stage_began(stage)
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.rounds % every == 0:
            self.flush_statistics()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Norms and clipping, after the reduction and the loss scaler."""
        if self.referee is not None:
            self.referee.before_step()

    def on_train_end(self) -> None:
        """What was collected since the last flush is logged too."""
        self.flush_statistics()

    # -- statistics and state ----------------------------------------------------------------------

    def axes(self) -> dict[str, int]:
        """Where the run is: images seen, each player's steps, rounds."""
        steps = {f"{name}_steps": count for name, count in self.steps.items()}
        return {"images_seen": self.images_seen, **steps, "round": self.rounds}

    def flush_statistics(self) -> None:
        """Send the means since the last flush to the loggers. All ranks call it together.

        Raises:
            NonFiniteError: if a mean is NaN or infinite; on all ranks.
        """
        values = self.statistics.flush()
        if not values:
            return
        now = time.perf_counter()
        if self._flushed is not None and now > self._flushed[1]:
            seen = self.images_seen - self._flushed[0]
            values["speed/images_per_s"] = seen / (now - self._flushed[1])
        self._flushed = (self.images_seen, now)
        self.last_statistics = values
        for logger in self.loggers:
            logger.log_metrics({**self.axes(), **values}, step=self.rounds)
        bad = [f"{name} is {value}" for name, value in values.items() if value - value != 0]
        if bad:
            raise NonFiniteError(non_finite_message(", ".join(bad), self.images_seen))

    def sync_buffers(self) -> None:
        """Give every rank rank 0's buffers; before each evaluation and checkpoint.

        BatchNorm statistics drift apart between the ranks otherwise. Rank 0's own never change
        by it, so that when this happens does not alter a run.
        """
        broadcast_tensors(list(self.buffers()))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the counters, the schedule's position and the noise; plain data only."""
        checkpoint["game"] = {
            "class_path": f"{type(self).__module__}.{type(self).__qualname__}",
            "images_seen": self.images_seen,
            "rounds": self.rounds,
            "steps": dict(self.steps),
            "position": vars(self.position).copy(),
            "noise": self.noise.state_dict(),
            "primary_at": self._primary_at,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Inverse of :meth:`on_save_checkpoint`."""
        state = checkpoint["game"]
        self.images_seen, self.rounds = state["images_seen"], state["rounds"]
        self.steps, self.position = dict(state["steps"]), Position(**state["position"])
        self.noise.load_state_dict(state["noise"])
        self._primary_at = state["primary_at"]
        self._resumed = True

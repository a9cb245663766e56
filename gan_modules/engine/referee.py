"""Plays one round: who is due, who is frozen, whose gradients are reduced and stepped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gan_modules.engine.player import Player
from gan_modules.engine.precision import PerPlayerMixedPrecision
from gan_modules.engine.schedule import Position, Stage, Turn
from gan_modules.engine.strategy import GanDDPStrategy

if TYPE_CHECKING:
    from gan_modules.engine.game import Game


class NonFiniteError(RuntimeError):
    """A loss or gradient is NaN or infinite; no weight was changed by it on the CPU."""


class Referee:
    """Plays the rounds of a module's schedule.

    A player whose losses are an empty dict passes: its turn is neither reduced, stepped nor
    counted. It must pass on all ranks or on none, so a module decides by reduced numbers only.

    Args:
        module: its methods ``<player>_losses`` are the players' losses.
        players: in the order of the trainer's optimizers.
        stages: the schedule.
    """

    def __init__(self, module: Game, players: Sequence[Player], stages: Sequence[Stage]) -> None:
        self.module = module
        self.players = {player.name: player for player in players}
        self.stages = stages
        self._index = {player.name: i for i, player in enumerate(players)}
        self._acting: Player | None = None
        self._phase = ""
        self._others = {
            player.name: [p for q in players if q is not player for p in q.trainable]
            for player in players
        }

    def acts(self, player: str, position: Position) -> bool:
        """Whether a player has a turn in the round at this position."""
        turns = self.stages[position.stage].turns
        return any(player in turn.names and turn.due(position.round) for turn in turns)

    def set_rates(self, stage: Stage) -> None:
        """Players whose rate a stage gives have it from now on; their optimizers keep it."""
        for name, lr in stage.rates.items():
            self.players[name].set_rate(lr)

    def play(self, batch: Mapping[str, Any], position: Position) -> None:
        """One round: every due turn, in order."""
        for turn in self.stages[position.stage].turns:
            if turn.due(position.round):
                for _ in range(turn.repeat):
                    self._turn(turn, batch)

    def _turn(self, turn: Turn, batch: Mapping[str, Any]) -> None:
        players = [self.players[name] for name in turn.names]
        acting = [player for player in players if self._backward(player, batch, turn.phase)]
        for player in acting:
            self._step(player, turn)

    def _backward(self, player: Player, batch: Mapping[str, Any], phase: str = "") -> bool:
        """Take the player's gradients; False if it passes."""
        module = self.module
        # Straight on the optimizer: Lightning's wrapper adds nothing here.
        player.optimizer.zero_grad(set_to_none=True)
        precision = module.trainer.precision_plugin
        if isinstance(precision, PerPlayerMixedPrecision):
            precision.acting = player.name
        losses_of = getattr(module, "_".join(filter(None, (player.name, phase, "losses"))))
        parts = _split(batch, player.micro_batches)
        with self._only(player):
            for number, part in enumerate(parts, start=1):
                losses: dict[str, Tensor] = losses_of(part)
                if not losses:
                    return False
                total = sum(losses.values(), torch.zeros((), device=module.device)) / len(parts)
                for name, value in losses.items():
                    module.statistics.add(f"{_key(player, phase)}/{name}", value)
                with self._reducing(player, last=number == len(parts)):
                    # Under autocast, backward would run in the forward's reduced precision.
                    with torch.autocast(module.device.type, enabled=False):
                        module.manual_backward(total)
        return True

    def _step(self, player: Player, turn: Turn) -> None:
        module, self._acting, self._phase = self.module, player, turn.phase
        precision = module.trainer.precision_plugin
        if isinstance(precision, PerPlayerMixedPrecision):
            precision.acting = player.name
        if player.name == module.primary_player and turn.counted:
            # Only this one is counted by Lightning: max_steps means generator steps.
            wrapped = module.optimizers()
            if isinstance(wrapped, list):
                wrapped = wrapped[self._index[player.name]]
            wrapped.step()
        else:
            module.trainer.strategy.optimizer_step(player.optimizer, _no_closure)
        if turn.counted:
            if player.scheduler is not None:
                player.scheduler.step()
            module.steps[player.name] += 1
        module.player_stepped(player.name)
        self._acting = None

    def before_step(self) -> None:
        """Norm, finiteness and clipping of the reduced, unscaled gradients.

        Runs in the hook that comes after the loss scaler's unscaling and before the step.

        Raises:
            NonFiniteError: on the CPU at once; on a GPU, where looking would stall the device,
                by the next flush of the statistics.
        """
        player, module = self._acting, self.module
        if player is None:
            return
        gradients = [p.grad for p in player.trainable if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        scaled = isinstance(module.trainer.precision_plugin, PerPlayerMixedPrecision)
        if scaled:
            # An overflow is the scaler's business: it skips the step and lowers the scale.
            norm = norm.nan_to_num(posinf=0.0)
        elif norm.device.type == "cpu" and not norm.isfinite():
            raise NonFiniteError(self._non_finite(player, float(norm)))
        module.statistics.add(f"{_key(player, self._phase)}/grad_norm", norm)
        if player.clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(player.trainable, player.clip_norm, norm)

    def _non_finite(self, player: Player, norm: float) -> str:
        values = self.module.statistics.latest(f"{_key(player, self._phase)}/")
        bad = [f"{name} is {value}" for name, value in values.items() if value - value != 0]
        what = ", ".join(bad) or f"the gradient norm of {player.name} is {norm}"
        return non_finite_message(what, self.module.images_seen)

    @contextmanager
    def _only(self, player: Player) -> Iterator[None]:
        """The other players' parameters are constants; the graph through them stays."""
        others = self._others[player.name]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _reducing(self, player: Player, last: bool) -> Any:
        strategy = self.module.trainer.strategy
        if last and isinstance(strategy, GanDDPStrategy):
            return strategy.reducing(player)
        return nullcontext()


def _key(player: Player, phase: str) -> str:
    return f"train/{player.name}/{phase}" if phase else f"train/{player.name}"


def non_finite_message(what: str, images_seen: int) -> str:
    """One line: what is not finite, when, and what to do."""
    return (
        f"{what} after {images_seen} images; lower the learning rate, check the data, or go on "
        "from a checkpoint with changed settings: ganagerie resume RUN --from best --set KEY=VALUE"
    )


def _no_closure() -> None:
    return None


def _split(batch: Mapping[str, Any], parts: int) -> list[Mapping[str, Any]]:
    if parts == 1:
        return [batch]
    size = len(next(iter(batch.values())))
    if size % parts:
        raise ValueError(
            f"micro_batches must divide the batch, got {parts} for {size} samples per rank"
        )
    step = size // parts
    return [
        {key: value[start : start + step] for key, value in batch.items()}
        for start in range(0, size, step)
    ]

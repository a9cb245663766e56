"""What a run changes when it goes back to an earlier checkpoint, so that it does not fall again.

Functions on a :class:`gan_modules.engine.game.Game` that is training, whatever its players are. All
ranks call each of them together, after the older states were put back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import instantiate_module
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from callbacks.rng import capture, reseed, restore
from gan_modules.engine.checks import check_parts
from gan_modules.engine.game import Game
from gan_modules.engine.player import RATE_FACTOR as RATE_FACTOR
from gan_modules.engine.player import Player
from gan_modules.engine.strategy import broadcast_tensors
from gan_modules.regularizers import R1, GradientPenalty, LipschitzPenalty


def players_of(module: Game) -> dict[str, Player]:
    """The players of a module that is training, by name.

    Raises:
        ValueError: the trainer has not asked for its optimizers yet.
    """
    if module.referee is None:
        raise ValueError(
            f"{type(module).__name__}: players must have their optimizers to be changed, got none "
            "yet; call this from on_train_start or later"
        )
    return module.referee.players


def opponents(module: Game) -> list[str]:
    """Who plays against the primary player: what ``--reset-d`` resets.

    All others; where an encoder plays beside the generator, those of them that discriminate.
    """
    others = [name for name in players_of(module) if name != module.primary_player]
    return [name for name in others if "discriminator" in name] or others


def scale_rates(module: Game, factor: float) -> dict[str, float]:
    """Multiply the learning rate of every player, present and future.

    Args:
        module: that is training.
        factor: such as 0.5.

    Returns:
        The rates from now on, as ``<player>_lr``.

    Raises:
        ValueError: the factor is not positive.
    """
    if not 0 < factor < float("inf"):
        raise ValueError(
            f"scale_rates: factor must be positive and finite, got {factor}; 0.5 halves the rates"
        )
    rates = {}
    for name, player in players_of(module).items():
        for group in player.optimizer.param_groups:
            for key in ("lr", "initial_lr"):
                if key in group:
                    group[key] = group[key] * factor
            group[RATE_FACTOR] = group.get(RATE_FACTOR, 1.0) * factor
        if player.scheduler is not None:
            player.scheduler.base_lrs = [base * factor for base in player.scheduler.base_lrs]
        rates[f"{name}_lr"] = float(player.optimizer.param_groups[0]["lr"])
    return rates


def retune(player: Player, fresh: Player, steps: int) -> None:
    """Give a player the numbers of another one's optimizer.

    A rate that the settings have not changed keeps the factor by which the run had scaled it.

    Args:
        player: with the restored state.
        fresh: as the settings describe it.
        steps: that the player has taken, where its decay goes on.
    """
    groups, new = player.optimizer.param_groups, fresh.optimizer.param_groups
    for group, settings in zip(groups, new, strict=True):
        factor = group.get(RATE_FACTOR, 1.0)
        parent, own = group.get("initial_lr", group["lr"]) / factor, _base(settings)
        group.update({name: value for name, value in settings.items() if name != "params"})
        if RATE_FACTOR not in group:
            continue
        group[RATE_FACTOR] = factor if abs(parent - own) <= 1e-9 * abs(own) else 1.0
        for key in ("lr", "initial_lr"):
            if key in group:
                group[key] = group[key] * group[RATE_FACTOR]
    scheduler = player.scheduler
    if isinstance(scheduler, LambdaLR):
        scheduler.base_lrs = [group["initial_lr"] for group in groups]
        scheduler.last_epoch = steps
        for group, scale in zip(groups, scheduler.lr_lambdas, strict=True):
            group["lr"] = group["initial_lr"] * scale(steps)


def reset_optimizer(module: Game, names: Collection[str]) -> None:
    """Forget the moments and step counts of some players' optimizers; rates and decays stay.

    Args:
        module: that is training.
        names: of the players.

    Raises:
        ValueError: there is no such player.
    """
    for player in _named(module, names):
        player.optimizer.zero_grad(set_to_none=True)
        player.optimizer.state.clear()


def reset_weights(
    module: Game, names: Collection[str], seed: int, fresh: Game | None = None
) -> None:
    """Give some players new initial weights, and forget the moments of the old ones.

    What belongs to their layers alone, such as running statistics and the vectors of spectral
    norms, is new as well. The global generators are left as they were.

    Args:
        module: that is training.
        names: of the players.
        seed: of the new weights; the same one gives the same weights.
        fresh: a module built anew that they are taken from; None builds it from the settings that
            ``module`` was built from.

    Raises:
        ValueError: there is no such player, or the module was built of objects, which are not
            known as settings.
    """
    players = _named(module, names)
    fresh = fresh or rebuilt(module, seed)
    source = {**dict(fresh.named_parameters()), **dict(fresh.named_buffers())}
    owned = _tensors_of(module, players)
    with torch.no_grad():
        for name, tensor in owned.items():
            tensor.copy_(source[name])
    # Networks may be initialised on the device; then only one rank's values count.
    broadcast_tensors(list(owned.values()))
    reset_optimizer(module, names)


def reseed_game(module: Game, trainer: pl.Trainer, seed: int) -> None:
    """New random numbers from here on: for a run that shall not repeat its path.

    Args:
        module: that is training.
        trainer: of the run.
        seed: of the new numbers.
    """
    reseed(seed, trainer.global_rank, module.images_seen)
    module.noise.load_state_dict({"seed": seed, "calls": 0})


def smooth_discriminator(module: Any, gamma: float = 10.0) -> dict[str, float]:
    """Add R1 (arXiv:1801.04406), or double the gradient penalty that there is already.

    Regularizers are no state: whoever resumes the run has to call this again.

    Args:
        module: that is training, with ``regularizers``, ``discriminator`` and ``objective``.
        gamma: of an R1 that is added.

    Returns:
        The name of the penalty and its new weight.

    Raises:
        ValueError: the module has no regularizers, or its discriminator mixes samples, or is shown
            tokens, which have no gradient.
    """
    kind = type(module).__name__
    if not hasattr(module, "regularizers"):
        raise ValueError(
            f"{kind}: module must have regularizers to be smoothed, got none; lower its rates "
            "instead"
        )
    if getattr(module, "follows_rewards", False):
        raise ValueError(
            f"{kind}: discriminator must be shown what has a gradient to be smoothed, got tokens; "
            "lower its rates instead"
        )
    for part in module.regularizers:
        key = {R1: "gamma", GradientPenalty: "weight", LipschitzPenalty: "weight"}.get(type(part))
        if key is not None:
            setattr(part, key, 2.0 * getattr(part, key))
            return {part.name: float(getattr(part, key))}
    added = R1(gamma)
    more = [*module.regularizers, added]
    check_parts(module, module.discriminator, module.objective, more)
    module.regularizers = more
    return {added.name: added.gamma}


def rebuilt(module: Game, seed: int) -> Game:
    """A module built from the same settings, with the initial weights of a seed; on the CPU.

    Args:
        module: one of a YAML file, whose networks are known as class path and numbers.
        seed: of the weights.

    Raises:
        ValueError: its networks were passed as objects.
    """
    settings: dict[str, Any] = dict(module.hparams)
    from_yaml = settings.pop("_instantiator", None) is not None
    with _seeded(seed, module.device):
        try:
            if from_yaml:
                return instantiate_module(type(module), settings)
            return type(module)(**settings)
        except TypeError as error:
            raise ValueError(
                f"{type(module).__name__}: networks must be given as settings to be drawn anew, got"
                f" objects ({error}); reset the optimizer only, or pass a module that is fresh"
            ) from error


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The draws of a seed inside; outside, the generators go on as if nothing had been drawn."""
    state = capture(device)
    reseed(seed, 0, 0)
    try:
        yield
    finally:
        restore(state, device)


def _named(module: Game, names: Collection[str]) -> list[Player]:
    players = players_of(module)
    if unknown := sorted(set(names) - set(players)):
        raise ValueError(
            f"{type(module).__name__}: player must be one of {', '.join(players)}, got "
            f"{unknown[0]!r}; name those that are reset"
        )
    return [players[name] for name in names]


def _tensors_of(module: nn.Module, players: Collection[Player]) -> dict[str, Tensor]:
    """The parameters of some players, and the buffers of layers that are theirs alone."""
    ours = {id(parameter) for player in players for parameter in player.trainable}
    parameters = dict(module.named_parameters())
    found: dict[str, Tensor] = {n: p for n, p in parameters.items() if id(p) in ours}
    trainable = {name: id(p) in ours for name, p in parameters.items() if p.requires_grad}
    for name, buffer in module.named_buffers():
        # A buffer may lie in a part without parameters, as those of a parametrization do: the
        # nearest part around it that has some says whose it is.
        home = name
        owners: list[bool] = []
        while home and not owners:
            home = home.rpartition(".")[0]
            owners = [mine for n, mine in trainable.items() if n.startswith(f"{home}.")]
        if home and all(owners):
            found[name] = buffer
    return found


def _base(group: dict[str, Any]) -> float:
    return float(group.get("initial_lr", group["lr"]))

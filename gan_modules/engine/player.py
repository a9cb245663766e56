"""A player: some parameters, the optimizer that moves them, and the rules of its step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

#: Key of a group of parameters: what its rate was multiplied by since the settings gave it. It
#: travels in the optimizer's state, so that a fork can tell the settings' rate from a scaled one.
RATE_FACTOR = "rate_factor"


@dataclass(eq=False)
class Player:
    """One side of the game, as data.

    Its losses are the module's method ``<name>_losses(batch) -> dict[str, Tensor]``.

    Args:
        name: also the key of its statistics, ``train/<name>/<term>``.
        parameters: what its steps move; collected by identity, so shared layers may belong to
            one player only.
        optimizer: built over exactly these parameters.
        scheduler: stepped once per step of this player (Lightning never steps it here).
        clip_norm: global gradient norm, applied after the reduction over ranks; None is off.
        micro_batches: the batch is cut into this many equal parts whose gradients are averaged;
            gradients are reduced over ranks once, on the last part.

    Raises:
        ValueError: if the optimizer does not hold exactly ``parameters``, or a number is out of
            its range.
    """

    name: str
    parameters: Iterable[nn.Parameter]
    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    clip_norm: float | None = None
    micro_batches: int = 1
    trainable: list[nn.Parameter] = field(init=False)

    def __post_init__(self) -> None:
        self.trainable = list({id(p): p for p in self.parameters if p.requires_grad}.values())
        # A list: a shared layer that is named twice would be stepped twice.
        held = [id(p) for group in self.optimizer.param_groups for p in group["params"]]
        if sorted(held) != sorted(id(p) for p in self.trainable):
            raise ValueError(
                f"Player {self.name}: its optimizer must hold exactly its trainable parameters, "
                f"got {len(held)} for {len(self.trainable)}; build it from the same list"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(
                f"Player {self.name}: clip_norm must be positive, got {self.clip_norm}; "
                "use null to switch clipping off"
            )
        if self.micro_batches < 1:
            raise ValueError(
                f"Player {self.name}: micro_batches must be at least 1, got {self.micro_batches}"
            )

    def set_rate(self, lr: float) -> None:
        """Another learning rate from now on, which the scheduler goes on to scale.

        A factor by which the run itself has scaled its rates, as a rollback does, stays.
        """
        groups = self.optimizer.param_groups
        for group in groups:
            base = lr * float(group.get(RATE_FACTOR, 1.0))
            if self.scheduler is None:
                group["lr"] = base
                continue
            share = group["lr"] / group["initial_lr"] if group["initial_lr"] else 1.0
            group["lr"], group["initial_lr"] = base * share, base
        if self.scheduler is not None:
            self.scheduler.base_lrs = [group["initial_lr"] for group in groups]


def linear_decay(
    optimizer: Optimizer, steps: tuple[int, int], steps_per_round: float = 1
) -> LRScheduler:
    """A rate that is constant until ``steps[0]`` and falls linearly to zero at ``steps[1]``.

    Args:
        optimizer: whose rates are scaled.
        steps: start and end, in steps of the primary player.
        steps_per_round: steps of this optimizer per step of the primary player.
    """
    start, end = (step * steps_per_round for step in steps)
    return LambdaLR(optimizer, lambda step: min(1.0, max(0.0, (end - step) / (end - start))))


def hold_then_decay(
    optimizer: Optimizer, hold: int, decay: int, steps_per_epoch: int = 1
) -> LRScheduler:
    """A rate that is constant for ``hold`` epochs and then falls linearly for ``decay`` epochs.

    As in the authors' code of pix2pix and CycleGAN (arXiv:1611.07004, arXiv:1703.10593): in epoch
    e, from 0, the factor is ``1 - max(0, e + 1 - hold) / (decay + 1)``. It falls from epoch to
    epoch and is ``1 / (decay + 1)`` in the last, never zero; from then on it stays there.

    Args:
        optimizer: whose rates are scaled.
        hold: epochs of the full rate.
        decay: epochs in which it falls.
        steps_per_epoch: steps of this optimizer in an epoch; 1 counts steps as epochs.

    Raises:
        ValueError: for a negative number of epochs, or no step in an epoch.
    """
    if hold < 0 or decay < 0 or steps_per_epoch < 1:
        raise ValueError(
            "hold_then_decay: hold and decay must be epochs from 0 on, and steps_per_epoch at "
            f"least 1, got {hold}, {decay} and {steps_per_epoch}; the papers hold and decay 100 "
            "epochs each"
        )

    def factor(step: int) -> float:
        epoch = min(step // steps_per_epoch, hold + decay - 1)
        return 1.0 - max(0, epoch + 1 - hold) / (decay + 1)

    return LambdaLR(optimizer, factor)


def lazily(
    lr: float, betas: tuple[float, float], interval: int
) -> tuple[float, tuple[float, float]]:
    """Adam's numbers for a player that also steps on a penalty alone, every ``interval`` rounds.

    Appendix B of arXiv:1912.04958: it steps ``1 + 1/k`` times a round, so with ``c = k / (k + 1)``
    the rate is ``c lr`` and the betas are ``beta ** c``; a round then moves it, and its moments
    forget, as without the penalty.

    Args:
        lr: rate of the player without the penalty.
        betas: its beta1 and beta2.
        interval: the paper's k, in rounds.

    Returns:
        The rate and the betas to use.
    """
    c = interval / (interval + 1)
    return lr * c, (betas[0] ** c, betas[1] ** c)


def check_players(players: Sequence[Player], module: nn.Module) -> None:
    """Every trainable parameter belongs to exactly one player.

    Raises:
        ValueError: naming the parameter and the players.
    """
    names = [player.name for player in players]
    if len(set(names)) != len(names):
        raise ValueError(f"players(): names must differ, got {names}")
    owner: dict[int, str] = {}
    for player in players:
        for parameter in player.trainable:
            if id(parameter) in owner:
                raise ValueError(
                    f"players(): {_name_of(parameter, module)} belongs to both "
                    f"{owner[id(parameter)]} and {player.name}; a tensor belongs to one player"
                )
            owner[id(parameter)] = player.name
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and id(parameter) not in owner:
            raise ValueError(
                f"players(): {name} is trainable and belongs to no player; "
                "give it to one or set requires_grad_(False)"
            )


def _name_of(parameter: Tensor, module: nn.Module) -> str:
    return next((n for n, p in module.named_parameters() if p is parameter), "a parameter")

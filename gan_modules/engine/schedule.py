"""Who acts when, as data: stages of rounds, rounds of turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """One entry of a round.

    Args:
        players: a name, or names that act together: their gradients are all taken at the same
            parameters before any of them steps.
        every: the turn is due in every ``every``-th round of its stage.
        offsets: in which of these rounds, counted from 0; ``every=5, offsets=(4,)`` is the last
            of five.
        repeat: how often it is played on the same batch. Fresh batches for n discriminator steps
            are ``every=n`` for the generator, not ``repeat=n`` for the discriminator.
        phase: which losses are taken: ``<player>_losses`` for "", else
            ``<player>_<phase>_losses``, such as a lazy penalty with a step of its own. Steps of a
            named phase are not counted, and schedulers do not see them, unless ``counts``.
        counts: whether the step counts as one of the player's; None: if ``phase`` is "".

    Raises:
        ValueError: if a number is out of its range.
    """

    players: str | tuple[str, ...]
    every: int = 1
    offsets: tuple[int, ...] = (0,)
    repeat: int = 1
    phase: str = ""
    counts: bool | None = None

    def __post_init__(self) -> None:
        if self.every < 1 or self.repeat < 1:
            raise ValueError(
                f"Turn {self.players}: every and repeat must be at least 1, "
                f"got {self.every} and {self.repeat}"
            )
        if not self.offsets or not all(0 <= offset < self.every for offset in self.offsets):
            raise ValueError(
                f"Turn {self.players}: offsets must lie in 0..{self.every - 1}, got {self.offsets}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The players of this turn, always as a tuple."""
        return (self.players,) if isinstance(self.players, str) else self.players

    @property
    def counted(self) -> bool:
        """Whether its steps are counted."""
        return not self.phase if self.counts is None else self.counts

    def due(self, round_in_stage: int) -> bool:
        """Whether the turn is played in this round of its stage (from 0)."""
        return round_in_stage % self.every in self.offsets


@dataclass(frozen=True)
class Stage:
    """A part of the training: pretraining, the game, one resolution of a growing network.

    Args:
        turns: played in this order in each round.
        images: the stage ends when this many images were seen in it; None: it is the last.
        name: shown in logs.
        planned_shock: samples change by plan when the stage begins, as at a new resolution: the
            collapse monitor begins anew there.
        rates: learning rates of players from the beginning of this stage on, such as those of
            pretraining; a player that is not named keeps the one it has.
    """

    turns: tuple[Turn, ...]
    images: int | None = None
    name: str = "adversarial"
    planned_shock: bool = False
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Position:
    """Where in the schedule a run is. All of it lives in the checkpoint."""

    stage: int = 0
    round: int = 0
    images: int = 0

    def advance(self, stages: Sequence[Stage], images: int) -> bool:
        """Count one finished round that showed ``images`` images over all ranks.

        Returns:
            Whether a new stage begins.
        """
        self.round += 1
        self.images += images
        length = stages[self.stage].images
        if length is not None and self.images >= length and self.stage + 1 < len(stages):
            self.stage, self.round, self.images = self.stage + 1, 0, 0
            return True
        return False


def planned_rates(stages: Sequence[Stage], position: Position) -> dict[str, float]:
    """The rates that stages have given up to here, by player: the latest of each."""
    reached = stages[: position.stage + 1]
    return {name: rate for stage in reached for name, rate in stage.rates.items()}


def check_schedule(stages: Sequence[Stage], players: Sequence[str]) -> None:
    """Every name is a player, every player has a turn, only the last stage is open-ended.

    A player that has a rate must be one, and so must the rate be.

    Raises:
        ValueError: naming the turn or the player.
    """
    if not stages:
        raise ValueError("schedule(): at least one Stage is needed, got none")
    named = {name for stage in stages for turn in stage.turns for name in turn.names}
    if unknown := named - set(players):
        raise ValueError(f"schedule(): {sorted(unknown)} are no players; these are: {players}")
    rated = {name: rate for stage in stages for name, rate in stage.rates.items()}
    if wrong := [n for n, rate in rated.items() if n not in players or not rate > 0]:
        raise ValueError(
            f"schedule(): rates must be positive, of the players {list(players)}, got "
            f"{ {name: rated[name] for name in wrong} }; name a player and a rate above 0"
        )
    if idle := set(players) - named:
        raise ValueError(f"schedule(): {sorted(idle)} never get a turn; add one or drop the player")
    for stage in stages[:-1]:
        if stage.images is None:
            raise ValueError(f"schedule(): stage {stage.name!r} has no end but is not the last")

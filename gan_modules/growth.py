"""When a growing game grows: the stages of its schedule, and the level at each position in it.

Karras et al., "Progressive Growing of GANs", 2017, arXiv:1710.10196, appendix A.1. A variant holds
a :class:`Growth` and uses it in three hooks::

    def schedule(self):
        return self.growth.stages(super().schedule()[0].turns)

    def on_train_batch_start(self, batch, batch_idx):
        self.growth.set_level(self)

    def stage_began(self, stage):
        forget_moments(self)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from gan_modules.engine.schedule import Position, Stage, Turn
from gan_modules.networks.growing import SMALLEST, Growing, level_of

if TYPE_CHECKING:
    from gan_modules.engine.game import Game


@dataclass(frozen=True)
class Growth:
    """The plan of one run: train at a size, fade the next one in, train at it, and so on.

    All lengths are real images over all ranks, so that any number of ranks grows alike. A stage
    ends with the first batch that reaches its length.

    Args:
        size: last height and width of the images, in pixels: a power of two.
        start_size: the first.
        stable_images: length of each stage of one size; the last has no end.
        fade_images: length of each stage in which a size fades in.

    Raises:
        ValueError: for sizes that no doublings join, or lengths that are not positive.
    """

    size: int
    start_size: int = SMALLEST
    stable_images: int = 800_000
    fade_images: int = 800_000

    def __post_init__(self) -> None:
        for name in ("size", "start_size"):
            level_of(getattr(self, name), owner="Growth", name=name)
        if self.start_size > self.size:
            raise ValueError(
                f"Growth: start_size must be at most size, got {self.start_size} for {self.size}; "
                f"start at {SMALLEST} px"
            )
        for name in ("stable_images", "fade_images"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"Growth: {name} must be at least 1, got {getattr(self, name)}; it is a number "
                    "of real images, 800000 in the paper"
                )

    def stages(self, turns: tuple[Turn, ...]) -> tuple[Stage, ...]:
        """The schedule: "4 px", "fading in 8 px", "8 px", ...; a planned shock at each fade.

        Args:
            turns: of the players, the same in every stage.
        """
        stages, size = [], self.start_size
        while size < self.size:
            stages.append(Stage(turns, self.stable_images, f"{size} px"))
            size *= 2
            stages.append(Stage(turns, self.fade_images, f"fading in {size} px", True))
        return (*stages, Stage(turns, name=f"{size} px"))

    def level(self, position: Position) -> float:
        """Doublings of 4 px at this position in :meth:`stages`; see :class:`Growing`."""
        doublings, fading = divmod(position.stage, 2)
        # The last batch of a stage may overshoot, and a resumed run may have a shorter plan.
        share = min(1.0, position.images / self.fade_images) if fading else 0.0
        start, top = (level_of(size, "Growth") for size in (self.start_size, self.size))
        return min(start + doublings + share, float(top))

    def set_level(self, game: Game) -> float:
        """Bring all growing networks of a game, averaged ones too, to the level of its position.

        Args:
            game: holds networks that are, or have parts that are, :class:`Growing`.

        Returns:
            The level.
        """
        level = self.level(game.position)
        for part in game.modules():
            if isinstance(part, Growing):
                part.level = level
        return level


def require_growing(owner: str, compile: str, **networks: nn.Module) -> int:
    """The one size of the networks of a growing game.

    Args:
        owner: class name that opens the message.
        compile: the game's setting; a network that fades differs from step to step.
        **networks: by argument name.

    Returns:
        Height and width of the images at the highest level, in pixels.

    Raises:
        ValueError: if a network does not grow, their sizes differ, or they are to be compiled.
    """
    sizes: dict[str, int] = {}
    for name, network in networks.items():
        if not isinstance(network, Growing):
            raise ValueError(
                f"{owner}: {name} must be a network that grows, got {type(network).__name__}; take "
                "one of gan_modules.networks.progressive or stylegan"
            )
        sizes[name] = network.size
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"{owner}: {' and '.join(sizes)} must have one size, got "
            f"{' and '.join(map(str, sizes.values()))}; set both to the data's"
        )
    if compile != "off":
        raise ValueError(
            f"{owner}: compile must be off, got {compile}; a network that fades changes at every "
            "step and would be compiled at every step"
        )
    return next(iter(sizes.values()))


def forget_moments(game: Game) -> None:
    """Empty the optimizers of all players: their moments belong to another network.

    The authors do so whenever a resolution begins to fade in and when it has faded in.

    Args:
        game: that is training.
    """
    assert game.referee is not None
    for player in game.referee.players.values():
        player.optimizer.state.clear()

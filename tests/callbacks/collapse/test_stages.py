"""What the schedule says of a moment."""

from types import SimpleNamespace
from typing import Any

import pytest

from callbacks.collapse.stages import generator_plays, shocks
from gan_modules.engine.schedule import Position, Stage, Turn

STAGES = (
    Stage((Turn("generator", phase="encoder"),), images=10, name="encoder"),
    Stage((Turn("discriminator"), Turn("generator")), images=10, planned_shock=True),
    Stage((Turn("discriminator"),), images=10, name="judge"),
    Stage((Turn(("discriminator", "generator")),), name="grown", planned_shock=True),
)


def at(stage: int) -> Any:
    return SimpleNamespace(
        referee=SimpleNamespace(stages=STAGES),
        position=Position(stage),
        primary_player="generator",
    )


@pytest.mark.parametrize(
    ("stage", "plays", "shocked"),
    [
        (0, False, ()),
        (1, True, ("adversarial",)),
        (2, False, ("adversarial",)),
        (3, True, ("adversarial", "grown")),
    ],
)
def test_a_generator_plays_where_its_steps_count(
    stage: int, plays: bool, shocked: tuple[str, ...]
) -> None:
    assert generator_plays(at(stage)) is plays
    assert shocks(at(stage)) == shocked


def test_a_module_that_is_not_training_yet_has_no_stage() -> None:
    assert generator_plays(SimpleNamespace()) and shocks(SimpleNamespace()) == ()

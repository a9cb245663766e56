"""What a module's schedule says of the moment: planned shocks, and whether its generator plays."""

from __future__ import annotations

from typing import Any


def shocks(module: Any) -> tuple[str, ...]:
    """Names of the stages begun so far that change the samples by plan."""
    referee = getattr(module, "referee", None)
    begun = referee.stages[1 : module.position.stage + 1] if referee is not None else ()
    return tuple(stage.name for stage in begun if stage.planned_shock)


def generator_plays(module: Any) -> bool:
    """Whether the generator learns to generate in this stage, not only something beside it."""
    referee = getattr(module, "referee", None)
    if referee is None:
        return True
    turns = referee.stages[module.position.stage].turns
    return any(turn.counted and module.primary_player in turn.names for turn in turns)

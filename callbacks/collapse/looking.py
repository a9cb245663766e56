"""One look at a generator over all ranks: nobody waits for a rank that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl

from callbacks.collapse.probes import Prober, ProbeSignals
from callbacks.run_folder import finite_or_none


class BlindError(RuntimeError):
    """A probe could not be taken; the run goes on without it."""


def look(
    trainer: pl.Trainer, module: Any, prober: Prober, probe: int, seed: int
) -> ProbeSignals | None:
    """Draw from the trained weights, describe, and bring the signals to rank 0.

    Args:
        trainer: of the run.
        module: the game.
        prober: of its kind.
        probe: its number.
        seed: of the latents.

    Returns:
        The signals on rank 0, None elsewhere.

    Raises:
        BlindError: a rank could not draw or describe; on all ranks. Rank 0 could not compute.
    """
    trouble, builders = "", {}
    try:
        with module.unaveraged():
            builders = prober.describe(module, probe, seed)
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}"
    # Before anyone waits for a share that will not come.
    if not trainer.strategy.reduce_boolean_decision(not trouble, all=True):
        raise BlindError(trouble or "another rank could not draw")
    banks = {name: builder.finish() for name, builder in builders.items()}
    if not trainer.is_global_zero:
        return None
    found = prober.signals(banks, seed)
    return {name: finite_or_none(values) for name, values in found.items()}


def decided(trainer: pl.Trainer, work: Callable[[], Any]) -> Any:
    """Let rank 0 decide, and all ranks know it; an exception there leaves none of them waiting.

    Args:
        trainer: of the run.
        work: done on rank 0 alone; its result must be picklable.

    Returns:
        The result.

    Raises:
        BlindError: rank 0 failed; on all ranks.
    """
    result: Any = None
    trouble: str | None = None
    if trainer.is_global_zero:
        try:
            result = work()
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
    result, trouble = trainer.strategy.broadcast((result, trouble))
    if trouble is not None:
        raise BlindError(trouble)
    return result

"""A run, round by round: every turn waits for its slowest rank, and now and then all for rank 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.scaling.plan import Plan


@dataclass
class Played:
    """Seconds of a simulated run, by what they went into.

    Attributes:
        computing: what a rank alone would have needed.
        stragglers: waiting for the slowest.
        reduction: of gradients, as far as nothing hides it.
        evaluation: all evaluations.
        checkpoint: all checkpoints.
        evaluations: how many.
        checkpoints: how many.
        images: that all ranks have seen.
    """

    computing: float = 0.0
    stragglers: float = 0.0
    reduction: float = 0.0
    evaluation: float = 0.0
    checkpoint: float = 0.0
    evaluations: int = 0
    checkpoints: int = 0
    images: int = 0

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        waiting = self.stragglers + self.reduction + self.evaluation + self.checkpoint
        return self.computing + waiting

    @property
    def efficiency(self) -> float:
        """Images per second and rank, beside those of a rank alone that never looks up."""
        return self.computing / self.seconds

    def shares(self) -> dict[str, float]:
        """Each loss beside the computing."""
        names = ("reduction", "stragglers", "evaluation", "checkpoint")
        return {name: getattr(self, name) / self.computing for name in names}


def simulate(plan: Plan, rounds: int, seed: int = 0) -> Played:
    """Play a run.

    Evaluations and checkpoints fall on their grids of images; an evaluation is passed over while it
    would cost more than its share of the training time since the last one, as `fit` does.

    Args:
        plan: the game and the machines.
        rounds: how many.
        seed: of the ranks' luck.
    """
    luck = np.random.default_rng(seed)
    turns, habits, spread = plan.turns(), plan.habits, plan.machine.spread
    evaluation, checkpoint = plan.evaluation_seconds(), plan.checkpoint_seconds()
    played, since = Played(), 0.0
    for _ in range(rounds):
        for alone, exposed in zip(turns.seconds, turns.exposed, strict=True):
            slowest = alone
            if spread:
                factors = luck.standard_normal(plan.ranks) * spread - spread * spread / 2
                slowest = alone * float(np.exp(factors.max()))
            played.computing += alone
            played.stragglers += slowest - alone
            played.reduction += exposed
            since += slowest + exposed
        before, played.images = played.images, played.images + plan.global_batch
        if _crossed(before, played.images, habits.evaluate_every) and (
            evaluation <= habits.evaluation_share * since
        ):
            played.evaluation += evaluation
            played.evaluations += 1
            since = 0.0
        if _crossed(before, played.images, habits.save_every):
            played.checkpoint += checkpoint
            played.checkpoints += 1
    return played


def _crossed(before: int, after: int, every: int) -> bool:
    return after // every > before // every

"""Weights of losses that change with the steps of the generator, along straight lines."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def weight_at(points: Sequence[tuple[int, float]], step: int) -> float:
    """The weight at a step: straight between the points, and constant before and behind them.

    Args:
        points: (step, weight), in the order of the steps.
        step: from 0 on.
    """
    before = points[0]
    for after in points:
        if step < after[0]:
            share = (step - before[0]) / max(1, after[0] - before[0])
            return before[1] + max(0.0, share) * (after[1] - before[1])
        before = after
    return before[1]


def require_points(owner: nn.Module, name: str, points: Sequence[tuple[int, float]]) -> None:
    """Steps from 0 on that rise, and weights that are not negative.

    Raises:
        ValueError: otherwise.
    """
    steps, weights = [point[0] for point in points], [point[1] for point in points]
    rising = all(one < other for one, other in zip(steps, steps[1:], strict=False))
    if not points or not rising or steps[0] < 0 or min(weights) < 0:
        raise ValueError(
            f"{type(owner).__name__}: {name} must be pairs of a rising step and a weight that is "
            f"not negative, got {[list(point) for point in points]}; [[0, 1.0]] is constant"
        )

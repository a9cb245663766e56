"""Which line of a run's evaluations is its best, by the stem of a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def score_name_in(scores: Mapping[str, Any], metric: str, space: str) -> str | None:
    """The full name of a score among those of an evaluation; None: it is not there.

    Args:
        scores: by name, such as ``fd_rand_vgg@2k`` or ``fid@2k``.
        metric: the stem.
        space: id of the feature space.
    """
    starts = (f"{metric}_{space}@", f"{metric}@")
    return next((name for name in scores if name.startswith(starts)), None)


def value_of(row: Mapping[str, Any], metric: str) -> float | None:
    """The score of an evaluation; None where it has none, or none that is finite."""
    name = score_name_in(row["scores"], metric, row["protocol"]["space"])
    value = None if name is None else row["scores"][name]
    return None if value is None or not math.isfinite(value) else float(value)


def best_row(
    rows: Sequence[Mapping[str, Any]], metric: str, direction: str
) -> tuple[float, Mapping[str, Any]] | None:
    """The best evaluation of a run and its score; of equals the earlier one. None: none is finite.

    Args:
        rows: of ``evaluations.jsonl``.
        metric: the stem.
        direction: min or max.
    """
    sign = 1.0 if direction == "min" else -1.0
    scored = [(value, row) for row in rows if (value := value_of(row, metric)) is not None]
    if not scored:
        return None
    return min(scored, key=lambda pair: (sign * pair[0], pair[1]["images_seen"]))

"""What the runs themselves measured last: names without their numbers of samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from benchmarks.trained.task import Measures
from experiments.opening import OpenedRun


def plain(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Scores by name without the count: ``fd_ppmi64@1.8k`` as ``fd_ppmi64``, ``x@9/mean`` as ``x``.

    Of several domains only the mean keeps its bare name.
    """
    found = {}
    for name, value in scores.items():
        short = re.sub(r"@[^/]*", "", name).removesuffix("/mean")
        if value is not None:
            found[short] = value
    return found


def last_scores(*names: str) -> Callable[[OpenedRun], Measures]:
    """A measure: these scores of a run's last evaluation.

    Args:
        *names: without counts; ``fd`` is the distance in whatever space was fitted.
    """

    def measure(opened: OpenedRun) -> Measures:
        return chosen(plain(opened.run.read_evaluations()[-1]["scores"]), names)

    return measure


def floors(opened: OpenedRun, names: Sequence[str]) -> Measures:
    """The same scores of real sentences in place of generated ones, of a run's last evaluation."""
    return chosen(plain(opened.run.read_evaluations()[-1]["floor"]), names)


def chosen(scores: Mapping[str, float], names: Sequence[str]) -> Measures:
    """Some scores, in the order asked for; those that there are."""
    spaces = {"fd" if name.startswith("fd_") else name: value for name, value in scores.items()}
    return {name: spaces[name] for name in names if name in spaces}

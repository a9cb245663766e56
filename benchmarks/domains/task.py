"""What one part of this benchmark is: trainings, what is measured of each, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.domains.jobs import Job
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Measures = dict[str, float]


@dataclass(frozen=True)
class Task:
    """One question, asked of several trainings.

    Attributes:
        name: in the command.
        question: above the table.
        jobs: what is trained; the first one's data are those of the baselines.
        measure: of one trained run, on data that were held out.
        baselines: what needs no training, by name, measured on the same data.
        picture: of the runs of the first seed, by the name of the job.
        more_pictures: others of them, by the name of the file; None: there are none.
    """

    name: str
    question: str
    jobs: tuple[Job, ...]
    measure: Callable[[OpenedRun], Measures]
    baselines: Callable[[Any], Mapping[str, Measures]]
    picture: Callable[[Mapping[str, OpenedRun]], Figure]
    more_pictures: Callable[[Mapping[str, OpenedRun]], Mapping[str, Figure]] | None = None

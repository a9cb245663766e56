"""What one part of such a benchmark is: trainings, what is measured of each, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Measures = dict[str, float]


@dataclass(frozen=True)
class Job:
    """One training, for several seeds.

    Attributes:
        name: of the run folders and in the tables.
        config: below ``experiments/configs``.
        settings: values to change in it, by dotted name; a value may be a whole part.
    """

    name: str
    config: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One question, asked of several trainings.

    Attributes:
        name: in the command.
        question: above the table.
        jobs: what is trained; the first one's data are those of the baselines.
        measure: of one trained run, on data that were held out.
        baselines: what needs no training, by name, measured on the same data.
        picture: of the runs of the first seed, by the name of the job; None: there is none.
        more_pictures: others of them, by the name of the file; None: there are none.
        samples: Markdown of what they say, unpicked, below the table; None: they say nothing.
        missing: what it needs that is not here, and how to get it, in one line; empty: nothing.
    """

    name: str
    question: str
    jobs: tuple[Job, ...]
    measure: Callable[[OpenedRun], Measures]
    baselines: Callable[[Any], Mapping[str, Measures]]
    picture: Callable[[Mapping[str, OpenedRun]], Figure] | None = None
    more_pictures: Callable[[Mapping[str, OpenedRun]], Mapping[str, Figure]] | None = None
    samples: Callable[[Mapping[str, OpenedRun]], str] | None = None
    missing: Callable[[], str] = str

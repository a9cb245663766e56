"""What a study has found, as numbers: curves over the budget, comparisons, failures, costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.study.design import Design
from experiments.study.estimator import Comparison, Table
from experiments.study.outcomes import Outcome


@dataclass(frozen=True)
class Point:
    """A budget curve at one budget; scores as they are named, infinite where all has failed.

    Attributes:
        k: settings tried, each with one seed.
        mean: expected reported score of the best.
        median: of it.
        worse: the end of the 5 to 95 % band that is worse.
        better: its other end.
        failing: probability that none of the k has a score.
        hours: that k runs take on average.
        images: likewise.
    """

    k: int
    mean: float
    median: float
    worse: float
    better: float
    failing: float
    hours: float
    images: float


@dataclass(frozen=True)
class Finals:
    """The best setting of a variant, trained anew.

    Attributes:
        draw: number of the setting.
        scores: reported scores of the runs that have not failed.
        failures: how many have.
    """

    draw: int
    scores: tuple[float, ...]
    failures: int

    @property
    def mean(self) -> float:
        """Of the scores."""
        return float(np.mean(self.scores)) if self.scores else math.nan

    @property
    def sd(self) -> float:
        """Of the scores, with n - 1; nan for one."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else math.nan


@dataclass(frozen=True)
class VariantResult:
    """One variant.

    Attributes:
        label: its name.
        settings: how many settings have ended runs.
        runs: ended runs of the search.
        outcomes: how many ended how, by outcome; of the search.
        failed: how many count as failures.
        partial: healthy ones that ended in a partial collapse.
        hours: of all runs, final ones too.
        images: likewise.
        best: the run of the chosen setting with the best choosing score; None without one.
        luckiest: the run of the whole search with the best one, whatever became of its setting.
        chosen_draw: the setting that was chosen; None without one.
        setting: what it is, by path.
        curve: over the budget.
        finals: None without final runs.
        table: costs of the runs of each setting.
    """

    label: str
    settings: int
    runs: int
    outcomes: dict[str, int]
    failed: int
    partial: int
    hours: float
    images: int
    best: Outcome | None
    luckiest: Outcome | None
    chosen_draw: int | None
    setting: dict[str, Any]
    curve: tuple[Point, ...]
    finals: Finals | None
    table: Table


@dataclass(frozen=True)
class Pair:
    """Two variants: at budgets of the search, and of their final runs."""

    a: str
    b: str
    search: tuple[Comparison, ...]
    final: Comparison | None


@dataclass(frozen=True)
class Results:
    """Everything that the report says.

    Attributes:
        design: of the study.
        score: name of the choosing score, with its feature space and number of samples.
        reported: the same of the reported one.
        protocol: of the choosing scores.
        rows: all ended runs.
        planned: how many there will be.
        variants: in the order of the design.
        pairs: of those variants that have runs.
        estimator: of the means of the curves.
    """

    design: Design
    score: str
    reported: str
    protocol: dict[str, Any]
    rows: tuple[Outcome, ...]
    planned: int
    variants: tuple[VariantResult, ...]
    pairs: tuple[Pair, ...]
    estimator: str

    @property
    def sign(self) -> float:
        """1 where a lower score is better, -1 where a higher one is."""
        return 1.0 if self.design.direction == "min" else -1.0

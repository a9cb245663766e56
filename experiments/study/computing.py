"""From the runs of a study to its results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from experiments.study.design import OUTCOMES, Design, design_of
from experiments.study.estimator import (
    Best,
    Comparison,
    Table,
    beats,
    best_of,
    by_chance,
    compare,
    gap,
    interval,
    resampled_laws,
    subsampled,
)
from experiments.study.outcomes import Outcome, best_draw, by_setting, finals, outcomes
from experiments.study.queue import Queue
from experiments.study.results import Finals, Pair, Point, Results, VariantResult

#: Samples of a bootstrap, and shuffles of a comparison.
RESAMPLES, SHUFFLES = 1000, 300


def results_of(queue: Queue, budget: int | None = None, estimator: str = "exact") -> Results:
    """Read a study and compute.

    Args:
        queue: of the study.
        budget: settings tried at which variants are compared, beside one; None takes half.
        estimator: exact or bootstrap, of the means of the curves.

    Raises:
        ValueError: the budget is beyond the number of settings, or nothing has ended yet.
    """
    design, rows = design_of(queue.plan["design"]), outcomes(queue)
    if not any(row.stage == "search" for row in rows):
        raise ValueError(
            f"study: results must be there, got none of {len(queue.runs)} runs ended; wait for "
            "the first, or start a worker"
        )
    variants = tuple(_variant(design, rows, one.label, estimator) for one in design.variants)
    least = min((one.settings for one in variants if one.settings), default=1)
    if budget is not None and budget > least:
        raise ValueError(
            f"study: budget must be at most {least}, the settings that each variant has run, got "
            f"{budget}; draw more settings"
        )
    return Results(
        design=design,
        score=queue.plan["score"],
        reported=queue.plan["reported"],
        protocol=queue.plan["protocol"],
        rows=tuple(rows),
        planned=len(queue.runs),
        variants=variants,
        pairs=_pairs(design, variants, sorted({1, budget or max(1, least // 2)})),
        estimator=estimator,
    )


def _variant(design: Design, rows: Sequence[Outcome], label: str, estimator: str) -> VariantResult:
    settings = by_setting(rows, label)
    searched = [row for runs in settings.values() for row in runs]
    last = finals(rows, label)
    direction = design.direction
    table: Table = [
        [(row.cost("chosen", direction), row.cost("reported", direction)) for row in runs]
        for _, runs in sorted(settings.items())
    ]
    draw = best_draw(rows, label, direction)

    def first(rows: Sequence[Outcome]) -> Outcome | None:
        scored = [row for row in rows if math.isfinite(row.cost("chosen", direction))]
        return min(scored, key=lambda row: row.cost("chosen", direction), default=None)

    return VariantResult(
        label=label,
        settings=len(settings),
        runs=len(searched),
        outcomes={name: sum(row.outcome == name for row in searched) for name in OUTCOMES},
        failed=sum(row.failed for row in searched),
        partial=sum(row.state == "partial" for row in searched),
        hours=sum(row.seconds for row in [*searched, *last]) / 3600,
        images=sum(row.images_seen for row in [*searched, *last]),
        best=first([] if draw is None else settings[draw]),
        luckiest=first(searched),
        chosen_draw=draw,
        setting={} if draw is None else settings[draw][0].setting,
        curve=tuple(_curve(design, table, searched, estimator)),
        finals=_finals(last) if last else None,
        table=table,
    )


def _curve(design: Design, table: Table, rows: Sequence[Outcome], estimator: str) -> list[Point]:
    sign = 1.0 if design.direction == "min" else -1.0
    hours = sum(row.seconds for row in rows) / 3600 / max(1, len(rows))
    images = sum(row.images_seen for row in rows) / max(1, len(rows))
    points = []
    for k in range(1, len(table) + 1):
        law = best_of(table, k)
        mean = law.mean if estimator == "exact" else subsampled(table, k, seed=k)[0]
        points.append(
            Point(
                k=k,
                mean=sign * mean,
                median=sign * law.quantile(0.5),
                worse=sign * law.quantile(0.95),
                better=sign * law.quantile(0.05),
                failing=law.failing,
                hours=k * hours,
                images=k * images,
            )
        )
    return points


def _finals(rows: Sequence[Outcome]) -> Finals:
    scores = tuple(float(r.reported) for r in rows if not r.failed and r.reported is not None)
    return Finals(rows[0].draw, scores, len(rows) - len(scores))


def _pairs(
    design: Design, variants: Sequence[VariantResult], budgets: Sequence[int]
) -> tuple[Pair, ...]:
    there = [one for one in variants if one.settings]
    laws = {
        (one.label, k): resampled_laws(one.table, k, RESAMPLES, seed=1000 * n + k)
        for n, one in enumerate(there)
        for k in budgets
    }
    pairs = []
    for a, b in combinations(there, 2):
        search = tuple(
            compare((a.table, laws[a.label, k]), (b.table, laws[b.label, k]), k, SHUFFLES)
            for k in budgets
        )
        pairs.append(Pair(a.label, b.label, search, _final_pair(design, a.finals, b.finals)))
    return tuple(pairs)


def _final_pair(design: Design, a: Finals | None, b: Finals | None) -> Comparison | None:
    """Runs of one setting each: those are independent, and drawn anew one by one."""
    if a is None or b is None:
        return None
    sign = 1.0 if design.direction == "min" else -1.0
    laws, samples, tables = [], [], []
    for n, one in enumerate((a, b)):
        costs = [sign * score for score in one.scores] + [math.inf] * one.failures
        table: Table = [[(cost, cost)] for cost in costs]
        tables.append(table)
        laws.append(best_of(table, 1))
        samples.append(resampled_laws(table, 1, RESAMPLES, seed=n + 1))
    pairs: list[tuple[Best, Best]] = list(zip(*samples, strict=True))
    return Comparison(
        probability=beats(*laws),
        probability_in=interval(np.array([beats(*pair) for pair in pairs])),
        difference=gap(*laws),
        difference_in=interval(np.array([gap(*pair) for pair in pairs])),
        by_chance=by_chance(tables[0], tables[1], 1, SHUFFLES),
        settings=(len(laws[0].values), len(laws[1].values)),
    )

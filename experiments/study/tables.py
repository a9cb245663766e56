"""The tables of a study's report: a heading and rows of text, for Markdown and HTML alike."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from experiments.report_page.formatting import count, number, short
from experiments.study.design import OUTCOMES
from experiments.study.outcomes import Outcome
from experiments.study.results import Results, VariantResult
from experiments.study.wording import probability, setting_text, shown_difference


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: above it.
        head: names of the columns.
        rows: cells as text.
        note: below it.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """As Markdown."""
        lines = [f"| {' | '.join(self.head)} |", "|" + "---|" * len(self.head)]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in self.rows]
        note = f"\n{self.note}\n" if self.note else ""
        return f"## {self.title}\n\n" + "\n".join(lines) + f"\n{note}"


def all_tables(results: Results) -> list[Table]:
    """In the order of the report."""
    tables = [_budget(results), _failures(results), _settings(results)]
    if any(one.finals for one in results.variants):
        tables.insert(1, _finals(results))
    if results.pairs:
        tables.append(_pairs(results))
    return tables


def _budget(results: Results) -> Table:
    most = max(one.settings for one in results.variants)
    budgets = sorted({1, max(1, most // 2), most})
    head = ["variant", "settings x seeds"]
    head += [f"best of {k}: median (5-95 %)" for k in budgets] + [f"mean of the best of {most}"]
    rows = []
    for one in results.variants:
        cells = [one.label, f"{one.settings} x {results.design.seeds}"]
        for k in budgets:
            point = one.curve[k - 1] if k <= len(one.curve) else None
            text = "-"
            if point:
                band = f"{score_text(point.better)} to {score_text(point.worse)}"
                text = f"{score_text(point.median)} ({band})"
            cells.append(text)
        cells.append(score_text(one.curve[most - 1].mean) if most <= len(one.curve) else "-")
        rows.append(tuple(cells))
    note = (
        "Scores against reals that have chosen nothing, the better end first. A mean is 'no score' "
        "as long as all of the tried settings may fail."
    )
    return Table(f"Best {results.reported} by budget", tuple(head), tuple(rows), note)


def _finals(results: Results) -> Table:
    rows = []
    for one in results.variants:
        if one.finals is None:
            continue
        found = one.finals
        spread = f"{number(found.mean)} ± {number(found.sd)}" if found.scores else "no score"
        worst = "-"
        if found.scores:
            worst = f"{number(min(found.scores))} to {number(max(found.scores))}"
        runs = len(found.scores) + found.failures
        rows.append((one.label, str(runs), spread, worst, str(found.failures)))
    head = ("variant", "runs", "mean ± sd", "range", "failed")
    note = "Mean, sd and range are of the runs that have a score; failed ones are counted beside."
    return Table("The best setting with new seeds", head, tuple(rows), note)


def _failures(results: Results) -> Table:
    head = ("variant", "runs", *(name.replace("_", " ") for name in OUTCOMES))
    head += ("failed in all", "partial collapse", "hours", "images")
    rows = [
        (
            one.label,
            str(one.runs),
            *(_share(one.outcomes[name], one.runs) for name in OUTCOMES),
            _share(one.failed, one.runs),
            _share(one.partial, one.runs),
            f"{one.hours:.2f}",
            short(one.images),
        )
        for one in results.variants
    ]
    note = (
        "Of the search; hours and images also of final runs. A partial collapse is told and does "
        "not count as a failure."
    )
    return Table("Failures and cost", head, tuple(rows), note)


def score_text(value: float | None) -> str:
    """A score, or that there is none: what a failure counts as has no name of its own."""
    if value is None or not math.isfinite(value):
        return "no score"
    return number(value)


def _share(n: int, of: int) -> str:
    return f"{n} ({n / of:.0%})" if n else "0"


def _settings(results: Results) -> Table:
    head = ("variant", "best setting", "chosen by", "reported", "its best run", "best run of all")
    rows = [_setting_row(one) for one in results.variants]
    note = (
        "The setting with the fewest failed seeds, and of those the best mean of the choosing "
        "score; the score that chose flatters. The best run of all may be another setting's, of "
        "which a seed failed or did worse: its reported score is that of one lucky run."
    )
    return Table("Best settings", head, tuple(rows), note)


def _setting_row(one: VariantResult) -> tuple[str, ...]:
    if one.best is None or one.luckiest is None:
        return one.label, "no run has a score", "-", "-", "-", "-"
    row, other = one.best, one.luckiest
    return (
        one.label,
        setting_text(one.setting),
        number(row.chosen),
        number(row.reported),
        f"{row.key}, at {count(row.chosen_images)} images",
        "the same" if other is row else f"{other.key}: {number(other.reported)}",
    )


def _pairs(results: Results) -> Table:
    rows = []
    for pair in results.pairs:
        for one in (*pair.search, *([pair.final] if pair.final else [])):
            low, high = shown_difference(results, one)
            verdict = "no evidence of a difference"
            if not one.evidence and not one.difference_in.holds(0.0):
                verdict += f": {one.by_chance:.0%} when shuffled"
            if one.evidence:
                verdict = f"{pair.a if one.evidence < 0 else pair.b} is better"
            budget = f"best of {one.k}" if one.k else "final runs"
            difference = (
                f"{number(results.sign * one.difference)} ({number(low)} to {number(high)})"
            )
            settings = f"{one.settings[0]} / {one.settings[1]}"
            cells = (f"{pair.a} - {pair.b}", budget, probability(one), difference)
            rows.append((*cells, settings, verdict))
    head = ("pair", "budget", "first is ahead", "difference of medians", "n", "verdict")
    note = (
        "n: settings of either; for final runs, runs. Intervals of 95 %; one of a single value "
        "says that what was run does not overlap, not that the value is certain. Shuffled: share "
        "of the ways to mix the two that are as far apart, where the interval alone would claim "
        "a difference."
    )
    return Table("Pairs", head, tuple(rows), note)


def results_csv(rows: Sequence[Outcome]) -> str:
    """One line for each run that has ended."""
    text = io.StringIO()
    names = [one.name for one in fields(Outcome)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = asdict(row)
        cells["setting"] = json.dumps(row.setting)
        writer.writerow(["" if cells[name] is None else cells[name] for name in names])
    return text.getvalue()

"""The report of a study: results.csv, report.md, report.html, budget.png, and a run in W&B."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from pathlib import Path

from markupsafe import Markup

from callbacks.durable import write_atomically
from experiments.report_page.frame import page_environment
from experiments.report_page.palette import css_variables
from experiments.study.computing import results_of
from experiments.study.plots import budget_picture
from experiments.study.queue import Queue
from experiments.study.results import Results
from experiments.study.tables import all_tables, results_csv
from experiments.study.wording import protocol_lines, sentences

_HERE = Path(__file__).parent
_STYLES = (_HERE.parent / "report_page" / "page.css", _HERE / "page.css")


def write_report(
    queue: Queue, folder: Path, budget: int | None = None, estimator: str = "exact"
) -> str:
    """Compute and write everything; tells where in a line.

    Args:
        queue: of the study.
        folder: of the study.
        budget: settings at which variants are compared, beside one; None takes half.
        estimator: exact or bootstrap, of the means of the curves.

    Raises:
        ValueError: nothing has ended yet, or the budget is too large.
    """
    results = results_of(queue, budget, estimator)
    picture = budget_picture(results)
    write_atomically(folder / "results.csv", results_csv(results.rows).encode())
    write_atomically(folder / "budget.png", picture)
    write_atomically(folder / "report.md", markdown(results).encode())
    write_atomically(folder / "report.html", page(results, picture).encode())
    from experiments.study.summary_run import send_summary

    send_summary(results, picture, folder, queue.plan)
    done = f"{len(results.rows)} of {results.planned} runs"
    return f"{done}: {folder / 'report.html'}, report.md, results.csv, budget.png"


def markdown(results: Results) -> str:
    """The report as text."""
    parts = [f"# {results.design.name}\n", _state(results) + "\n", "## What may be said\n"]
    parts += [f"- {text}" for text in sentences(results)] or ["- One variant: nothing to compare."]
    parts += ["\n![The best score by budget](budget.png)\n"]
    parts += [table.markdown() for table in all_tables(results)]
    parts += ["## How it was measured\n", *(f"- {text}" for text in protocol_lines(results))]
    return "\n".join(parts) + "\n"


def page(results: Results, picture: bytes) -> str:
    """The report as one HTML file, from which no request ever leaves."""
    vector = budget_picture(results, "svg")
    return (
        page_environment(_HERE)
        .get_template("page.html")
        .render(
            name=results.design.name,
            state=_state(results),
            sentences=sentences(results),
            tables=all_tables(results),
            lines=protocol_lines(results),
            picture=base64.b64encode(vector).decode(),
            written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            # Markup: these files are ours. Everything else is escaped by the environment.
            style=Markup("".join(file.read_text("utf-8") for file in _STYLES)),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )


def _state(results: Results) -> str:
    labels = ", ".join(one.label for one in results.variants)
    done = len(results.rows)
    rest = "" if done == results.planned else f" So far {done} of {results.planned} have ended."
    hours = sum(one.hours for one in results.variants)
    return f"{labels}: {results.planned} runs, {hours:.2f} hours of training and scoring.{rest}"

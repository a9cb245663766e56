"""All tasks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.sentences.jobs import (
    BIBLE,
    GRAMMAR,
    NUMBERS,
    ORACLE,
    REVIEWS,
    REVIEWS_ROOT,
    SENTIMENT,
    SPEECH,
    SUMMARIES,
    VERSES,
)
from benchmarks.sentences.reals import untrained
from benchmarks.sentences.scores import last_scores, plain
from benchmarks.sentences.temperatures import at_temperatures, curves
from benchmarks.trained.task import Measures, Task
from callbacks.metrics.reading import read_all
from datamodules.movie_reviews import COMMAND, DISTRIBUTION
from experiments.opening import OpenedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 20
_ORACLE = ("nll_oracle", "nll_test", "self_bleu4", "unique_share")
_GRAMMAR = ("valid_share", "unique_share", "copy_rate", "fd", "self_bleu4")
_STYLE = ("style_accuracy", "content_bleu4", "reference_bleu4", "reference_exact")
_SPEECH = ("per", "per_insertions", "per_deletions", "per_substitutions", "nll_less_log_usage")
_SUMMARY = ("rouge1", "rouge2", "rougeL")
_NUMBERS = ("reference_exact", "reference_bleu4", "round_trip_bleu4")


def together(*measures: Callable[[OpenedRun], Measures]) -> Callable[[OpenedRun], Measures]:
    """All of several measures."""
    return lambda opened: {k: v for measure in measures for k, v in measure(opened).items()}


_changed = last_scores(*_STYLE, *(f"copy_{name}" for name in _STYLE))


def said(runs: Mapping[str, OpenedRun]) -> str:
    """The first sentences that each generator of seed 0 says, in Markdown."""
    parts = []
    for name, opened in runs.items():
        tokens = opened.module.sample(_SHOWN, generator=torch.Generator().manual_seed(0))
        parts.append("\n".join([f"**{name}**\n", *(f"- {s}" for s in opened.module.words(tokens))]))
    return "\n\n".join(parts)


def rewritten(runs: Mapping[str, OpenedRun]) -> str:
    """The first held-out sentences of a, and what each rewriter of seed 0 makes of them."""
    opened = next(iter(runs.values()))
    inputs = read_all(opened.data().reference("held_out", "a"))[:_SHOWN]
    columns = {"input": opened.module.words(inputs)}
    for name, one in runs.items():
        columns[name] = one.module.words(one.module.rewrite(inputs, *one.module.directions[0]))
    rows = zip(*columns.values(), strict=True)
    lines = [" | ".join(columns), " | ".join("---" for _ in columns), *map(" | ".join, rows)]
    return "\n".join(f"| {line} |" for line in lines)


def oracle_curves(runs: Mapping[str, OpenedRun]) -> Figure:
    """What the oracle thinks of generated sentences, over training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, opened in runs.items():
        rows = opened.run.read_evaluations()
        values = [plain(row["scores"])["nll_oracle"] for row in rows]
        axes.plot([row["images_seen"] for row in rows], values, marker="o", label=name)
    axes.set_title("nats a token, by the network that made the data\nlower is likelier")
    axes.set_xlabel("sentences seen")
    axes.legend()
    return figure


def _of_oracle(data: Any) -> dict[str, Measures]:
    return untrained(data, *_ORACLE)


def _of_grammar(data: Any) -> dict[str, Measures]:
    return untrained(data, *_GRAMMAR)


def _nothing(data: Any) -> dict[str, Measures]:
    return {}


def _no_reviews() -> str:
    found = any(REVIEWS_ROOT.rglob(DISTRIBUTION))
    return "" if found else f"no reviews in {REVIEWS_ROOT}; {COMMAND} --dest {REVIEWS_ROOT}"


TASKS: tuple[Task, ...] = (
    Task(
        "oracle",
        "Do rewards make sentences likelier under the network that made the data?",
        ORACLE,
        together(last_scores(*_ORACLE), at_temperatures("nll_oracle", "self_bleu4")),
        _of_oracle,
        picture=oracle_curves,
    ),
    Task(
        "grammar",
        "Does a relaxed game learn the rules of sums, which it is never told?",
        GRAMMAR,
        together(last_scores(*_GRAMMAR), at_temperatures("valid_share", "unique_share")),
        _of_grammar,
        samples=said,
    ),
    Task(
        "verses",
        "Does a game from scratch say verses as well as likelihood does, at any temperature?",
        VERSES,
        at_temperatures("fd", "self_bleu4"),
        _nothing,
        picture=curves,
        samples=said,
    ),
    Task(
        "sentiment",
        "Does the opinion change, and nothing else?",
        SENTIMENT,
        _changed,
        _nothing,
        samples=rewritten,
    ),
    Task(
        "bible",
        "Does old English become modern English, without a verse in both?",
        BIBLE,
        _changed,
        _nothing,
        samples=rewritten,
    ),
    Task(
        "reviews",
        "Do real reviews change their opinion?",
        REVIEWS,
        _changed,
        _nothing,
        samples=rewritten,
        missing=_no_reviews,
    ),
    Task(
        "numbers",
        "Are numbers translated that were never seen in both languages?",
        NUMBERS,
        last_scores(*_NUMBERS),
        _nothing,
        samples=rewritten,
    ),
    Task(
        "summaries",
        "Is the news found, by summaries of other articles alone?",
        SUMMARIES,
        last_scores(*_SUMMARY, *(f"lead_{name}" for name in _SUMMARY)),
        _nothing,
        samples=rewritten,
    ),
    Task(
        "speech",
        "Is speech understood without a transcript?",
        SPEECH,
        last_scores(*_SPEECH),
        _nothing,
    ),
)

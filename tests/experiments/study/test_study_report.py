"""The report says what the numbers allow, counts failures, and holds no request to anywhere."""

import csv
import io
import math
import re
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from experiments.study import plots
from experiments.study.computing import results_of
from experiments.study.plan import FINAL
from experiments.study.queue import Queue
from experiments.study.report import markdown, page, write_report
from experiments.study.status import status_text
from experiments.study.trials import OUTCOME, RUN
from experiments.study.wording import sentences
from tests.experiments.study.conftest import GIVEN, made


def filled(url: str, score: Any, limit: int | None = None, **changes: Any) -> Queue:
    """A study with made-up results: ``score(variant, draw, seed)`` or an outcome in words."""
    queue = made(url, **changes)
    while limit is None or limit > 0:
        trial = queue.claim()
        if trial is None:
            return queue
        run = trial.user_attrs[RUN]
        value = score(run["variant"], run["draw"] if run["stage"] != FINAL else 0, run["seed"])
        values: dict[str, Any] = {OUTCOME: "finished", "chosen": value, "seconds": 36.0}
        if isinstance(value, str):
            values |= {OUTCOME: value, "chosen": 1.0}
        chosen = values["chosen"]
        queue.finish(
            trial,
            # What chose flatters: the reported score is half a point worse.
            {**values, "reported": chosen + 0.5, "images_seen": 1000, "chosen_images": 900},
            chosen,
            "COMPLETE",
        )
        limit = None if limit is None else limit - 1
    return queue


def ranked(variant: str, draw: int, seed: int) -> float:
    return {"a": 10.0, "b": 30.0}[variant] + draw + 0.1 * seed


def test_a_difference_is_said_only_where_it_is_shown(url: str) -> None:
    results = results_of(filled(url, ranked, draws=8, final_seeds=6))
    said = sentences(results)
    assert len(said) == 3 and all(text.startswith("a is better than b") for text in said)
    assert "after 4 settings: ahead with probability 1.00 (1.00 to 1.00)" in " ".join(said)
    assert "6 and 6 final runs" in " ".join(said)
    first = results.variants[0]
    assert first.chosen_draw == 0 and first.best is not None
    assert (first.best.chosen, first.best.reported) == (10.0, 10.5)
    # Reported, not chosen; the best of all with equal shares of its two seeds.
    assert first.curve[-1].mean == pytest.approx(10.55)
    assert first.finals is not None and len(first.finals.scores) == 6
    assert first.hours == pytest.approx((16 + 6) * 0.01) and first.images == 22_000


def test_no_evidence_is_said_in_these_words_with_the_numbers_of_settings(url: str) -> None:
    results = results_of(filled(url, lambda variant, draw, seed: float((draw * 7) % 5 + seed)))
    for text in sentences(results):
        assert text.startswith("No evidence of a difference between a and b")
    assert any("from 3 and 3 settings with 2 seeds each" in text for text in sentences(results))


def test_many_pairs_without_evidence_are_named_by_budget(url: str) -> None:
    variants = [{**GIVEN["variants"][0], "label": name} for name in "abc"]

    def score(variant: str, draw: int, seed: int) -> float:
        return {"a": 10.0, "b": 10.0, "c": 80.0}[variant] + (draw * 7) % 5 + 0.1 * seed

    queue = filled(url, score, draws=8, final_seeds=2, variants=variants)
    said = sentences(results_of(queue))
    assert [text.split(",")[0].split(":")[0] for text in said] == [
        "a is better than c after 1 setting",
        "a is better than c after 4 settings",
        "b is better than c after 1 setting",
        "b is better than c after 4 settings",
        "No evidence of a difference after 1 setting",
        "No evidence of a difference after 4 settings",
        "No evidence of a difference at their best settings",
    ]
    assert said[4].endswith("in 1 of 3 pairs: a vs b.")
    assert said[6].endswith("in any of the 3 pairs.")
    # Two runs against two are as far apart in two of the six ways to mix them.
    assert re.search(r"no evidence of a difference: \d+% when", markdown(results_of(queue)))


def test_three_settings_are_never_evidence(url: str) -> None:
    results = results_of(filled(url, ranked, final_seeds=0))
    assert [one.evidence for pair in results.pairs for one in pair.search] == [0]
    assert "settings shuffled between them are as far apart" in sentences(results)[0]


def test_failures_are_counted_and_count_as_the_worst(url: str) -> None:
    def score(variant: str, draw: int, seed: int) -> Any:
        return "collapsed" if variant == "b" and draw < 2 else ranked(variant, draw, seed)

    results = results_of(filled(url, score, final_seeds=0))
    b = results.variants[1]
    assert (b.failed, b.outcomes["collapsed"], b.chosen_draw) == (4, 4, 2)
    assert b.curve[0].mean == b.curve[0].median == math.inf
    assert b.curve[0].failing == pytest.approx(2 / 3) and b.curve[2].mean == pytest.approx(32.55)
    assert "4 (67%)" in markdown(results)


def test_a_lucky_run_whose_other_seed_failed_is_told_beside_the_best_setting(url: str) -> None:
    def score(variant: str, draw: int, seed: int) -> Any:
        if draw == 1:
            return "collapsed" if seed else 1.0
        return 10.0 + draw + seed

    results = results_of(filled(url, score, final_seeds=0))
    a = results.variants[0]
    assert a.chosen_draw == 0 and a.best is not None and a.luckiest is not None
    assert (a.best.key, a.best.reported) == ("a-000-seed0", 10.5)
    assert (a.luckiest.key, a.luckiest.reported) == ("a-001-seed0", 1.5)
    assert "| a-000-seed0, at 900 images | a-001-seed0: 1.500 |" in markdown(results)


@pytest.mark.parametrize(("metric", "edge"), [("fd", 1), ("coverage", 0)])
def test_a_band_without_a_score_reaches_the_worse_edge(url: str, metric: str, edge: int) -> None:
    def score(variant: str, draw: int, seed: int) -> Any:
        return "collapsed" if draw < 2 else ranked(variant, draw, seed)

    results = results_of(filled(url, score, metric=metric, final_seeds=0))
    limits, axes = plots._limits(results), mock.MagicMock()
    plots._banded(axes, results, 0, results.variants[0], limits)
    _, worse, better = axes.fill_between.call_args.args
    first = results.variants[0].curve[0]
    assert math.isinf(first.worse) and worse[0] == limits[edge]
    assert all(limits[0] < value < limits[1] for value in better)


def test_a_higher_score_may_be_better(url: str) -> None:
    results = results_of(filled(url, ranked, metric="coverage", draws=8, final_seeds=0))
    assert all(text.startswith("b is better than a") for text in sentences(results))
    curve = results.variants[1].curve
    assert curve[0].median < curve[-1].median and curve[0].worse < curve[0].better


def test_all_files_are_written_and_the_page_asks_nobody(url: str, tmp_path: Path) -> None:
    queue = filled(url, ranked)
    line = write_report(queue, tmp_path)
    assert line.startswith("16 of 16 runs")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    assert len(rows) == 16 and {row["variant"] for row in rows} == {"a", "b"}
    assert (tmp_path / "budget.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "report.html").read_text()
    assert "http" not in text.replace("http-equiv", "") and "<script" not in text
    words = (tmp_path / "report.md").read_text()
    for table in ("by budget", "with new seeds", "Failures and cost", "Best settings", "Pairs"):
        assert table in words and table in text
    assert "the held-out reals, which have chosen nothing" in words


def test_names_are_escaped_in_the_page(url: str) -> None:
    results = results_of(filled(url, ranked, draws=1, seeds=1, final_seeds=0))
    object.__setattr__(results.variants[0], "label", "<b>&")
    assert "&lt;b&gt;&amp;" in page(results, b"") and "<td><b>" not in page(results, b"")


def test_before_the_end_it_says_how_far_it_is_and_before_the_beginning_it_refuses(
    url: str,
) -> None:
    queue = made(url)
    with pytest.raises(ValueError, match="got none of 16 runs ended"):
        results_of(queue)
    queue = filled(url, ranked, limit=5)
    assert "So far 5 of 16 have ended" in markdown(results_of(queue))
    with pytest.raises(ValueError, match="budget must be at most 1.*got 4"):
        results_of(queue, budget=4)
    queue.claim()
    text = status_text(queue)
    assert "tiny: 5 of 16 runs have ended" in text and "worker" in text
    # Eleven left at 36 s each with one at work.
    assert "about 6 min 36 s left with 1 at work" in text


def test_the_bootstrap_estimator_agrees(url: str) -> None:
    queue = filled(url, ranked, draws=4, final_seeds=0)
    exact, drawn = results_of(queue), results_of(queue, estimator="bootstrap")
    for one, other in zip(exact.variants[0].curve, drawn.variants[0].curve, strict=True):
        assert other.mean == pytest.approx(one.mean, abs=0.06)

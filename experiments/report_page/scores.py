"""Section "Scores": curves with their floor, one table per protocol, runs side by side."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.report_page.chart import Chart, Series, draw
from experiments.report_page.curves import Axis, Curve
from experiments.report_page.protocols import Protocols, best_of, differences, direction, spread_of
from experiments.report_page.records import Evaluation, Run

_ORDER = (
    "fid_clean",
    "fid",
    "fd",
    "kid_clean",
    "kid",
    "kd",
    "precision",
    "recall",
    "density",
    "coverage",
    "is",
    "cs",
    "confidence",
    "effective_classes",
    "entropy_of_mean",
    "entropy",
)
_WEIGHTS = {"ema": "averaged", "raw": "raw"}


@dataclass(frozen=True)
class ScoreCharts:
    """The charts of one protocol: scores with a good direction, and numbers that describe."""

    judging: list[Chart]
    describing: list[Chart]


@dataclass(frozen=True)
class ScoreRow:
    """One evaluation: a cell per score, ``(value, standard error, is the best of its column)``."""

    evaluation: Evaluation
    weights: str
    cells: list[tuple[float | None, float | None, bool]]
    of_best_checkpoint: bool


@dataclass(frozen=True)
class ScoreTable:
    """The evaluations of one run under one protocol; ``floors`` are the newest of each score.

    ``names`` are whole, ``stems`` without ``suffix``, which all of them share (or which is empty).
    """

    letter: str
    names: list[str]
    stems: list[str]
    suffix: str
    hints: list[str]
    rows: list[ScoreRow]
    floors: list[float | None]


@dataclass(frozen=True)
class Cell:
    """A score of one run in the comparison; ``value`` is ``None`` when it was not scored."""

    value: float | None
    floor: float | None
    best: bool


@dataclass(frozen=True)
class Comparison:
    """Runs side by side: per run why it takes no part (or ``""``), per score one cell a run."""

    refusals: list[str]
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Judged:
    """What stands for a run in the comparison: its best checkpoint, or its newest evaluation."""

    what: str
    images_seen: int
    protocol: dict[str, Any]
    scores: dict[str, float]
    floor: dict[str, float]


def by_protocol(run: Run, protocols: Protocols) -> dict[str, list[Evaluation]]:
    """The evaluations of a run under the letter of their protocol, in order of images seen."""
    groups: dict[str, list[Evaluation]] = {}
    for evaluation in run.evaluations:
        letter = protocols.letter(evaluation.protocol)
        groups.setdefault(letter, []).append(evaluation)
    return groups


def score_charts(
    runs: Sequence[Run], labels: Sequence[str], x_axis: Axis, protocols: Protocols
) -> dict[str, ScoreCharts]:
    """Under the letter of each protocol one chart a score: unlike protocols share no axis."""
    series: dict[tuple[str, str], list[Series]] = {}
    for slot, (run, label) in enumerate(zip(runs, labels, strict=True)):
        for letter, evaluations in by_protocol(run, protocols).items():
            kinds = list(dict.fromkeys(e.generator for e in evaluations))
            for place, kind in enumerate(kinds):
                weights = f"{_WEIGHTS.get(kind, kind)} generator"
                name = weights if len(runs) == 1 else label
                if len(runs) > 1 and len(kinds) > 1:
                    name = f"{label}, {weights}"
                colour = slot if len(runs) > 1 else place
                mine = [e for e in evaluations if e.generator == kind]
                for score in _names(e.scores for e in mine):
                    line = _series(name, colour, score, mine)
                    series.setdefault((score, letter), []).append(line)
    charts: dict[str, ScoreCharts] = {}
    for score, letter in sorted(series, key=lambda k: (k[1], _rank(k[0]))):
        good = direction(score)
        chart = draw(
            stem(score),
            series[score, letter],
            x_axis,
            suffix=score.removeprefix(stem(score)),
            hint=f"{good} is better" if good else "",
        )
        group = charts.setdefault(letter, ScoreCharts([], []))
        (group.judging if good else group.describing).append(chart)
    return charts


def _series(name: str, colour: int, score: str, evaluations: Sequence[Evaluation]) -> Series:
    rows = [e for e in evaluations if score in e.scores]
    curve = Curve([float(e.images_seen) for e in rows], [e.scores[score] for e in rows])
    floors = [e.floor[score] for e in rows if math.isfinite(e.floor.get(score, math.nan))]
    floor = floors[-1] if floors else None
    top = best_of(score, curve.y) if len(curve.y) > 1 else None
    best = None if top is None else (curve.x[curve.y.index(top)], top)
    return Series(name, curve, colour, floor, best)


def _names(scores: Iterable[dict[str, float]]) -> list[str]:
    """All scores in the order of the page; a standard error stands beside its score instead."""
    return sorted({n for values in scores for n in values if spread_of(n) is None}, key=_rank)


def _spreads(scores: dict[str, float]) -> dict[str, float]:
    """The standard error or deviation of each score that has one, under the score's name."""
    pairs = [(spread_of(name), value) for name, value in scores.items()]
    return {base: value for base, value in pairs if base is not None}


def stem(score: str) -> str:
    """What is measured, without feature space and number of samples: ``fd`` of ``fd_x@2k``."""
    known = next((kind for kind in _ORDER if score.startswith((f"{kind}_", f"{kind}@"))), None)
    return known or score.partition("@")[0]


def _rank(score: str) -> tuple[int, str]:
    """Distances first, then shares, then classifier scores, then what has no good direction."""
    known = _ORDER.index(stem(score)) if stem(score) in _ORDER else len(_ORDER)
    return known, score


def score_tables(run: Run, protocols: Protocols) -> list[ScoreTable]:
    """One table for each protocol of a run; a best value is the best of its own table only."""
    return [
        _table(run, letter, evaluations)
        for letter, evaluations in by_protocol(run, protocols).items()
    ]


def _table(run: Run, letter: str, evaluations: Sequence[Evaluation]) -> ScoreTable:
    names = _names(e.scores for e in evaluations)
    columns = {n: [e.scores[n] for e in evaluations if n in e.scores] for n in names}
    best = {n: best_of(n, column) if len(column) > 1 else None for n, column in columns.items()}
    checkpoint = run.best_checkpoint
    rows = [
        ScoreRow(
            evaluation=e,
            weights=_WEIGHTS.get(e.generator, e.generator),
            cells=[
                (e.scores.get(n), spread.get(n), n in e.scores and e.scores[n] == best[n])
                for n in names
            ],
            of_best_checkpoint=checkpoint is not None
            and e.images_seen == checkpoint.images_seen
            and all(e.scores.get(n) == v or v != v for n, v in checkpoint.scores.items()),
        )
        for e, spread in ((e, _spreads(e.scores)) for e in evaluations)
    ]
    floors = [
        next((e.floor[n] for e in reversed(evaluations) if n in e.floor), None) for n in names
    ]
    hints = [{"lower": "↓", "higher": "↑"}.get(direction(n), "") for n in names]
    suffixes = {n.removeprefix(stem(n)) for n in names}
    suffix = suffixes.pop() if len(suffixes) == 1 else ""
    stems = [n.removesuffix(suffix) for n in names]
    return ScoreTable(letter, names, stems, suffix, hints, rows, floors)


def judged(run: Run) -> Judged | None:
    """The scores that stand for a run; ``None`` for a run that was never evaluated."""
    best = run.best_checkpoint
    if best is not None and best.scores:
        floor = next(
            (e.floor for e in reversed(run.evaluations) if e.protocol == best.protocol), {}
        )
        return Judged("best checkpoint", best.images_seen, best.protocol, best.scores, floor)
    if run.evaluations:
        last = run.evaluations[-1]
        return Judged("newest evaluation", last.images_seen, last.protocol, last.scores, last.floor)
    return None


def compare(runs: Sequence[Run], labels: Sequence[str]) -> Comparison:
    """Compare the judged scores; the protocol of the first evaluated run is the measure.

    Scores of a run with another protocol are not shown: its refusal says what differs.
    """
    subjects = [judged(run) for run in runs]
    protocols = [subject.protocol if subject else None for subject in subjects]
    measure = next((i for i, protocol in enumerate(protocols) if protocol is not None), 0)
    refusals = [_refusal(p, protocols[measure], labels[measure]) for p in protocols]
    like = [None if refused else s for s, refused in zip(subjects, refusals, strict=True)]
    rows = []
    for name in _names(s.scores for s in like if s):
        values = [s.scores[name] for s in like if s and name in s.scores]
        best = best_of(name, values) if len(values) > 1 else None
        rows.append((name, [_cell(s, name, best) for s in like]))
    return Comparison(refusals, rows)


def _refusal(protocol: dict[str, Any] | None, measure: dict[str, Any] | None, label: str) -> str:
    if protocol is None or measure is None:
        return "not evaluated yet"
    unlike = differences(protocol, measure)
    if not unlike:
        return ""
    more = f" and {len(unlike) - 3} more" if len(unlike) > 3 else ""
    return f"different protocol: {'; '.join(unlike[:3])}{more} as in {label}"


def _cell(subject: Judged | None, name: str, best: float | None) -> Cell:
    if subject is None or name not in subject.scores:
        return Cell(None, None, False)
    value = subject.scores[name]
    return Cell(value, subject.floor.get(name), value == best)

"""Put the sections together and render ``page.html``: one file, no request ever leaves it."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup

from callbacks.retention import Retention
from experiments.report_page import formatting
from experiments.report_page.curves import images_axis
from experiments.report_page.frame import page_environment
from experiments.report_page.health import panels
from experiments.report_page.palette import css_variables, style_of
from experiments.report_page.pictures import viewers
from experiments.report_page.protocols import Protocols, flat
from experiments.report_page.records import Run
from experiments.report_page.scores import (
    compare,
    judged,
    score_charts,
    score_tables,
)
from experiments.report_page.sentences import excerpts
from experiments.report_page.training import training_charts
from experiments.report_page.translations import all_answers

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Best:
    """The best checkpoint in one line: its leading score and the floor of that score."""

    score: str
    value: float
    floor: float | None
    images_seen: int


@dataclass(frozen=True)
class Subject:
    """One run as the template sees it: its records, its label and colour, its headline."""

    run: Run
    label: str
    colour: int
    dash: int
    variant: str
    data: str
    best: Best | None
    commands: list[tuple[str, str]]


def render(runs: Sequence[Run]) -> str:
    """The whole page as text.

    Args:
        runs: one run, or several to be overlaid; the first is the measure of the comparison.
    """
    labels = labels_of(runs)
    x_axis = images_axis([float(run.images_seen or 0) for run in runs])
    protocols = Protocols()
    subjects = [_subject(run, labels[slot], slot) for slot, run in enumerate(runs)]
    training = training_charts(runs, labels, x_axis)
    charts = score_charts(runs, labels, x_axis, protocols)
    tables = [score_tables(run, protocols) for run in runs]
    judgements = [judged(run) for run in runs]
    letters = [protocols.letter(j.protocol) if j else "" for j in judgements]
    script = (_HERE / "page.js").read_text("utf-8")
    style = "".join((_HERE / name).read_text("utf-8") for name in ("page.css", "health.css"))
    attributions = [str(run.info.get("attribution") or "").strip() for run in runs]
    return (
        _environment()
        .get_template("page.html")
        .render(
            subjects=subjects,
            many=len(runs) > 1,
            title=labels[0] if len(runs) == 1 else f"{len(runs)} runs: {', '.join(labels)}",
            comparison=compare(runs, labels),
            judgements=judgements,
            letters=letters,
            score_charts=charts,
            score_tables=tables,
            protocols=protocols.rows(),
            caveats=protocols.caveats(),
            training_charts=training,
            health=panels(runs, labels),
            smooth=any(line.trend for chart in training for line in chart.lines),
            viewers=viewers(runs, labels),
            excerpts=excerpts(runs, labels),
            translations=all_answers(runs),
            setting_names=["settings"] if len(runs) == 1 else [f"settings of {x}" for x in labels],
            differing=differing_settings(runs) if len(runs) > 1 else [],
            attributions=list(dict.fromkeys(text for text in attributions if text)),
            written=datetime.now(timezone.utc).isoformat(),
            # Markup: these files are ours. Everything else is escaped by the environment.
            script=Markup(script),
            style=Markup(style),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def labels_of(runs: Sequence[Run]) -> list[str]:
    """Names of the runs; where two are alike, the folder is added."""
    names = [run.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({run.path})"
        for name, run in zip(names, runs, strict=True)
    ]


def differing_settings(runs: Sequence[Run]) -> list[tuple[str, list[str | None]]]:
    """The settings in which the config.yaml of the runs differ, and the values; None: not set."""
    trees = []
    for run in runs:
        try:
            trees.append(flat(yaml.safe_load(run.config or "") or {}))
        except yaml.YAMLError as error:
            trees.append({})
            run.problems.append(f"config.yaml: not compared. {' '.join(str(error).split())}")
    keys = list(dict.fromkeys(key for tree in trees for key in tree))
    rows = [(key, [tree.get(key) for tree in trees]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _subject(run: Run, label: str, slot: int) -> Subject:
    colour, dash = style_of(slot)
    folder = shlex.quote(str(run.path.resolve()))
    commands = []
    if run.checkpoints:
        if run.health and run.health.commands and run.health.history.lost_now:
            commands.append(("Go back to before the fall", run.health.commands[0][1]))
        commands.append(("Go on from the last checkpoint", f"ganagerie resume {folder}"))
        if run.best is not None and run.best != run.last:
            commands.append(("Go on from the best", f"ganagerie resume {folder} --from best"))
        commands.append(("Draw samples from the best", f"ganagerie sample {folder}"))
        commands.append(("Score the best once more", f"ganagerie evaluate {folder}"))
    return Subject(
        run=run,
        label=label,
        colour=colour,
        dash=dash,
        variant=str(run.info.get("variant") or "unknown variant").rpartition(".")[2],
        data=str(run.info.get("data_name") or run.info.get("data") or "unknown data"),
        best=_best(run),
        commands=commands,
    )


def _best(run: Run) -> Best | None:
    checkpoint, judgement = run.best_checkpoint, judged(run)
    if checkpoint is None or judgement is None or not checkpoint.scores:
        return None
    names = list(checkpoint.scores)
    name = Retention().score_name({"scores": checkpoint.scores}) or names[0]
    floor = judgement.floor.get(name)
    return Best(name, checkpoint.scores[name], floor, checkpoint.images_seen)


def _environment() -> jinja2.Environment:
    environment = page_environment()
    for name in ("number", "count", "short", "duration", "size", "moment", "sentence"):
        environment.filters[name] = getattr(formatting, name)
    return environment

"""The words about a run's health that the command, the report and the alert have in common."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from callbacks.collapse.history import History
from callbacks.collapse.moments import Break, Fall, Moment
from callbacks.collapse.records import LOST
from callbacks.run_folder import RunFolder

#: Keys of pictures: sample grids at probes, the curve of the score, and the grids around an alarm.
GRIDS = "health"
SCORE_FIGURE = "collapse/health"
FALL_FIGURE = "collapse/grids"


def resume_command(run: RunFolder) -> str:
    """What goes back to before a fall, with a new seed and half of every rate the run has.

    Args:
        run: its folder; config.yaml names the rates.
    """
    rates = "".join(f" --set '{name}*=0.5'" for name in _rates(run))
    return f"{plain_command(run)} --seed +1{rates}"


def plain_command(run: RunFolder) -> str:
    """What goes back to before a fall and changes nothing."""
    return f"ganagerie resume {shlex.quote(str(run.path))} --from pre-collapse"


def _rates(run: RunFolder) -> list[str]:
    """Names of the learning rates among the settings of the module."""
    model = read_settings(run).get("model")
    arguments = model.get("init_args") if isinstance(model, dict) else None
    return [
        f"model.init_args.{name}"
        for name, value in (arguments if isinstance(arguments, dict) else {}).items()
        if str(name).endswith("_lr") and isinstance(value, float) and value > 0
    ]


def read_settings(run: RunFolder) -> Mapping[str, Any]:
    """Content of config.yaml; empty where there is none, or none that can be read."""
    try:
        content = yaml.safe_load(run.config_path.read_text("utf-8", errors="replace"))
    except (OSError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def headline(history: History) -> str:
    """One sentence on the generator as it is now."""
    now, fall = history.now, history.fall
    if now is None:
        return "No probe yet"
    verdict, words = now.verdict, _score(now)
    reason = f": {verdict.reason}" if verdict.reason else ""
    if verdict.state in LOST:
        level = ""
        if verdict.peak is not None and verdict.score is not None:
            level = f", score {verdict.score:.2f} after {verdict.peak:.2f}"
        since = fall.onset if fall and fall.onset is not None else now.images_seen
        severity = verdict.severity if verdict.state == "collapsed" else None
        degree = {"full": "fully", "partial": "partly"}.get(str(severity), "")
        text = f"{degree} {verdict.state}" if degree else verdict.state
        return f"{text.capitalize()} since {since:,} images{level}"
    if verdict.state == "suspect":
        since = now.images_seen if verdict.onset is None else verdict.onset
        return f"Suspect since {since:,} images, {words}{reason}"
    if verdict.state == "recovered":
        return f"Recovering, {words}; {_past(history)}"
    if verdict.state == "never_learned":
        return f"Never learned, {words} after {count(len(history.path), 'probe')}"
    if verdict.state == "warmup":
        text = f"Warming up, {words}{reason}; no alarm is possible yet"
    else:
        text = f"Healthy, {words}{reason}"
    if fall is None:
        return text
    return f"{text}; {_past(history)}"


def advice(history: History, chosen: int | None) -> str:
    """Where to go back to; empty while the generator is well.

    Args:
        history: of the run.
        chosen: images_seen of the best checkpoint before the fall, if there is one.
    """
    if history.now is None or history.now.verdict.state not in ("suspect", *LOST):
        return ""
    if chosen is None:
        return "There is no checkpoint to go back to"
    return f"The best checkpoint before that is of {chosen:,} images"


def way_title(history: History) -> str:
    """What the commands are for."""
    if history.now is not None and history.now.verdict.state in ("suspect", *LOST):
        return "Go back to before the fall"
    return "Go on from the best checkpoint"


def fall_line(fall: Fall) -> str:
    """One sentence on a fall: when it was noticed, when it began, how it ended."""
    parts = [f"alarm at {fall.alarm.images_seen:,} images (probe {fall.alarm.probe})"]
    if fall.onset is not None and fall.delay is not None:
        delay = f"{count(fall.delay, 'probe')} before" if fall.delay else "the same probe"
        parts.append(f"onset at {fall.onset:,} ({delay})")
    if fall.end:
        parts.append(fall.end)
    return ", ".join(parts)


def break_line(found: Break) -> str:
    """One sentence on a rollback, a rebaseline, a fork or an error of the monitor."""
    if found.event == "rollback":
        text = f"Rolled back from {found.at:,} to {found.images_seen:,} images"
        changes = ", ".join(f"{name} {_plain(value)}" for name, value in found.changes.items())
        return f"{text}; {changes}" if changes else text
    names = {
        "rebaseline": "New baseline",
        "begin": "Fork begins",
        "evaluation_error": "Error of the monitor",
    }
    name = names.get(found.event, found.event.replace("_", " ").capitalize())
    text = f"{name} at {found.images_seen:,} images"
    return f"{text}: {found.note}" if found.note else text


def count(number: int, thing: str) -> str:
    """A number with its noun: ``1 probe``, ``2 probes``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _score(moment: Moment) -> str:
    score = moment.verdict.score
    return "no finite score" if score is None else f"score {score:.2f}"


def _past(history: History) -> str:
    falls = history.falls
    last = falls[-1]
    if len(falls) == 1:
        return f"after one {last.name} (alarm at {last.alarm.images_seen:,} images, {last.end})"
    return (
        f"after {len(falls)} falls (the last alarm at {last.alarm.images_seen:,} images, "
        f"{last.end})"
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The text of ``ganagerie health``: made for 80 columns, coloured on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from callbacks.collapse.candidates import Candidate
from callbacks.collapse.history import History
from callbacks.collapse.moments import Break, Fall, Span
from callbacks.collapse.wording import advice, break_line, count, fall_line, headline, way_title
from callbacks.run_folder import RunFolder
from experiments.health_replay import Replay
from experiments.run_health import RunHealth

STYLES = {
    "warmup": "dim",
    "healthy": "green",
    "suspect": "yellow",
    "collapsed": "bold red",
    "recovered": "cyan",
    "diverged": "bold magenta",
    "never_learned": "yellow",
}
_GROUPS = 8


def show(run: RunFolder, health: RunHealth, replay: Replay | None) -> None:
    """Print the whole text.

    Args:
        run: its folder.
        health: of the run.
        replay: to be shown below, if one was asked for.
    """
    page = _Page()
    history = health.history
    state = history.now.verdict.state if history.now else "warmup"
    sentences = [headline(history), advice(history, health.chosen_images)]
    page.wrapped(" ".join(f"{sentence}." for sentence in sentences if sentence), STYLES[state])
    page.line(Text(f"{run.path}", "dim"))
    if history.story:
        _states(page, history)
    for number, fall in enumerate(history.falls, start=1):
        _fall(page, fall, number if len(history.falls) > 1 else 0)
    _remarks(page, history)
    _groups(page, history)
    _checkpoints(page, health)
    if health.commands:
        page.title(way_title(history))
        for what, command in health.commands:
            page.line(Text(f"  {what}:", "dim"))
            # In one piece, so that it can be copied.
            page.line(Text(f"    {command}"))
    if health.why_none:
        page.title("Nothing to go back to")
        page.wrapped(f"{health.why_none}.", first="  ")
    if replay is not None:
        _replay(page, replay)


class _Page:
    """Lines of at most 100 columns, 80 where the output is no terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.width = min(self.console.width, 100)

    def line(self, text: Text | str = "") -> None:
        # Soft: what is longer than the screen is broken by the terminal alone.
        self.console.print(text if isinstance(text, Text) else Text(text), soft_wrap=True)

    def title(self, words: str) -> None:
        self.line()
        self.line(Text(words, "bold"))

    def wrapped(self, words: str, style: str = "", first: str = "", rest: str = "") -> None:
        """A paragraph; ``first`` and ``rest`` stand before its lines."""
        lines = textwrap.wrap(
            words,
            max(20, self.width - 1),
            initial_indent=first,
            subsequent_indent=rest or " " * len(first),
            break_on_hyphens=False,
        )
        for line in lines or [first.rstrip()]:
            self.line(Text(line, style))

    def items(self, label: str, lines: Iterable[str]) -> None:
        """Lines under one label at their left."""
        for number, line in enumerate(lines):
            self.wrapped(line, first=f"  {'' if number else label:<9} ", rest=" " * 12)

    def table(self, rows: Sequence[Sequence[str] | str], align: str, styles: Sequence[str]) -> None:
        """Aligned columns; the last one is wrapped, and a row of one string is a line of its own.

        Args:
            rows: the first one is the head.
            align: a letter for each column: l or r.
            styles: one for each row.
        """
        cells = [row for row in rows if not isinstance(row, str)]
        wide = [max(len(row[k]) for row in cells) for k in range(len(align) - 1)]
        left = sum(wide) + 2 * len(wide) + 2
        room = max(20, self.width - 1 - left)
        for row, style in zip(rows, styles, strict=True):
            if isinstance(row, str):
                self.wrapped(row, "bold", first="  ", rest="    ")
                continue
            start = "  " + "".join(
                (cell.rjust(size) if side == "r" else cell.ljust(size)) + "  "
                for cell, size, side in zip(row, wide, align, strict=False)
            )
            first, *more = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
            self.line(Text((start + first).rstrip(), style))
            for line in more:
                self.line(Text(" " * left + line, style))


def _states(page: _Page, history: History) -> None:
    page.title("States")
    rows: list[Sequence[str] | str] = [["images seen", "probes", "score", "state"]]
    styles = ["dim"]
    for part in history.story:
        rows.append(break_line(part) if isinstance(part, Break) else _span(part))
        styles.append("" if isinstance(part, Break) else STYLES[part.state])
    page.table(rows, "rrrl", styles)
    if history.real is not None:
        low, median = history.real
        page.line(Text(f"  Real samples score {median:.2f}, {low:.2f} at the least.", "dim"))


def _span(span: Span) -> list[str]:
    images = _range(f"{span.first.images_seen:,}", f"{span.last.images_seen:,}")
    probes = _range(str(span.first.probe), str(span.last.probe))
    scores = span.scores
    score = "not finite" if scores is None else _range(f"{scores[0]:.2f}", f"{scores[1]:.2f}")
    return [images, probes, score, span.name]


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} – {high}"


def _fall(page: _Page, fall: Fall, number: int) -> None:
    name = fall.name.capitalize()
    page.title(f"{number}. {name}" if number else name)
    verdict = fall.alarm.verdict
    page.items("when", [fall_line(fall)])
    page.items("reason", [verdict.reason] if verdict.reason else [])
    if verdict.lost_share is not None:
        page.items("lost", [f"about {verdict.lost_share:.0%} of the modes"])
    page.items("evidence", verdict.evidence)
    page.items("findings", verdict.findings)
    page.items("signs", fall.alarm.warnings)


def _remarks(page: _Page, history: History) -> None:
    findings, warnings = history.remarks()
    if findings or warnings:
        page.title("At the newest probe")
    page.items("findings", findings)
    page.items("signs", warnings)


def _groups(page: _Page, history: History) -> None:
    """Classes or directions from the lowest score up."""
    if not history.groups:
        return
    page.title("Score by class" if history.groups[0].startswith("class ") else "Score by direction")
    rows: list[Sequence[str] | str] = [["now", "best", "group"]]
    for name, score, best in history.group_scores()[:_GROUPS]:
        rows.append([_number(score), _number(best), name])
    page.table(rows, "rrl", ["dim", *[""] * (len(rows) - 1)])
    if len(history.groups) > _GROUPS:
        page.line(f"  and {len(history.groups) - _GROUPS} more with higher scores")


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _checkpoints(page: _Page, health: RunHealth) -> None:
    if not health.candidates:
        page.title("No checkpoint yet")
        return
    page.title(f"Checkpoints{f' by {health.score}' if health.score else ''}")
    rows: list[Sequence[str] | str] = [["", "images seen", "score", "to go back to?"]]
    styles = ["dim"]
    for same in _folded(health.candidates):
        one = same[0]
        if len(same) > 1:
            images = [f"{each.row['images_seen']:,}" for each in (one, same[-1])]
            rows.append(["–", _range(*images), "", f"{len(same)} checkpoints: {one.why}"])
            styles.append("dim")
            continue
        value = (one.row.get("scores") or {}).get(health.score)
        mark = "★" if one.chosen else ("–" if not one.eligible else str(one.rank or ""))
        rows.append(
            [
                mark,
                f"{one.row['images_seen']:,}",
                "—" if value is None else f"{value:#.4g}".rstrip("."),
                one.why,
            ]
        )
        styles.append("bold green" if one.chosen else "" if one.eligible else "dim")
    page.table(rows, "rrrl", styles)


def _folded(found: Sequence[Candidate]) -> list[list[Candidate]]:
    """Three and more successive checkpoints that are out for the same reason share a row."""
    rows: list[list[Candidate]] = []
    alike = groupby(found, key=lambda one: None if one.eligible else one.why)
    for _, group in alike:
        members = list(group)
        fold = len(members) > 2 and not members[0].eligible
        rows += [members] if fold else [[one] for one in members]
    return rows


def _replay(page: _Page, replay: Replay) -> None:
    total, different = count(len(replay.probes), "probe"), replay.different
    if not replay.changes:
        page.title("Replay")
        if not different:
            page.wrapped(f"The states of all {total} equal the logged ones.", "green", first="  ")
        else:
            page.wrapped(
                f"Another state than was logged: {len(different)} of {total}.", "red", first="  "
            )
        if replay.unlike:
            first = replay.unlike[0]
            number = count(len(replay.unlike), "probe")
            page.wrapped(
                f"The same state, but other words or numbers: {number}, first at "
                f"probe {first.probe} ({first.images_seen:,} images).",
                first="  ",
            )
    else:
        asked = ", ".join(f"{name} {new:g} (logged {old:g})" for name, old, new in replay.changes)
        page.title(f"Replay with {asked}")
        page.wrapped(f"Another state than was logged: {len(different)} of {total}.", first="  ")
    page.items("alarms", [f"logged: {_alarms(replay.logged_alarms)}"])
    page.items("", [f"replayed: {_alarms(replay.replayed_alarms)}"])
    if not different:
        return
    rows: list[Sequence[str] | str] = [["images seen", "probes", "logged", "replayed"]]
    for stretch in replay.stretches:
        first, last = stretch.probes[0], stretch.probes[-1]
        rows.append(
            [
                _range(f"{first.images_seen:,}", f"{last.images_seen:,}"),
                _range(str(first.probe), str(last.probe)),
                stretch.logged.replace("_", " "),
                stretch.replayed.replace("_", " "),
            ]
        )
    page.table(rows, "rrll", ["dim", *[""] * (len(rows) - 1)])


def _alarms(found: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{seen:,} images (probe {probe})" for seen, probe in found) or "no alarm"

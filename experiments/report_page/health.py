"""Section "Health": score, states, falls, the pictures of these moments and the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from callbacks.collapse.health import state_of
from callbacks.collapse.history import History
from callbacks.collapse.moments import Break, Fall, Moment, Span, extents, spans
from callbacks.collapse.records import State
from callbacks.collapse.wording import (
    advice,
    break_line,
    count,
    fall_line,
    headline,
    way_title,
)
from experiments.report_page.chart import Chart, Series, draw
from experiments.report_page.curves import Axis, Curve, images_axis
from experiments.report_page.health_pictures import Shot, past_shots, shots
from experiments.report_page.palette import style_of
from experiments.report_page.records import Run
from experiments.run_health import RunHealth

_SCORES = Axis(0.0, 1.05, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
# Percent of the axis that a letter of a label takes on a wide page, and that a sign takes on any.
_LETTER, _SIGN = 0.66, 6.0
_SIGNS = {
    "chosen": "★",
    "onset": "◆",
    "alarm": "▲",
    "rollback": "↩",
    "rebaseline": "↻",
    "begin": "+",
    "evaluation_error": "✕",
}


@dataclass(frozen=True)
class Block:
    """A stretch of one state: percent of the axis, and what a pointer at it is told."""

    state: State
    name: str
    left: float
    width: float
    hint: str


@dataclass(frozen=True)
class Lane:
    """The states of the present line (``lost`` False), or of a branch that was left."""

    blocks: list[Block]
    lost: bool


@dataclass(frozen=True)
class Pin:
    """A marked moment: its percent of the axis, its row above the plot, its side, its words.

    ``past`` is one of a branch that was left.
    """

    kind: str
    sign: str
    images_seen: int
    label: str
    text: str
    past: bool = False
    at: float = 0.0
    row: int = 0
    flipped: bool = False


@dataclass(frozen=True)
class FallText:
    """A fall in words, and, once it is over, in pictures."""

    title: str
    when: str
    reason: str
    evidence: list[str]
    findings: list[str]
    shots: list[Shot]


@dataclass(frozen=True)
class CandidateRow:
    """A checkpoint and whether it is one to go back to."""

    images_seen: int
    score: float | None
    state: str
    eligible: bool
    chosen: bool
    rank: int | None
    why: str


@dataclass(frozen=True)
class StoryRow:
    """A span of one state, or (``words``) what parted two spans."""

    span: Span | None
    words: str


@dataclass(frozen=True)
class Panel:
    """What the template needs of one run; ``kinds`` names each line of the chart."""

    id: str
    label: str
    colour: int
    dash: int
    state: State
    headline: str
    advice: str
    chart: Chart
    kinds: list[str]
    real: tuple[float, float] | None
    real_text: str
    lanes: list[Lane]
    states: list[tuple[State, str]]
    pins: list[Pin]
    pin_rows: int
    falls: list[FallText]
    findings: list[str]
    shots: list[Shot]
    score: str
    candidates: list[CandidateRow]
    way: str
    commands: list[tuple[str, str]]
    story: list[StoryRow]
    parts: Chart
    groups: list[tuple[str, float | None, float | None]]


def panels(runs: Sequence[Run], labels: Sequence[str]) -> list[Panel]:
    """One panel for each run that a monitor has probed."""
    return [
        _panel(run, run.health, label, slot)
        for slot, (run, label) in enumerate(zip(runs, labels, strict=True))
        if run.health is not None and run.health.history.now is not None
    ]


def _panel(run: Run, health: RunHealth, label: str, slot: int) -> Panel:
    history = health.history
    assert history.now is not None
    x_axis = images_axis([float(max(history.end, run.images_seen or 0))])
    chart, kinds = _chart(history, x_axis)
    lanes = [Lane(_blocks(spans(history.path), x_axis), lost=False)]
    lanes += [Lane(_blocks(spans(branch), x_axis), lost=True) for branch in history.lost if branch]
    pins = _place(_pins(health), x_axis)
    shown = dict.fromkeys(block.state for lane in lanes for block in lane.blocks)
    real = history.real
    return Panel(
        f"health-{slot}",
        label,
        *style_of(slot),
        state=history.now.verdict.state,
        headline=headline(history),
        advice=advice(history, health.chosen_images),
        chart=chart,
        kinds=kinds,
        real=real and (100 * _SCORES.place(real[0]), 100 * _SCORES.place(min(real[1], 1.05))),
        real_text=f"real samples {real[1]:.2f}, {real[0]:.2f} at the least" if real else "",
        lanes=lanes,
        states=[(state, state.replace("_", " ")) for state in shown],
        pins=pins,
        pin_rows=max((pin.row for pin in pins), default=-1) + 1,
        falls=[_fall_text(run, history, fall) for fall in reversed(history.falls)],
        findings=[line for lines in history.remarks() for line in lines],
        shots=shots(run, health),
        score=health.score,
        candidates=_candidates(health),
        way=way_title(history),
        commands=health.commands,
        story=[_story_row(part) for part in history.story],
        parts=_parts(history, x_axis),
        groups=history.group_scores()[:12],
    )


# -- the chart -------------------------------------------------------------------------------------


def _chart(history: History, x_axis: Axis) -> tuple[Chart, list[str]]:
    """The score, the level of an alarm, and the scores of branches that were left."""
    series = [Series("score", _curve(history.path, lambda m: m.verdict.score), 0)]
    kinds = ["score"]
    levels = [m for m in history.path if m.verdict.peak is not None]
    if levels:
        series.append(Series("healthy level", _curve(levels, lambda m: m.verdict.peak), 1))
        kinds.append("peak")
        drop = history.settings.get("full_drop")
        if isinstance(drop, float):
            alarm = _curve(levels, lambda m: (1 - drop) * (m.verdict.peak or math.nan))
            series.append(Series("level of an alarm", alarm, 1))
            kinds.append("limit")
    for number, branch in enumerate(history.lost, start=1):
        fork = [m for m in history.path if branch and m.images_seen < branch[0].images_seen]
        moments = [*fork[-1:], *branch]
        name = "left branch" if len(history.lost) == 1 else f"left branch {number}"
        series.append(Series(name, _curve(moments, lambda m: m.verdict.score), 2))
        kinds.append("left")
    chart = draw("Score", series, x_axis, hint="1 is as diverse as real samples", y_axis=_SCORES)
    if chart.data:
        states = {m.images_seen: m.verdict.state.replace("_", " ") for m in history.path}
        points = chart.data["series"][0]
        chart.data["series"][0] = [[*point, states.get(int(point[0]), "")] for point in points]
    return chart, kinds


def _curve(moments: Sequence[Moment], value: object) -> Curve:
    assert callable(value)
    values = [value(moment) for moment in moments]
    return Curve(
        [float(moment.images_seen) for moment in moments],
        [math.nan if v is None else float(v) for v in values],
    )


def _parts(history: History, x_axis: Axis) -> Chart:
    """What the score is made of, and the quality, which is not part of it."""
    series = []
    for slot, (name, part) in enumerate(
        (("diversity", "diversity"), ("coverage", "coverage"), ("quality (precision)", "quality"))
    ):
        curve = _curve(history.probes, lambda m, part=part: m.parts and getattr(m.parts, part))
        series.append(Series(name, curve, slot))
    return draw("Parts", series, x_axis, hint="1 is as in real samples", from_zero=True)


def _blocks(parts: Sequence[Span], x_axis: Axis) -> list[Block]:
    blocks = []
    for span, start, stop in extents(parts):
        low, high = 100 * x_axis.place(start), 100 * x_axis.place(stop)
        hint = (
            f"{span.name}: {span.first.images_seen:,} to {span.last.images_seen:,} images, "
            f"{count(len(span.moments), 'probe')}"
        )
        blocks.append(Block(span.state, span.name, low, high - low, hint))
    return blocks


# -- marked moments --------------------------------------------------------------------------------


def _pins(health: RunHealth) -> list[Pin]:
    history, chosen = health.history, health.chosen
    pins = []
    if chosen is not None:
        text = f"best checkpoint: {chosen.why}"
        pins.append(_pin("chosen", chosen.row["images_seen"], "best checkpoint", text))
    for number, fall in enumerate(history.falls, start=1):
        which = f" {number}" if len(history.falls) > 1 else ""
        if fall.onset is not None:
            text = f"onset of the {fall.name}, probe {fall.onset_probe}"
            pins.append(_pin("onset", fall.onset, f"onset{which}", text, fall.branch is not None))
        reason = fall.alarm.verdict.reason
        delay = f", {count(fall.delay, 'probe')} after the onset" if fall.delay else ""
        text = f"alarm at probe {fall.alarm.probe}{delay}{f': {reason}' if reason else ''}"
        at = fall.alarm.images_seen
        pins.append(_pin("alarm", at, f"alarm{which}", text, fall.branch is not None))
    for broken in history.breaks:
        label = {"begin": "fork", "evaluation_error": "error"}.get(broken.event, broken.event)
        pins.append(_pin(broken.event, broken.at, label, break_line(broken)))
    return sorted(pins, key=lambda pin: pin.images_seen)


def _pin(kind: str, at: int, label: str, text: str, past: bool = False) -> Pin:
    return Pin(kind, _SIGNS.get(kind, "•"), at, label, text, past)


def _place(pins: Sequence[Pin], x_axis: Axis) -> list[Pin]:
    """Give each label a row of its own where another one stands in its way.

    Labels stand to the right of their lines and are placed from right to left; near the right end
    it is the other way round. So no line runs through the label of another one.
    """
    taken: list[list[tuple[float, float]]] = []
    placed = []
    for pin in sorted(pins, key=lambda pin: _order(pin, x_axis)):
        at, width, flipped = _reach(pin, x_axis)
        low, high = (at - width, at) if flipped else (at, at + width)
        row = 0
        while row < len(taken) and any(low < b and a < high for a, b in taken[row]):
            row += 1
        if row == len(taken):
            taken.append([])
        taken[row].append((low, high))
        placed.append(replace(pin, at=at, row=row, flipped=flipped))
    return sorted(placed, key=lambda pin: pin.images_seen)


def _reach(pin: Pin, x_axis: Axis) -> tuple[float, float, bool]:
    """Percent of the axis where a pin is, how wide its label is, whether that is to the left."""
    at, width = 100 * x_axis.place(pin.images_seen), max(_SIGN, _LETTER * (len(pin.label) + 4))
    return at, width, at + width > 101


def _order(pin: Pin, x_axis: Axis) -> tuple[bool, float]:
    at, _, flipped = _reach(pin, x_axis)
    return flipped, at if flipped else -at


# -- words -----------------------------------------------------------------------------------------


def _fall_text(run: Run, history: History, fall: Fall) -> FallText:
    verdict = fall.alarm.verdict
    evidence = [line.replace(" -> ", " → ") for line in verdict.evidence]
    if verdict.lost_share is not None:
        evidence.append(f"about {verdict.lost_share:.0%} of the modes are lost")
    return FallText(
        title=fall.name.capitalize(),
        when=fall_line(fall),
        reason=verdict.reason,
        evidence=evidence,
        findings=[*verdict.findings, *fall.alarm.warnings],
        shots=past_shots(run, history, fall) if fall.end else [],
    )


def _story_row(part: Span | Break) -> StoryRow:
    return StoryRow(None, break_line(part)) if isinstance(part, Break) else StoryRow(part, "")


def _candidates(health: RunHealth) -> list[CandidateRow]:
    rows = []
    for one in sorted(health.candidates, key=lambda one: one.row["images_seen"]):
        state = state_of(one.row)
        rows.append(
            CandidateRow(
                images_seen=one.row["images_seen"],
                score=(one.row.get("scores") or {}).get(health.score),
                state=state.replace("_", " ") if state else "—",
                eligible=one.eligible,
                chosen=one.chosen,
                rank=one.rank,
                why=one.why,
            )
        )
    return rows

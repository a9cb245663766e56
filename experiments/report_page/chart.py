"""One chart of the page: curves become SVG paths, ticks and the values that the tooltip shows.

The SVG is stretched to its box (``preserveAspectRatio="none"``, non-scaling strokes) and all text
is HTML beside it, so a chart is as readable on a phone as on a wide screen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.report_page.curves import Axis, Curve, thin, trend, value_axis
from experiments.report_page.formatting import count, number, short, tick_labels
from experiments.report_page.palette import style_of

WIDTH = HEIGHT = 1000
_DOTS_UP_TO = 60


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        name: what the legend calls it.
        curve: its values.
        slot: place in the palette.
        floor: the reference value of a score (real images against real images), drawn dashed;
            ``None`` for none, or for one that is not finite.
        best: ``(images_seen, value)`` of the value to ring, if one is the best.
    """

    name: str
    curve: Curve
    slot: int
    floor: float | None = None
    best: tuple[float, float] | None = None


@dataclass(frozen=True)
class Line:
    """What the template draws of one series; paths are in a box of 1000 x 1000, y downwards."""

    name: str
    colour: int
    dash: int
    path: str
    trend: str
    dots: str
    broken: str
    best: str
    best_text: str
    last: str


@dataclass(frozen=True)
class Level:
    """A dashed level line: ``colour`` of its series, or ``None`` when all series share it."""

    path: str
    text: str
    colour: int | None


@dataclass(frozen=True)
class Chart:
    """What the template needs of one chart; ticks are ``(percent of the axis, label)``."""

    title: str
    suffix: str
    hint: str
    lines: list[Line]
    levels: list[Level]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    notes: list[str]
    data: dict[str, Any]


def draw(
    title: str,
    series: Sequence[Series],
    x_axis: Axis,
    *,
    suffix: str = "",
    hint: str = "",
    from_zero: bool = False,
    y_axis: Axis | None = None,
) -> Chart:
    """Draw one chart.

    Args:
        title: short name of the quantity, with its unit.
        series: the lines; the order is that of the legend.
        x_axis: images seen, the same for all charts of a page.
        suffix: rest of the name, which a reader needs less.
        hint: one or two words beside the title, such as "lower is better".
        from_zero: the value axis starts at 0.
        y_axis: the value axis; None fits one to the values.
    """
    thinned = [thin(s.curve) for s in series]
    floors = [s.floor for s in series if s.floor is not None]
    curves = [s.curve for s in series]
    y_axis = y_axis or value_axis(curves, levels=floors, from_zero=from_zero)
    notes = [note for s in series for note in _notes(s, y_axis)]
    if y_axis is None:
        return Chart(title, suffix, hint, [], [], [], [], [*notes, "No finite value yet"], {})
    if y_axis.log:
        hint = f"{hint}, log scale" if hint else "log scale"
    lines = [_line(s, points, x_axis, y_axis) for s, points in zip(series, thinned, strict=True)]
    data = {
        "end": x_axis.high,
        "series": [[_plain(x, y) for x, y in zip(c.x, c.y, strict=True)] for c in thinned],
        "marks": [_marks(c, y_axis) for c in thinned],
    }
    levels = _levels(series, y_axis)
    ticks = _ticks(x_axis), _ticks(y_axis)
    return Chart(title, suffix, hint, lines, levels, *ticks, notes, data)


def _line(series: Series, points: Curve, x_axis: Axis, y_axis: Axis) -> Line:
    smooth = trend(series.curve)
    colour, dash = style_of(series.slot)
    finite = [(x, y) for x, y in zip(points.x, points.y, strict=True) if math.isfinite(y)]
    broken = [x for x, y in zip(points.x, points.y, strict=True) if not math.isfinite(y)]
    few = len(points.x) <= _DOTS_UP_TO
    return Line(
        name=series.name,
        colour=colour,
        dash=dash,
        path=_path(points, x_axis, y_axis),
        trend=_path(smooth, x_axis, y_axis) if smooth else "",
        dots=_dots(finite, x_axis, y_axis) if few else "",
        broken="".join(f"M{x_axis.place(x) * WIDTH:.1f} {HEIGHT}v-40" for x in broken),
        best=_dots([series.best], x_axis, y_axis) if series.best else "",
        best_text=f"{number(series.best[1])} at {short(series.best[0])}" if series.best else "",
        last=number(series.curve.y[-1]) if series.curve.y else "—",
    )


def _point(x: float, y: float, x_axis: Axis, y_axis: Axis) -> str:
    # Twenty box heights outside is as good as infinity, and keeps the path's numbers short.
    rise = min(max(y_axis.place(y), -20.0), 20.0)
    return f"{x_axis.place(x) * WIDTH:.1f} {(1 - rise) * HEIGHT:.1f}"


def _path(curve: Curve, x_axis: Axis, y_axis: Axis) -> str:
    """A path that is broken where a value is not finite."""
    parts, pen = [], "M"
    for x, y in zip(curve.x, curve.y, strict=True):
        if math.isfinite(y):
            parts.append(pen + _point(x, y, x_axis, y_axis))
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _dots(points: Sequence[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    # A very short stroke with round ends is a dot that a stretched SVG does not deform.
    return "".join(f"M{_point(x, y, x_axis, y_axis)}h.01" for x, y in points)


def _levels(series: Sequence[Series], y_axis: Axis) -> list[Level]:
    """The floors, over the whole width; series with the same floor share one line."""
    floors = {s.floor: style_of(s.slot)[0] for s in series if s.floor is not None}
    return [
        Level(
            path=f"M0 {(1 - y_axis.place(floor)) * HEIGHT:.1f}H{WIDTH}",
            text=number(floor),
            colour=colour if len(floors) > 1 else None,
        )
        for floor, colour in floors.items()
    ]


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    labels = [number(t).rstrip("0").rstrip(".") if 0 < t < 1 else f"{t:g}" for t in axis.ticks]
    if not axis.log:
        labels = tick_labels(axis.ticks)
    return [(100 * axis.place(t), label) for t, label in zip(axis.ticks, labels, strict=True)]


def _notes(series: Series, axis: Axis | None) -> list[str]:
    curve, notes = series.curve, []
    broken = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if not math.isfinite(y)]
    if broken:
        x, y = broken[0]
        notes.append(
            f"{series.name} is not finite in {count(len(broken))} of {count(len(curve.x))} rows, "
            f"first {number(y)} at {count(x)} images"
        )
    if axis is not None:
        finite = [y for y in curve.y if math.isfinite(y)]
        outside = [y for y in finite if not -1e-9 <= axis.place(y) <= 1 + 1e-9]
        if outside:
            most = "one value lies" if len(outside) == 1 else f"{count(len(outside))} values lie"
            ends = dict.fromkeys((number(min(outside)), number(max(outside))))
            notes.append(f"{series.name}: {most} outside the axis, at {' to '.join(ends)}")
    return notes


def _plain(x: float, y: float) -> list[Any]:
    """A pair for the tooltip; JSON has no NaN, so such values travel as text."""
    return [x, y if math.isfinite(y) else number(y)]


def _marks(curve: Curve, axis: Axis) -> list[float | None]:
    """How high each point lies, in percent of the box, for the tooltip's dot."""
    return [
        round(100 * min(max(axis.place(y), 0.0), 1.0), 2) if math.isfinite(y) else None
        for y in curve.y
    ]

"""The health of a run as figures, for the run folder, W&B and TensorBoard.

Drawn with matplotlib's ``Figure`` alone: pyplot would keep every figure and choose a backend.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from callbacks.collapse.colours import LIGHT
from callbacks.collapse.history import History, history_of
from callbacks.collapse.moments import Moment, Span, extents, spans
from callbacks.collapse.wording import headline
from callbacks.media import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 100
#: Pixels of one of the grids beside each other, about; small ones are enlarged by a whole factor.
_SIDE = 400
_GAP, _TITLE = 24, 44
#: Where the axis ends, as a share of the images seen.
_BEYOND = 1.08
_INK, _MUTED, _SCORE = "#1c1f24", "#5d646e", "#3d8ef2"
_HATCHES = {"suspect": "///", "diverged": "xx", "recovered": "\\\\\\", "warmup": "..."}


def health_figure(rows: Iterable[Mapping[str, Any]], chosen: int | None = None) -> Figure:
    """Draw the score over images seen, with the states as coloured spans below it.

    Args:
        rows: all lines of ``evaluations.jsonl``, in order (``RunFolder.read_history``).
        chosen: images_seen of the best checkpoint before the fall, if there is one.

    Returns:
        1000 x 460 pixels. Without a probe it says so.

    Raises:
        ValueError: a row is damaged.
    """
    from matplotlib.figure import Figure

    history = history_of(rows)
    figure = Figure(figsize=(10, 4.6), dpi=_DPI, facecolor="white", layout="constrained")
    lost = [branch for branch in history.lost if branch]
    end = max(history.end, chosen or 0, 1)
    lanes = 1 + len(lost)
    # The strip is as high as it has lanes, whatever the size of the plot above it.
    plot, strip = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [11 - lanes, 0.9 * lanes]}
    )
    title = textwrap.shorten(headline(history), 110, placeholder=" ...")
    plot.set_title(title, loc="left", fontsize=11.5, fontweight="bold", color=_INK)
    # The alarm is at the very end of the figure that tells of it: its name needs room.
    plot.set_xlim(0, end * _BEYOND)
    _scores(plot, history, lost)
    _marks(plot, history, chosen, end)
    for lane, moments in enumerate([history.path, *lost]):
        _lane(strip, spans(moments), lane, end)
    strip.set_ylim(lanes - 0.5, -0.5)
    strip.set_yticks(range(lanes), ["state", *["left"] * len(lost)], fontsize=9, color=_MUTED)
    strip.set_xlabel("images seen", fontsize=9, color=_MUTED, loc="right")
    strip.xaxis.set_major_formatter(lambda value, _: _short(value))
    for axes in (plot, strip):
        axes.tick_params(length=0, labelsize=9, labelcolor=_MUTED)
        for side in axes.spines.values():
            side.set_visible(False)
    figure.legend(
        *plot.get_legend_handles_labels(),
        loc="outside lower left",
        ncols=5,
        fontsize=9,
        frameon=False,
        labelcolor=_INK,
    )
    return figure


def _scores(plot: Axes, history: History, lost: Sequence[Sequence[Moment]]) -> None:
    plot.grid(axis="y", color="#e4e4e0", linewidth=0.8)
    plot.set_axisbelow(True)
    if history.real is not None:
        low, median = history.real
        plot.axhspan(low, median, color=LIGHT["healthy"], alpha=0.18, label="real samples")
    for number, branch in enumerate(lost):
        fork = [m for m in history.path if m.images_seen < branch[0].images_seen]
        line = [*fork[-1:], *branch]
        label = None if number else "left by a rollback"
        plot.plot(*_curve(line), color=_MUTED, linewidth=1, marker=".", markersize=4, label=label)
    armed = [m for m in history.path if m.verdict.peak is not None]
    if armed:
        moments, peaks = [m.images_seen for m in armed], [m.verdict.peak or 0.0 for m in armed]
        plot.plot(
            moments, peaks, color=_MUTED, linewidth=1.2, linestyle="--", label="healthy level"
        )
        drop = history.settings.get("full_drop")
        if isinstance(drop, float):
            limits = [(1 - drop) * peak for peak in peaks]
            style: dict[str, Any] = {"linewidth": 1.2, "linestyle": ":"}
            style["color"] = LIGHT["collapsed"]
            plot.plot(moments, limits, label="level of an alarm", **style)
    few = len(history.path) <= 80
    plot.plot(
        *_curve(history.path),
        color=_SCORE,
        linewidth=2,
        marker="o" if few else None,
        markersize=3.5,
        label="score",
    )


def _curve(moments: Sequence[Moment]) -> tuple[list[int], list[float]]:
    """Where the score is not finite, the line is broken."""
    scores = [math.nan if m.verdict.score is None else m.verdict.score for m in moments]
    return [m.images_seen for m in moments], scores


def _marks(plot: Axes, history: History, chosen: int | None, end: int) -> None:
    """Vertical lines with their names above the plot, in as many rows as they need."""
    marks: list[tuple[int, str, str, str, float]] = []
    if chosen is not None:
        marks.append((chosen, "best checkpoint", LIGHT["healthy"], "-", 1.0))
    for fall in history.falls:
        # Of a branch that was left: there, but not of the line that is drawn bold.
        alpha = 0.55 if fall.branch else 1.0
        if fall.onset is not None:
            marks.append((fall.onset, "onset", LIGHT["suspect"], "--", alpha))
        marks.append((fall.alarm.images_seen, "alarm", LIGHT["collapsed"], "-", alpha))
    for broken in history.breaks:
        if broken.event in ("rollback", "rebaseline", "begin"):
            name = "fork" if broken.event == "begin" else broken.event
            marks.append((broken.at, name, LIGHT["recovered"], ":", 1.0))
    taken: list[float] = []
    # From right to left and from low to high, so that no line crosses the name of another one.
    for at, name, colour, style, alpha in sorted(marks, reverse=True):
        low = at / end / _BEYOND
        width = 0.0095 * len(name) + 0.015
        flipped = low + width > 1.0
        left, right = (low - width, low) if flipped else (low, low + width)
        row = next((k for k, edge in enumerate(taken) if right <= edge), len(taken))
        taken[row : row + 1] = [left]
        height = 1.12 + 0.085 * row
        line: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.3,
            "linestyle": style,
            "alpha": alpha,
        }
        plot.plot([at, at], [0, height], **line)
        plot.annotate(
            name,
            (at, height),
            alpha=alpha,
            xytext=(-4 if flipped else 4, -1),
            textcoords="offset points",
            ha="right" if flipped else "left",
            va="top",
            fontsize=9,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
            zorder=6,
        )
    plot.set_ylim(0, 1.07 + 0.085 * len(taken))
    plot.set_yticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def _lane(strip: Axes, parts: Sequence[Span], lane: int, end: int) -> None:
    for span, start, stop in extents(parts):
        width = max(stop - start, 0.003 * end)
        colour = LIGHT[span.state]
        heavy = span.state in ("collapsed", "diverged")
        strip.barh(
            lane,
            width,
            0.72,
            left=start,
            color=(colour, 1.0 if heavy else 0.2),
            edgecolor="white" if heavy else colour,
            hatch=_HATCHES.get(span.state),
            linewidth=0.8,
        )
        if width / end > _BEYOND * (0.009 * len(span.name) + 0.01):
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
            strip.annotate(
                span.name,
                (start, lane),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                fontweight="bold",
                color="white" if heavy else colour,
                bbox=box if span.state in _HATCHES and not heavy else None,
            )


def before_and_after(
    before: Tensor | None,
    onset: Tensor | None,
    now: Tensor | None,
    titles: Sequence[str] = ("before the onset", "onset", "now"),
    real: Tensor | None = None,
) -> Figure:
    """Draw three sets of samples beside each other.

    Args:
        before: a grid of images ``(C, H, W)``, floats in [-1, 1] or uint8, or points ``(N, 2)``;
            None where there is none.
        onset: the same.
        now: the same.
        titles: one for each.
        real: real points ``(M, 2)``, shown below the generated ones.

    Returns:
        Images are shown pixel by pixel, small ones enlarged by a whole factor; points share their
        axes.

    Raises:
        ValueError: all three are None, one has another shape, or the titles are not three.
    """
    from matplotlib.figure import Figure

    shown = [before, onset, now]
    given = [tensor for tensor in shown if tensor is not None]
    if len(titles) != 3:
        raise ValueError(
            f"before_and_after: titles must be three, got {len(titles)}; name before, onset, now"
        )
    kinds = {tensor.dim() for tensor in given}
    if kinds not in ({2}, {3}) or any(t.dim() == 2 and t.shape[1] != 2 for t in given):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in given) or "none of them"
        raise ValueError(
            f"before_and_after: before, onset and now must all be grids (C, H, W) or all points "
            f"(N, 2), got {shapes}; make a grid of a batch first"
        )
    images = [None if t is None or kinds == {2} else picture(t) for t in shown]
    sizes = [image.size for image in images if image is not None] or [(_SIDE, _SIDE)]
    largest = max(max(size) for size in sizes)
    scale = max(1, round(_SIDE / largest))
    wide, high = scale * max(w for w, _ in sizes), scale * max(h for _, h in sizes)
    width, height = 3 * wide + 4 * _GAP, high + _TITLE + _GAP
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    # A collapsed set is no measure of where points may lie: the real or the earliest ones are.
    limits = _limits(given[0] if real is None else real) if kinds == {2} else None
    for place, (tensor, image, title) in enumerate(zip(shown, images, titles, strict=True)):
        # In whole pixels, so that no pixel of a grid is blurred or lost.
        wide_now, high_now = image.size if image is not None else (wide // scale, high // scale)
        left, top = _GAP + place * (wide + _GAP), _TITLE
        box = (
            left / width,
            1 - (top + scale * high_now) / height,
            scale * wide_now / width,
            scale * high_now / height,
        )
        axes = figure.add_axes(box)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_color("#d4d4cf")
            # Beside the picture, not on its outermost pixels.
            side.set_position(("outward", 72 / _DPI))
            side.set_linewidth(72 / _DPI)
        axes.set_title(title, fontsize=12, color=_INK, pad=8)
        if image is not None:
            axes.imshow(image, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
        elif tensor is not None and limits is not None:
            _points(axes, tensor, real, limits)
        else:
            axes.text(0.5, 0.5, "no picture", ha="center", va="center", color=_MUTED)
    return figure


def _limits(points: Tensor) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a square around the finite points."""
    points = points.detach().float().cpu()
    points = points[points.isfinite().all(dim=1)]
    if not len(points):
        return -1.0, 1.0, -1.0, 1.0
    low, high = points.min(dim=0).values, points.max(dim=0).values
    middle, half = (low + high) / 2, 0.75 * max(float((high - low).max()), 1e-3)
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return left, right, bottom, top


def _points(
    axes: Axes, points: Tensor, real: Tensor | None, limits: tuple[float, float, float, float]
) -> None:
    for values, colour in ((real, "0.75"), (points, "tab:blue")):
        if values is not None:
            array = values.detach().float().cpu()
            axes.scatter(array[:, 0], array[:, 1], s=4, color=colour, linewidths=0)
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"

"""The budget curves as a picture: the best score against settings, time and images."""

from __future__ import annotations

import io
import math
from typing import Any

from experiments.report_page.palette import DASHES, LIGHT, style_of
from experiments.study.results import Results, VariantResult

_IN_A_ROW = 4
_OTHERS = "#c8c8c8"


def budget_picture(results: Results, suffix: str = "png") -> bytes:
    """Medians of the best score over three axes; below them each variant with its 5 to 95 % band.

    A band whose worse end is a run without a score reaches the edge of the plot.

    Args:
        results: of the study.
        suffix: png or svg.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(results.variants) / _IN_A_ROW)
    figure = Figure(figsize=(13.5, 4.4 + 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=[4.4, 2.6 * rows])
    above, below = parts
    limits = _limits(results)
    _medians(above, results, limits)
    plots = below.subplots(rows, _IN_A_ROW, sharex=True, sharey=True, squeeze=False).ravel()
    for slot, (axes, variant) in enumerate(zip(plots, results.variants, strict=False)):
        _banded(axes, results, slot, variant, limits)
    for axes in plots[len(results.variants) :]:
        axes.set_visible(False)
    below.supxlabel("settings tried, one run each: median and 5 to 95 %", fontsize="medium")
    file = io.BytesIO()
    figure.savefig(file, format=suffix, dpi=130, metadata={"Date": None} if suffix == "svg" else {})
    return file.getvalue()


def _medians(figure: Any, results: Results, limits: tuple[float, float]) -> None:
    points = [point for variant in results.variants for point in variant.curve]
    hours = max((point.hours for point in points), default=0.0)
    # A study of minutes is told in minutes.
    factor, unit = (60.0, "minutes") if hours < 2 else (1.0, "hours")
    plots = figure.subplots(1, 3, sharey=True)
    for slot, variant in enumerate(results.variants):
        shown = [point for point in variant.curve if math.isfinite(point.median)]
        scores = [point.median for point in shown]
        label = variant.label if shown else f"{variant.label} (no score)"
        places = (
            [float(point.k) for point in shown],
            [factor * point.hours for point in shown],
            [point.images / 1000 for point in shown],
        )
        for axes, x in zip(plots, places, strict=True):
            axes.plot(x, scores, lw=2, marker="o", ms=4, label=label, **_style(slot))
    names = ("settings tried, one run each", unit, "thousand images")
    for axes, name in zip(plots, names, strict=True):
        axes.set_xlabel(name)
        axes.locator_params(axis="x", nbins=6, integer=name == names[0])
        _dress(axes, results, limits)
    plots[1].set_xlim(left=0)
    plots[2].set_xlim(left=0)
    way = "lower" if results.design.direction == "min" else "higher"
    plots[0].set_ylabel(f"{results.reported}\nbest of so many ({way} is better)")
    handles = plots[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=8, frameon=False)


def _banded(
    axes: Any, results: Results, slot: int, variant: VariantResult, limits: tuple[float, float]
) -> None:
    """One variant's median and band, the medians of the others pale behind it."""
    for other in (one for one in results.variants if one is not variant):
        shown = [point for point in other.curve if math.isfinite(point.median)]
        axes.plot([p.k for p in shown], [p.median for p in shown], color=_OTHERS, lw=1)
    worst = limits[1] if results.design.direction == "min" else limits[0]
    band = [point for point in variant.curve if math.isfinite(point.better)]
    axes.fill_between(
        [point.k for point in band],
        [point.worse if math.isfinite(point.worse) else worst for point in band],
        [point.better for point in band],
        color=_style(slot)["color"],
        alpha=0.2,
        lw=0,
    )
    shown = [point for point in variant.curve if math.isfinite(point.median)]
    axes.plot([p.k for p in shown], [p.median for p in shown], lw=2, **_style(slot))
    axes.set_title(variant.label, fontsize="medium")
    axes.locator_params(axis="x", nbins=6, integer=True)
    _dress(axes, results, limits)


def _style(slot: int) -> dict[str, Any]:
    colour, dash = style_of(slot)
    pattern = DASHES[dash]
    line = "-" if pattern == "none" else (0, tuple(float(n) / 2 for n in pattern.split()))
    return {"color": LIGHT[colour], "ls": line}


def _dress(axes: Any, results: Results, limits: tuple[float, float]) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if _spans_decades(_scores(results)):
        axes.set_yscale("log")
    axes.set_ylim(*limits)


def _limits(results: Results) -> tuple[float, float]:
    """All scores with a margin around them."""
    values = _scores(results) or [0.0, 1.0]
    low, high = min(values), max(values)
    if _spans_decades(values):
        return low / 1.3, high * 1.3
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _spans_decades(values: list[float]) -> bool:
    """Whether scores are positive and too far apart for a plain axis."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def _scores(results: Results) -> list[float]:
    return [
        value
        for variant in results.variants
        for point in variant.curve
        for value in (point.median, point.worse, point.better)
        if math.isfinite(value)
    ]

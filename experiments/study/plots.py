"""The budget curves as a picture: the best score against settings, hours and images."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

from experiments.report_page.palette import DASHES, LIGHT, style_of
from experiments.study.results import Point, Results, VariantResult

_AXES: tuple[tuple[str, Callable[[Point], float]], ...] = (
    ("settings tried, one run each", lambda point: float(point.k)),
    ("hours", lambda point: point.hours),
    ("images", lambda point: point.images),
)


def budget_picture(results: Results, suffix: str = "png") -> bytes:
    """Median of the best score and its 5 to 95 % band over three axes.

    Args:
        results: of the study.
        suffix: png or svg.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.5, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    plots = figure.subplots(1, 3, sharey=True)
    for axes, (name, place) in zip(plots, _AXES, strict=True):
        for slot, variant in enumerate(results.variants):
            _draw(axes, variant, place, slot)
        axes.set_xlabel(name)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    plots[0].xaxis.get_major_locator().set_params(integer=True)
    plots[1].set_xlim(left=0)
    plots[2].set_xlim(left=0)
    way = "lower" if results.design.direction == "min" else "higher"
    plots[0].set_ylabel(f"{results.reported}, best of so many ({way} is better)")
    if _spans_decades(results):
        plots[0].set_yscale("log")
    figure.legend(
        *plots[0].get_legend_handles_labels(), loc="outside upper center", ncols=8, frameon=False
    )
    file = io.BytesIO()
    figure.savefig(file, format=suffix, dpi=130, metadata={"Date": None} if suffix == "svg" else {})
    return file.getvalue()


def _draw(axes: object, variant: VariantResult, place: Callable[[Point], float], slot: int) -> None:
    """A line where the median is finite; the band where both ends are."""
    colour, dash = style_of(slot)
    pattern = DASHES[dash]
    style = "-" if pattern == "none" else (0, tuple(float(n) / 2 for n in pattern.split()))
    shown = [point for point in variant.curve if math.isfinite(point.median)]
    x, y = [place(point) for point in shown], [point.median for point in shown]
    label = variant.label if shown else f"{variant.label} (no score)"
    axes.plot(x, y, color=LIGHT[colour], ls=style, lw=2, marker="o", ms=4, label=label)  # type: ignore[attr-defined]
    band = [point for point in shown if math.isfinite(point.worse)]
    axes.fill_between(  # type: ignore[attr-defined]
        [place(point) for point in band],
        [point.worse for point in band],
        [point.better for point in band],
        color=LIGHT[colour],
        alpha=0.13,
        lw=0,
    )


def _spans_decades(results: Results) -> bool:
    """Whether scores are positive and too far apart for a plain axis."""
    values = [
        value
        for variant in results.variants
        for point in variant.curve
        for value in (point.median, point.worse, point.better)
        if math.isfinite(value)
    ]
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)

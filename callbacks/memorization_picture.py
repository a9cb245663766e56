"""The picture beside a verdict on memorization: samples that lie closest to the training set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from callbacks.memorization_probe import Finding, Pairs
from callbacks.metrics.reading import ReferenceSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# All sizes in pixels of the picture.
_COLUMNS = 8
_TILE, _GAP, _CAPTION = 64, 10, 30
_TITLE = 46
_DPI = 100


def draw_finding(finding: Finding, train: ReferenceSet, title: str) -> Figure:
    """Draw the closest samples of each space, each beside its training image.

    Below a pair stand the change that brings the sample closest, its distance, and the share of
    held-out images that lie as close; pairs within the threshold of the copy test have a red frame.
    Points are drawn over the training points instead.

    Args:
        finding: from a probe.
        train: the training set that it was made with.
        title: of the picture.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.figure import Figure

    if finding.pairs[0].images.dim() == 2:
        figure = Figure(figsize=(6, 6), dpi=_DPI, layout="constrained")
        _scatter(figure.add_subplot(), finding.pairs[0], train)
        figure.suptitle(title)
        return figure
    width = _COLUMNS * (2 * _TILE + _GAP) + _GAP
    rows = [-(-len(pairs.matches) // _COLUMNS) for pairs in finding.pairs]
    heights = [_TITLE + count * (_TILE + _CAPTION) for count in rows]
    whole = _TITLE + sum(heights)
    figure = Figure(figsize=(width / _DPI, whole / _DPI), dpi=_DPI)
    figure.text(0.5, 1 - 0.5 * _TITLE / whole, title, ha="center", va="center", fontsize=13)
    top = _TITLE
    for pairs, verdict, height in zip(finding.pairs, finding.verdict.spaces, heights, strict=True):
        axes = figure.add_axes((0.0, 1 - (top + height) / whole, 1.0, height / whole))
        threshold = None if verdict.copies is None else verdict.copies.threshold
        _mosaic(axes, pairs, train, (width, height), threshold)
        heading = f"{pairs.space}: {verdict.level}"
        legend = "left a sample, right its training image; below, the change that makes them match"
        legend += ", the distance"
        if verdict.copies is not None:
            heading += (
                f"; {100 * verdict.copies.rate:.1f} % of the samples lie within "
                f"{verdict.copies.threshold:.3g} of a training image, "
                f"{100 * verdict.copies.null:.1f} % of held-out images do"
            )
            legend += (
                " and the share of held-out images that lie as close; red: within the threshold"
            )
        axes.text(_GAP, _TITLE - 24, heading, fontsize=10)
        axes.text(_GAP, _TITLE - 8, legend, fontsize=7.5, color="0.35")
        top += height
    return figure


def to_png(figure: Figure) -> bytes:
    """Encode a figure at its own size and resolution.

    Args:
        figure: any.
    """
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _mosaic(
    axes: Any, pairs: Pairs, train: ReferenceSet, size: tuple[int, int], threshold: float | None
) -> None:
    """Left of each pair the sample as it is, right its training image."""
    from matplotlib.patches import Rectangle

    width, height = size
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    for number, match in enumerate(pairs.matches):
        left = _GAP + (number % _COLUMNS) * (2 * _TILE + _GAP)
        up = _TITLE + (number // _COLUMNS) * (_TILE + _CAPTION)
        real = torch.as_tensor(train[match]["image"])
        for place, image in enumerate((pairs.images[number], real)):
            x = left + place * _TILE
            box = (x, x + _TILE, up + _TILE, up)
            axes.imshow(_tile(image), extent=box, cmap="gray", vmin=0, vmax=255)
        distance = pairs.distances[number]
        if threshold is not None and distance <= threshold:
            frame = Rectangle((left, up), 2 * _TILE, _TILE, fill=False, color="tab:red", lw=2)
            axes.add_patch(frame)
        held_out = f" · {100 * pairs.quantiles[number]:.1f} %" if pairs.quantiles else ""
        for line, text in enumerate((pairs.changes[number], f"{distance:.3g}{held_out}")):
            below = up + _TILE + 11 * (line + 1)
            axes.text(left + _TILE, below, text, ha="center", va="baseline", fontsize=6.5)
    # imshow sets the limits anew.
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")


def _tile(image: Tensor) -> Any:
    """Bytes ``(S, S)`` or ``(S, S, 3)`` of an image: small ones enlarged without smoothing."""
    if image.shape[0] not in (1, 3):
        image = image.float().mean(dim=0, keepdim=True).to(torch.uint8)
    pixels = image[None].float()
    mode = "area" if max(image.shape[1:]) > _TILE else "nearest"
    shown = interpolate(pixels, size=(_TILE, _TILE), mode=mode)[0].round().to(torch.uint8)
    return (shown[0] if shown.shape[0] == 1 else shown.permute(1, 2, 0)).numpy()


def _scatter(axes: Any, pairs: Pairs, train: ReferenceSet) -> None:
    rows: Sequence[int] = range(0, len(train), max(1, len(train) // 5000))
    reals = torch.stack([torch.as_tensor(train[row]["image"]) for row in rows])
    found = torch.stack([torch.as_tensor(train[row]["image"]) for row in pairs.matches])
    axes.scatter(reals[:, 0], reals[:, 1], s=2, color="0.75", linewidths=0, label="training")
    axes.scatter(found[:, 0], found[:, 1], s=24, color="tab:red", marker="x", label="matches")
    samples = pairs.images
    axes.scatter(samples[:, 0], samples[:, 1], s=8, color="tab:blue", label="closest samples")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper right")

"""The pictures of the probes of translations: rows of images, a part for each direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from datamodules.batches import to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# All sizes in pixels of the picture.
_TILE, _GAP = 96, 4
_LABEL, _TITLE = 150, 58
_CURVE = 330
_DPI = 100


@dataclass(frozen=True)
class Panel:
    """One direction.

    Attributes:
        title: the direction, and below it the verdict.
        rows: images ``(n, C, H, W)`` in [-1, 1] by label, n the same for all.
        curve: points (grey levels of noise, error of the reconstruction); empty: none is drawn.
        ceiling: the error without any information, drawn over the curve.
    """

    title: str
    rows: Mapping[str, Tensor]
    curve: Sequence[tuple[float, float]] = field(default=())
    ceiling: float | None = None


def draw_panels(panels: Sequence[Panel]) -> Figure:
    """Draw one direction below the other.

    Args:
        panels: at least one.

    Returns:
        A matplotlib figure.
    """
    from matplotlib.figure import Figure

    many = max(len(images) for panel in panels for images in panel.rows.values())
    mosaic = many * (_TILE + _GAP)
    curve = _CURVE if any(panel.curve for panel in panels) else 0
    width = max(_LABEL + mosaic + curve + 2 * _GAP, 900)
    heights = [_TITLE + len(panel.rows) * (_TILE + _GAP) + 6 * _GAP for panel in panels]
    whole = sum(heights)
    figure = Figure(figsize=(width / _DPI, whole / _DPI), dpi=_DPI)
    top = 0
    for panel, height in zip(panels, heights, strict=True):
        head, _, rest = panel.title.partition("\n")
        figure.text(
            8 / width, 1 - (top + 18) / whole, head, fontsize=12, va="center", weight="bold"
        )
        figure.text(8 / width, 1 - (top + 40) / whole, rest, fontsize=9.5, va="center")
        for number, (label, images) in enumerate(panel.rows.items()):
            low = top + _TITLE + (number + 1) * (_TILE + _GAP)
            place = (_LABEL / width, 1 - low / whole, mosaic / width, _TILE / whole)
            axes = figure.add_axes(place)
            axes.imshow(
                _strip(images, many), cmap="gray", vmin=0, vmax=255, interpolation="nearest"
            )
            axes.axis("off")
            axes.set_aspect("auto")
            middle = 1 - (low - _TILE / 2) / whole
            figure.text((_LABEL - 8) / width, middle, label, fontsize=8.5, ha="right", va="center")
        if panel.curve:
            left, low = _LABEL + mosaic + 60, top + height - 60
            size = ((_CURVE - 80) / width, (height - _TITLE - 75) / whole)
            _curve(figure.add_axes((left / width, 1 - low / whole, *size)), panel)
        top += height
    return figure


def _strip(images: Tensor, many: int) -> Any:
    """Bytes ``(S, n S)`` or ``(S, n S, 3)``: images beside each other, white where there are none.

    Images are grey where they have other channels than one or three.
    """
    images = images.detach().float().cpu().nan_to_num()
    if images.shape[1] not in (1, 3):
        images = images.mean(dim=1, keepdim=True)
    mode = "area" if max(images.shape[2:]) > _TILE else "nearest"
    tiles = to_uint8(interpolate(images, size=(_TILE, _TILE), mode=mode))
    strip = torch.full((tiles.shape[1], _TILE, many * (_TILE + _GAP)), 255, dtype=torch.uint8)
    for number, tile in enumerate(tiles):
        left = number * (_TILE + _GAP)
        strip[:, :, left : left + _TILE] = tile
    return (strip[0] if len(strip) == 1 else strip.permute(1, 2, 0)).numpy()


def _curve(axes: Any, panel: Panel) -> None:
    axes.plot(*zip(*panel.curve, strict=True), marker="o", ms=3, color="tab:blue")
    if panel.ceiling is not None:
        axes.axhline(panel.ceiling, color="0.5", ls="--", lw=1)
        axes.text(16, panel.ceiling, "another image led back", fontsize=7, ha="right", va="bottom")
    axes.set_xscale("symlog", base=2, linthresh=0.5)
    axes.set_xticks([0, 0.5, 1, 2, 4, 8, 16], ["0", "½", "1", "2", "4", "8", "16"], fontsize=7)
    axes.set_xlim(-0.25, 20)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("noise on the translation, grey levels", fontsize=8)
    axes.set_ylabel("error of the way back", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)

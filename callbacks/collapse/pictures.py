"""A small picture of every probe, so that an alarm can show what it speaks of; and its numbers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from callbacks.collapse.probes import Prober
from callbacks.collapse.records import Band, ProbeRow, Verdict
from callbacks.collapse.score import parts_of
from callbacks.durable import write_atomically
from callbacks.media import picture, write_text
from callbacks.run_folder import RunFolder
from datamodules.batches import to_uint8

KEY = "health"
_SHOWN = 16
_COLUMNS = 4
_MOST_PIXELS = 64
_RASTER = 96
_MARGIN = 0.25
#: Signals that are sent as they are; those that a kind of samples lacks are left out.
_TOLD = (
    *("duplicates", "mean_distance", "effective_rank", "input_dependence"),
    *("self_bleu4", "unique_share", "vocabulary_use", "top_share", "token_entropy"),
)
#: The states as numbers, for dashboards that draw no words.
CODES = {
    "warmup": 0,
    "healthy": 1,
    "suspect": 2,
    "collapsed": 3,
    "recovered": 4,
    "diverged": 5,
    "never_learned": 6,
}


def keep(run: RunFolder, prober: Prober, images_seen: int) -> None:
    """Write the picture, or some sentences, of the latest probe into the run folder alone.

    Args:
        run: the folder.
        prober: after :meth:`Prober.describe`.
        images_seen: of the probe.
    """
    if prober.latest is None:
        return
    if prober.lines:
        write_text(run, KEY, {"sentences": prober.lines[:_SHOWN]}, images_seen)
        return
    data = io.BytesIO()
    picture(shown(prober.latest, prober.real_samples)).save(data, format="PNG")
    write_atomically(run.media_file(KEY, images_seen), data.getvalue())


def shown(samples: Tensor, real: Tensor) -> Tensor:
    """A small grid of images, or points drawn over real ones.

    Args:
        samples: ``(N, C, H, W)`` in [-1, 1], or points ``(N, 2)``.
        real: as many real samples, for points.

    Returns:
        uint8 ``(C, H, W)``.
    """
    samples = samples.detach().float().cpu().nan_to_num()
    if samples.dim() == 2:
        return raster(samples, real.float())
    pixels = to_uint8(samples[:_SHOWN])
    if max(pixels.shape[-2:]) > _MOST_PIXELS:
        step = -(-max(pixels.shape[-2:]) // _MOST_PIXELS)
        smaller = torch.nn.functional.avg_pool2d(pixels.float(), step, ceil_mode=True)
        pixels = smaller.round().to(torch.uint8)
    grid = make_grid(pixels, nrow=_COLUMNS, padding=1, pad_value=255)
    return grid[: pixels.shape[1]]


def read(file: Path) -> Tensor:
    """A picture of a probe, uint8 ``(C, H, W)``."""
    with Image.open(file) as image:
        pixels = np.array(image)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


def raster(samples: Tensor, real: Tensor) -> Tensor:
    """Points as pixels: real ones grey, generated ones blue.

    Args:
        samples: ``(N, 2)``.
        real: ``(M, 2)``; their extent, with a margin, is that of the picture.

    Returns:
        uint8 ``(3, 96, 96)``.
    """
    low, high = real.min(dim=0).values, real.max(dim=0).values
    width = (high - low).max().clamp(min=1e-6) * (1 + 2 * _MARGIN)
    corner = (low + high) / 2 - width / 2
    image = np.full((3, _RASTER, _RASTER), 255, np.uint8)
    for points, colour in ((real, (190, 190, 190)), (samples, (31, 119, 180))):
        cells = ((points - corner) / width * _RASTER).floor().long()
        inside = ((cells >= 0) & (cells < _RASTER)).all(dim=1)
        x, y = cells[inside].T.numpy()
        for channel, value in enumerate(colour):
            image[channel, _RASTER - 1 - y, x] = value
    return torch.from_numpy(image)


def numbers(row: ProbeRow, band: Band, share: float) -> dict[str, float]:
    """What a probe sends to the loggers, below ``health/``.

    Args:
        row: of the probe.
        band: of real samples: the parts are told against it.
        share: of the time so far that probes have taken.
    """
    verdict = Verdict.from_dict(row["verdict"])
    values: dict[str, Any] = {
        "state": CODES[verdict.state],
        "score": verdict.score,
        "peak": verdict.peak,
        "drop": verdict.drop,
        "overhead_pct": 100.0 * share,
    }
    parts = parts_of(row["signals"], band) if row["finite"] else None
    if parts is not None:
        values |= {
            "diversity": parts.diversity,
            "coverage": parts.coverage,
            "quality": parts.quality,
        }
    for group, found in row["signals"].items():
        if not group.startswith("class "):
            for name in _TOLD:
                prefix = "" if group == "all" else f"{group.replace(' ', '_')}/"
                values[prefix + name] = found.get(name)
    return {f"health/{name}": float(value) for name, value in values.items() if value is not None}

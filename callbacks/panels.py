"""Pictures of modules that are fed images: inputs, and beside them what becomes of them.

A translation shows, for each direction, held-out inputs, their translations, the way back where
there is one, and the truth where it is known. Any other module may offer ``panels(batch)``: columns
by title, made of a batch of its data module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.utils import make_grid

from callbacks.metrics.reading import read_samples, strided_indices
from callbacks.offers import translates
from callbacks.subjects import inputs_of, true_pairs
from datamodules.batches import from_uint8

#: Columns by title, each ``(N, C, H, W)`` in [-1, 1].
Panels = dict[str, Tensor]


def panels_of(module: Any, data: Any, count: int) -> list[Panels]:
    """The pictures of a module, one group for each direction, with ``count`` rows each.

    Args:
        module: see the top of this file.
        data: its data module.
        count: inputs of one direction.
    """
    if not translates(module):
        return [dict(module.panels(data.preview(count)))]
    domains = list(dict.fromkeys(source for source, _ in module.directions))
    if len(module.domains) > 2:
        # Every domain's own row, led to all others.
        return [_into_all(module, data, domain, max(1, count // 2)) for domain in domains]
    return [_one_way(module, data, one, other, count) for one, other in module.directions]


def grid_of_panels(groups: list[Panels]) -> Tensor:
    """One image ``(3, H, W)``: groups below each other, a row for each input."""
    grids = []
    for panels in groups:
        columns = [as_colour(column) for column in panels.values()]
        rows = torch.stack(columns, 1).flatten(0, 1)
        grids.append(make_grid(rows, nrow=len(columns), padding=2, pad_value=1.0))
    width = max(grid.shape[2] for grid in grids)
    padded = [torch.nn.functional.pad(g, (0, width - g.shape[2], 0, 6), value=1.0) for g in grids]
    return torch.cat(padded, 1)


def as_colour(images: Tensor) -> Tensor:
    """Images of any number of channels as three, on the CPU: grey is repeated, more are cut."""
    images = images.float().cpu().clamp(-1.0, 1.0)
    return images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)


def _one_way(module: Any, data: Any, source: str, target: str, count: int) -> Panels:
    known, truth = true_pairs(data), None
    if known is not None:
        items = [known[i] for i in strided_indices(len(known), count)]
        inputs, truth = (
            from_uint8(torch.stack([torch.as_tensor(item[key]) for item in items]))
            for key in (source, target)
        )
    else:
        inputs = _some(data, source, count)
    fake = module.translate(inputs, source, target)
    panels = {source: inputs, f"{source} to {target}": fake}
    if (target, source) in module.directions:
        panels[f"back to {source}"] = module.translate(fake, target, source)
    return panels if truth is None else {**panels, f"true {target}": truth}


def _into_all(module: Any, data: Any, source: str, count: int) -> Panels:
    inputs = _some(data, source, count)
    targets = [target for one, target in module.directions if one == source]
    made = {f"{source} to {t}": module.translate(inputs, source, t) for t in targets}
    return {source: inputs, **made}


def _some(data: Any, domain: str, count: int) -> Tensor:
    images = inputs_of(data, domain, fewest=1)
    return from_uint8(torch.cat(list(read_samples(images, strided_indices(len(images), count)))))

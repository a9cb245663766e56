"""Shuffling the rows of a batch, the same way for any number of ranks."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from gan_modules.engine.noise import Noise


def permuted_rows(rows: Tensor, noise: Noise) -> Tensor:
    """This rank's part of a random permutation of the rows of all ranks.

    Two ranks together get what one process gets on the joined batch: a row may come from another
    rank. All ranks must call it together, with equally many rows; no gradient passes.

    Args:
        rows: ``(n, ...)``, floating, such as the labels of a batch.
        noise: of the module: draws the permutation.

    Returns:
        Of the shape of ``rows``.
    """
    # In float64 two rows never draw the same number: ties would leave the order to the sort.
    n, flat = len(rows), rows.flatten(1).double()
    keys = noise.uniform(n, 2, device=rows.device).double()
    everyone = _of_all_ranks(torch.cat([keys[:, :1] + keys[:, 1:] * 2.0**-24, flat], 1))
    order = everyone[:, 0].argsort(stable=True)
    own = order[noise.rank * n : (noise.rank + 1) * n]
    return everyone[own, 1:].to(rows.dtype).view(rows.shape)


def _of_all_ranks(rows: Tensor) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)

"""Samples by global index: sample ``i`` is the same for any number of ranks and any batch size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.features import FeatureSpace
from callbacks.randomness import same_randomness

_BLOCK = 256
_STRIDE = 1_000_003


def draw_bank(module: Any, space: FeatureSpace, samples: int, seed: int) -> FeatureBank:
    """Draw and describe ``samples`` samples, shared out over the ranks.

    Args:
        module: has ``draw_latents(n, generator=)`` and ``decode(z)``; with ``condition_in_turn``
            also ``decode(z, labels)``.
        space: on the module's device.
        samples: over all ranks.
        seed: latents of block b come from a generator seeded by (seed, b).

    Returns:
        The features of all samples in global order, on every rank.
    """
    builder = BankBuilder(space, samples)
    for drawn in draw_share(module, builder.indices, samples, seed):
        builder.add(drawn)
    return builder.finish()


def draw_share(module: Any, indices: Sequence[int], samples: int, seed: int) -> Iterator[Tensor]:
    """Draw some of ``samples`` samples, in stacks of at most 256.

    The global random states are put back once all stacks have been taken.

    Args:
        module: as for :func:`draw_bank`.
        indices: which of the samples, in rising order.
        samples: over all ranks.
        seed: as for :func:`draw_bank`.

    Yields:
        Samples ``(n, ...)`` on the module's device, in the order of ``indices``.
    """
    mine = torch.tensor(list(indices), dtype=torch.int64)
    with same_randomness(seed, module.device):
        for first in range(0, samples, _BLOCK):
            rows = mine[(mine >= first) & (mine < first + _BLOCK)] - first
            if len(rows):
                own = torch.Generator().manual_seed(seed * _STRIDE + first // _BLOCK)
                latents = module.draw_latents(_BLOCK, generator=own)
                chosen = latents[rows.to(latents.device)]
                yield module.decode(chosen, *labels_in_turn(module, rows + first))


def labels_in_turn(module: Any, indices: Tensor) -> tuple[Tensor, ...]:
    """What samples are told by their global index: a class, a text; nothing for latents alone."""
    in_turn = getattr(module, "condition_in_turn", None)
    return () if in_turn is None else in_turn(indices)


def weights_judged(module: Any) -> Literal["raw", "ema"]:
    """Whether samples come from the averaged generator."""
    return "raw" if getattr(module, "generator_ema", None) is None else "ema"

"""Real statistics of a data module: computed once over all ranks, then read from the cache."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.cache import cache_path, read_arrays, write_arrays
from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.reading import (
    ReferenceData,
    ReferenceSet,
    Split,
    held_out_or_none,
    read_samples,
    strided_indices,
)
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import ScoreSettings, score_bank

#: Changes with what is kept of the reals, so that older files are not read.
_FORMAT = 2


def real_statistics(
    data: ReferenceData,
    space: FeatureSpace,
    n_fake: int,
    n_real: int | None = None,
    split: Split = "train",
    settings: ScoreSettings | None = None,
    folder: Path | None = None,
) -> RealStatistics:
    """Return the statistics and the floor of a data module's real samples.

    Every rank must call it, and all get the same. Features are computed in shares; rank 0 alone
    reads and writes files.

    Args:
        data: the data module.
        space: the feature space, on its device.
        n_fake: number of generated samples that will be scored: the floor takes as many reals.
        n_real: number of reals, evenly chosen; None for all of the split.
        split: part of the data.
        settings: of the scores; None for the defaults.
        folder: cache folder; None for the default.

    Returns:
        Statistics with their floor, from the cache where its key matches in everything: data,
        split, numbers, space, weights, resize and settings.

    Raises:
        ValueError: when there are too few reals for the settings.
    """
    chosen = ScoreSettings() if settings is None else settings
    reals = data.reference(split)
    count = len(reals) if n_real is None else min(n_real, len(reals))
    if count < chosen.least_samples:
        raise ValueError(
            f"real_statistics: {data.name} must hold at least {chosen.least_samples} {split} "
            f"images to be scored against, got {count}; add images"
        )
    key = {
        "data": data.name,
        "split": split,
        "n_real": count,
        "n_fake": n_fake,
        "space": space.id,
        "sha256": space.sha256,
        "resize": space.resize_id,
        "fingerprint": data.fingerprint(),
        "settings": chosen.line(),
        "statistics": _FORMAT,
    }
    path = cache_path("real", key, folder)
    arrays = on_rank_zero(lambda: read_arrays(path, key))
    if arrays is not None:
        return RealStatistics.from_arrays(arrays)

    bank = bank_of(reals, space, strided_indices(len(reals), count))
    held_out = None
    if split == "train":
        held_out = held_out_or_none(lambda: data.reference("held_out"))
    others = None
    if held_out is not None and len(held_out) >= n_fake:
        others = bank_of(held_out, space, strided_indices(len(held_out), n_fake))

    def compute() -> dict[str, np.ndarray]:
        found = RealStatistics.of(space, bank, data=data.fingerprint(), split=split)
        found = with_floor(found, space, bank, others, n_fake, chosen)
        arrays = found.to_arrays()
        write_arrays(path, key, arrays)
        return arrays

    return RealStatistics.from_arrays(on_rank_zero(compute))


def with_floor(
    real: RealStatistics,
    space: FeatureSpace,
    bank: FeatureBank,
    held_out: FeatureBank | None,
    n_fake: int,
    settings: ScoreSettings,
) -> RealStatistics:
    """Score real samples as if they were generated.

    With enough held-out reals these are scored against all reals. Otherwise the reals are parted
    at random: one part plays the fakes, with ``n_fake`` samples or half of all where those are
    fewer, and the rest is the reference. The names of the floor carry the number that was used.

    Args:
        real: statistics of ``bank``.
        space: the space of both.
        bank: features of the reals.
        held_out: features of ``n_fake`` other reals; None when there are too few.
        n_fake: number of generated samples that will be scored.
        settings: of the scores.

    Returns:
        ``real`` with its floor; without one where the parts would be too small to score.
    """
    if held_out is not None:
        note = f"{len(held_out)} held-out reals against {len(bank)} reals"
        return replace(real, floor=score_bank(real, held_out, settings), floor_note=note)
    count = min(n_fake, len(bank) // 2)
    if count <= max(balls.k for balls in settings.manifolds):
        return real
    order = torch.from_numpy(np.random.RandomState(settings.seed).permutation(len(bank)))
    part, rest = bank.select(order[:count]), bank.select(order[count:])
    floor = score_bank(RealStatistics.of(space, rest), part, settings)
    note = f"{len(part)} reals against {len(rest)} other reals"
    return replace(real, floor=floor, floor_note=note)


def bank_of(reals: ReferenceSet, space: FeatureSpace, indices: Sequence[int]) -> FeatureBank:
    """Features of some real samples, computed in shares; every rank must call it.

    Args:
        reals: the samples.
        space: on its device.
        indices: which, in this order.
    """
    builder = BankBuilder(space, len(indices))
    for samples in read_samples(reals, [indices[i] for i in builder.indices]):
        builder.add(samples)
    return builder.finish()

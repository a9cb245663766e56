"""From features to signals: a set of generated samples against a fixed set of real ones.

One pass over two matrices of distances gives everything; a light probe of 256 samples takes a few
hundredths of a second on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median, pstdev

import numpy as np
import torch
from torch import Tensor

from callbacks.collapse.records import CELL, WHOLE, Spread
from callbacks.collapse.score import parts_of
from callbacks.metrics.cells import k_means, nearest_centre
from callbacks.metrics.diversity import (
    effective_rank,
    mean_distance,
    nearest_distances,
    squared_distances,
    vendi_score,
)

_NEIGHBOURS = 5
_DRAWS = 64
#: Fewest real samples of a group: the neighbours must be a small part of it.
_LEAST = 16
#: Generated samples to a cell of the reals, in the mean: so many are hardly ever none by chance.
PER_CELL = 8
#: Share of the real nearest-neighbour distances below which two samples are copies.
_COPY_QUANTILE = 1e-3
_LOW_QUANTILE = 0.01
#: Share of the mean squared distance below which two places are one.
_SAME = 1e-10
#: Width of the kernel of the Vendi score: square root of this share of the median square.
_KERNEL_SHARE = 0.1


@dataclass(frozen=True)
class ReferenceGroup:
    """Real samples of the whole, of one class or of one domain, and what is usual among them.

    Attributes:
        features: float32 ``(N, d)``; as many generated samples are held against them.
        reach: float64 ``(N,)`` squared distance of each to its fifth neighbour.
        width: of the Vendi score's kernel, frozen.
        copy_distance: two samples that lie closer than this are copies.
        spread: mean distance between two of them.
        centres: float32 ``(K, d)``, of cells that the reals fall into; none where K is 0.
        band: median, 1 % quantile and spread of each signal for other real samples.
    """

    features: Tensor
    reach: Tensor
    width: float
    copy_distance: float
    spread: float
    centres: Tensor
    band: dict[str, Spread] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """N: how many generated samples a probe of this group takes."""
        return len(self.features)

    @classmethod
    def of(
        cls,
        features: Tensor,
        samples: int,
        seed: int = 0,
        logits: Tensor | None = None,
        per_cell: int = 0,
    ) -> ReferenceGroup | None:
        """Choose the reference and draw the band by half-sampling from the other reals.

        Drawing with replacement would put copies into the sets, which is what a collapse looks
        like; so every draw takes different samples.

        Args:
            features: float32 ``(M, d)`` of real samples.
            samples: N; a third of the reals where there are fewer than 3 N.
            seed: of the choice.
            logits: ``(M, C)`` verdicts of a classifier on the same samples, or None.
            per_cell: generated samples to a cell, in the mean; 0 counts none.

        Returns:
            None for fewer than 48 reals.

        Raises:
            ValueError: a sample is not finite.
        """
        count = min(samples, len(features) // 3)
        if count < _LEAST:
            return None
        if not bool(torch.isfinite(features).all()):
            raise ValueError(
                "ReferenceGroup: features must be finite, got nan or infinity among the reals; "
                "look for nan in the data"
            )
        draws = np.random.RandomState(seed)
        order = torch.from_numpy(draws.permutation(len(features)))
        chosen, others = features[order[:count]], order[count:]
        squares = squared_distances(chosen, chosen)
        reach = _reach(squares)
        middle = float(squares[~torch.eye(count, dtype=torch.bool)].median())
        blank = cls(
            features=chosen,
            reach=reach,
            width=float(np.sqrt(_KERNEL_SHARE * middle)) or 1.0,
            copy_distance=0.0,
            spread=mean_distance(squares) or 1.0,
            centres=k_means(features.float(), count // per_cell, seed) if per_cell else chosen[:0],
        )
        sets = [
            others[torch.from_numpy(draws.permutation(len(others))[:count])] for _ in range(_DRAWS)
        ]
        nearest = torch.cat(
            [nearest_distances(squared_distances(features[s], features[s])) for s in sets[:8]]
        )
        apart = nearest[nearest > 0]
        copy = float(apart.quantile(_COPY_QUANTILE)) if len(apart) else 0.0
        ready = replace(blank, copy_distance=copy)
        rows = [ready.signals(features[s], None if logits is None else logits[s]) for s in sets]
        return replace(ready, band=_band(rows))

    def signals(self, fake: Tensor, logits: Tensor | None = None) -> dict[str, float | None]:
        """Signals of one set of generated samples.

        Args:
            fake: float32 ``(N, d)``, as many as the reference has.
            logits: ``(N, C)``, or None.

        Returns:
            Values by name; all None where a sample is not finite. ``cell_00`` and so on are counts
            of samples.
        """
        if not bool(torch.isfinite(fake).all()):
            return dict.fromkeys(_NAMES)
        within = squared_distances(fake, fake)
        across = squared_distances(self.features, fake)
        fake_reach = _reach(within)
        inside = across < self.reach[:, None]
        found: dict[str, float | None] = {
            "coverage": _share(inside.any(dim=1)),
            "recall": _share((across < fake_reach[None, :]).any(dim=1)),
            "precision": _share(inside.any(dim=0)),
            "density": int(inside.sum()) / (_NEIGHBOURS * len(fake)),
            "vendi": vendi_score(within, self.width),
            "mean_distance": mean_distance(within) / self.spread,
            "duplicates": _share(nearest_distances(within) < self.copy_distance),
            "effective_rank": effective_rank(fake),
            "reals": float(self.samples),
        }
        if len(self.centres):
            homes = nearest_centre(fake.float(), self.centres)
            counts = homes.bincount(minlength=len(self.centres)).tolist()
            found |= {f"{CELL}{n:02d}": float(count) for n, count in enumerate(counts)}
        if logits is not None:
            found |= classes_drawn(logits)
        return found


def _reach(squares: Tensor) -> Tensor:
    """Squared distance of each to its fifth neighbour; of copies, a little more than nothing."""
    k = min(_NEIGHBOURS, len(squares) - 1)
    # The smallest k + 1 of a row include the sample itself.
    reach = squares.topk(k + 1, dim=1, largest=False).values[:, -1]
    # What is the same up to rounding is inside: sentences of the same words have one place.
    return reach.clamp(min=_SAME * float(squares.mean()))


_NAMES = (
    "coverage",
    "recall",
    "precision",
    "density",
    "vendi",
    "mean_distance",
    "duplicates",
    "effective_rank",
)


def classes_drawn(logits: Tensor) -> dict[str, float | None]:
    """Share of the classes that are drawn.

    A class is drawn when it has a tenth of its fair share of the samples.

    Args:
        logits: ``(N, C)``.
    """
    n, classes = logits.shape
    counts = torch.bincount(logits.argmax(dim=1), minlength=classes).double()
    drawn = int((counts >= max(1.0, 0.1 * n / classes)).sum())
    return {"modes": drawn / classes}


def _share(flags: Tensor) -> float:
    return int(flags.sum()) / flags.numel()


def _band(rows: Sequence[dict[str, float | None]]) -> dict[str, Spread]:
    names = [name for name in rows[0] if not name.startswith(CELL)]
    columns = {name: [row[name] for row in rows] for name in names}
    band = {name: _spread([v for v in values if v is not None]) for name, values in columns.items()}
    scores = [parts.score for row in rows if (parts := parts_of({WHOLE: row}, {WHOLE: band}))]
    if scores:
        band["score"] = _spread(scores)
    return band


def _spread(values: Sequence[float]) -> Spread:
    ordered = sorted(values)
    low = ordered[int(_LOW_QUANTILE * len(ordered))]
    return {"median": median(values), "low": low, "sd": pstdev(values, fmean(values))}

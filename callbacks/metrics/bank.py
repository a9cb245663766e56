"""One pass through the feature network, shared by every score.

The ranks deal the samples by global index, and bring the features together in that order: all ranks
then hold the same bank, and it is the bank that one process would have filled.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.metrics.distributed import gather_by_index, shard
from callbacks.metrics.features import FeatureSpace
from datamodules.batches import to_uint8


@dataclass(frozen=True)
class FeatureBank:
    """Features of a whole set of samples, in the order of their global index, on the CPU.

    Attributes:
        space: id of the feature space.
        features: float32 ``(N, dim)``; a row of nan stands for a sample that was not finite.
        logits: float32 ``(N, C)``, or None.
    """

    space: str
    features: Tensor
    logits: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.features)

    @property
    def problem(self) -> str:
        """Why the bank's scores are nan; empty when every sample is finite."""
        bad = int((~torch.isfinite(self.features).all(dim=1)).sum())
        return f"{bad} of {len(self)} samples are not finite" if bad else ""

    def select(self, indices: Tensor) -> "FeatureBank":
        """Return the bank of some of the samples.

        Args:
            indices: int64 ``(n,)``.
        """
        logits = None if self.logits is None else self.logits[indices]
        return FeatureBank(self.space, self.features[indices], logits)


class BankBuilder:
    """Collects one rank's share of the samples, then brings all shares together.

    Example of use on every rank: draw the samples of the indices in :attr:`indices`, in any number
    of calls of :meth:`add`, then call :meth:`finish`.

    Args:
        space: the feature space, on its device.
        total: number of samples over all ranks.

    Raises:
        ValueError: for a total below 1.
    """

    def __init__(self, space: FeatureSpace, total: int) -> None:
        if total < 1:
            raise ValueError(
                f"BankBuilder: total must be at least 1, got {total}; evaluate some samples"
            )
        self.space = space
        self.total = total
        self.indices = shard(total)
        self._features: list[Tensor] = []
        self._logits: list[Tensor] = []

    def add(self, samples: Tensor) -> None:
        """Take the next samples of this rank, in the order of :attr:`indices`.

        Args:
            samples: images ``(n, C, H, W)``, uint8 or float in [-1, 1] (then quantised), or float
                points ``(n, 2)``, on any device.

        Raises:
            ValueError: when the space cannot read them.
        """
        bad = torch.zeros(len(samples), dtype=torch.bool)
        if samples.is_floating_point():
            bad = ~torch.isfinite(samples.detach()).flatten(1).all(dim=1).cpu()
            if self.space.takes_images:
                samples = to_uint8(samples.detach().nan_to_num())
        found = self.space(samples)
        # Quantising would turn nan into some grey; the scores shall say that there is none.
        self._features.append(_blank(found.features, bad))
        if found.logits is not None:
            self._logits.append(_blank(found.logits, bad))

    def finish(self) -> FeatureBank:
        """Bring the shares of all ranks together; every rank must call it.

        Returns:
            The same bank on every rank.

        Raises:
            ValueError: when this rank added another number of samples than it has indices.
        """
        features = torch.cat([*self._features, torch.empty(0, self.space.dim)])
        bank = gather_by_index(features, self.total)
        if not self.space.has_logits:
            return FeatureBank(self.space.id, bank)
        # A rank without samples does not know the number of classes; with more ranks than samples
        # there is nothing worth scoring.
        logits = torch.cat(self._logits) if self._logits else torch.empty(0, 1)
        return FeatureBank(self.space.id, bank, gather_by_index(logits, self.total))


def _blank(rows: Tensor, bad: Tensor) -> Tensor:
    rows = rows.detach().float().cpu()
    return rows.masked_fill(bad[:, None], math.nan) if bool(bad.any()) else rows

"""Training statistics that cost nothing per batch: collected on the device, flushed rarely."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class StatisticsBuffer:
    """Means of named scalars between two flushes, over all ranks.

    Calling ``self.log`` for each key and batch costs about half a millisecond a key; here a batch
    costs one list append a key, and a flush one reduction and one transfer for all keys.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, name: str, value: Tensor) -> None:
        """Collect a scalar; its graph is dropped, its device is not left."""
        self._values.setdefault(name, []).append(value.detach())

    def latest(self, prefix: str) -> dict[str, float]:
        """The last value of each name that begins with ``prefix``; waits for the device."""
        return {
            name: float(values[-1])
            for name, values in self._values.items()
            if name.startswith(prefix)
        }

    def flush(self) -> dict[str, float]:
        """The means since the last flush; empties the buffer.

        With several ranks every rank must have collected the same names equally often, and all
        of them get the same result.
        """
        if not self._values:
            return {}
        names = sorted(self._values)
        means = torch.stack([torch.stack(self._values[name]).double().mean() for name in names])
        self._values.clear()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(means)
            means /= dist.get_world_size()
        return dict(zip(names, means.tolist(), strict=True))

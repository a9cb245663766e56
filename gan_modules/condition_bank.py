"""Conditions kept from the first batches, for samples that nobody asked anything of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine.reduction import gathered


class ConditionBank(nn.Module):
    """The first conditions that training saw: as many as fit, the same on all ranks.

    Grids, scores and probes draw without saying what of; there are no "all sentences in turn" as
    there are all classes, so these take their place. They are buffers: a checkpoint keeps them.

    Args:
        size: how many are kept.
        *shape: of one.

    Raises:
        ValueError: if ``size`` is not positive.
    """

    rows: Tensor
    count: Tensor

    def __init__(self, size: int, *shape: int) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(
                f"ConditionBank: size must be at least 1, got {size}; 64 fill a grid of samples"
            )
        self.register_buffer("rows", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self._full = False

    def observe(self, rows: Tensor) -> None:
        """Keep rows while there is room. All ranks call it together, with equally many.

        Args:
            rows: ``(N, *shape)`` of this rank; those of all ranks are kept, in their order.
        """
        if self._full:
            return
        seen = torch.cat(gathered(rows.detach().cpu()))
        count = int(self.count)
        kept = seen[: len(self.rows) - count].to(self.rows)
        self.rows[count : count + len(kept)] = kept
        self.count += len(kept)
        self._full = count + len(kept) == len(self.rows)

    def take(self, indices: Tensor) -> Tensor:
        """``(N, *shape)``: each kept row in turn; zeros before anything was seen.

        Args:
            indices: ``(N,)`` numbers of samples.
        """
        count = max(1, int(self.count))
        return self.rows[(indices % count).to(self.rows.device)]

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        # A state from before it was full is filled on.
        self._full = False

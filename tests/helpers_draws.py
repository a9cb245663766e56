"""Noise whose draws are given, to follow a transform by hand."""

from typing import Any

import torch
from torch import Tensor

from gan_modules.engine.noise import Noise


class GivenDraws(Noise):
    """Each call returns the next of the given tables, one row an image, in the asked shape."""

    def __init__(self, *tables: Any) -> None:
        super().__init__()
        self.tables = [torch.as_tensor(table, dtype=torch.float64) for table in tables]

    def _draw(
        self,
        draw: Any,
        n: int,
        shape: tuple[int, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Tensor:
        return self.tables.pop(0).reshape(n, *shape).to(device, dtype)

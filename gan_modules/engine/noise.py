"""Randomness of a training step that does not depend on the number of ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_BLOCK = 64
_MASK = (1 << 64) - 1


class Noise:
    """Counter-based draws: row ``i`` of call ``c`` is a function of ``(seed, c, i)`` alone.

    Rank ``r`` that asks for ``n`` rows gets rows ``r*n .. (r+1)*n`` of one global table, so two
    ranks together draw what one process on the joined batch draws, and a resumed run needs two
    integers instead of generator states. Rows are made in blocks of 64; a rank makes the blocks
    that it touches and no others.

    Args:
        seed: any integer.
        rank: this process's place in the table.
    """

    def __init__(self, seed: int = 0, rank: int = 0) -> None:
        self.seed = seed
        self.rank = rank
        self.calls = 0
        self._generators: dict[torch.device, torch.Generator] = {}

    def normal(
        self, n: int, *shape: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Standard normal rows.

        Args:
            n: rows of this rank.
            *shape: shape of one row.
            device: where they are drawn and returned.
            dtype: cast from float32, so that float64 runs see the same draws.

        Returns:
            ``(n, *shape)``.
        """
        return self._draw(torch.randn, n, shape, device, dtype)

    def uniform(
        self, n: int, *shape: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Rows uniform in [0, 1); see :meth:`normal`."""
        return self._draw(torch.rand, n, shape, device, dtype)

    def branch(self, key: int) -> Noise:
        """Another stream, a function of the seed and ``key`` alone; this one is not moved.

        Players that act together on one and the same forward each take the branch of the round and
        draw from it in the same order: they see the same latents.

        Args:
            key: from 0, such as the number of the round.
        """
        return Noise(_mix(_mix(self.seed) ^ _mix(~key & _MASK)), self.rank)

    def state_dict(self) -> dict[str, int]:
        """Seed and number of calls; the rank is not part of it."""
        return {"seed": self.seed, "calls": self.calls}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue where :meth:`state_dict` was taken, on any rank."""
        self.seed, self.calls = state["seed"], state["calls"]

    def _draw(
        self,
        draw: Callable[..., Tensor],
        n: int,
        shape: tuple[int, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Tensor:
        generator = self._generators.get(device)
        if generator is None:
            generator = self._generators[device] = torch.Generator(device)
        options: dict[str, Any] = {"generator": generator, "device": device}
        first, last = self.rank * n // _BLOCK, -(-(self.rank + 1) * n // _BLOCK)
        blocks = []
        for block in range(first, last):
            generator.manual_seed(_mix(_mix(self.seed) ^ _mix(self.calls << 24 | block)) >> 1)
            blocks.append(draw(_BLOCK, *shape, **options))
        self.calls += 1
        start = self.rank * n - first * _BLOCK
        return torch.cat(blocks)[start : start + n].to(dtype)


def _mix(value: int) -> int:
    """The splitmix64 finaliser: neighbouring counters give unrelated seeds."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _MASK
    return value ^ value >> 31

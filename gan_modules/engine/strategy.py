"""``strategy: gan_ddp``: data parallelism that reduces the acting player's gradients only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry
from torch import Tensor, nn

from gan_modules.engine.player import Player


class GanDDPStrategy(DDPStrategy):
    """DDP for games: no wrapper, one reduction a step, overlapped with its backward.

    Lightning's DDP wraps the whole module, so each player's step also reduces the other
    networks' gradients (as zeros): twice the bytes at best. Here the states are broadcast once
    at the start and the gradients of the acting player are averaged in buckets that leave as
    soon as they are full, on the last backward of its turn.

    Args:
        bucket_mb: size of a bucket in MiB.
        **kwargs: for :class:`pytorch_lightning.strategies.DDPStrategy`.
    """

    strategy_name = "gan_ddp"

    def __init__(self, *args: Any, bucket_mb: float = 25.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bucket_bytes = int(bucket_mb * 2**20)
        self._buckets: dict[str, _Buckets] = {}
        self.bytes_reduced = 0

    def configure_ddp(self) -> None:
        """Make the ranks equal instead of wrapping the module."""
        assert self.model is not None
        broadcast_tensors([*self.model.parameters(), *self.model.buffers()])

    def pre_backward(self, closure_loss: Tensor) -> None:
        """Nothing to prepare: there is no DDP reducer."""

    def post_backward(self, closure_loss: Tensor) -> None:
        """Nothing to finish: :meth:`reducing` does."""

    @contextmanager
    def reducing(self, player: Player) -> Iterator[None]:
        """Around the last backward of a turn; on exit ``.grad`` is the mean over ranks."""
        buckets = self._buckets.get(player.name)
        if buckets is None or buckets.parameters is not player.trainable:
            if buckets is not None:
                buckets.remove()
            buckets = self._buckets[player.name] = _Buckets(player.trainable, self._bucket_bytes)
        buckets.arm()
        try:
            yield
            self.bytes_reduced += buckets.finish()
        finally:
            buckets.armed = False

    def teardown(self) -> None:
        """Take the gradient hooks off again."""
        for buckets in self._buckets.values():
            buckets.remove()
        self._buckets.clear()
        super().teardown()


class _Buckets:
    """One player's parameters in flat buckets, in the order in which backward fills them."""

    def __init__(self, parameters: list[nn.Parameter], bucket_bytes: int) -> None:
        self.parameters = parameters
        self.armed = False
        self._buckets = partition(parameters, bucket_bytes)
        self._bucket_of = {p: i for i, bucket in enumerate(self._buckets) for p in bucket}
        self._hooks = [p.register_post_accumulate_grad_hook(self._arrived) for p in parameters]

    def arm(self) -> None:
        self.armed = True
        self._missing = [len(bucket) for bucket in self._buckets]
        self._sent: list[tuple[Tensor, Any, list[bool]]] = []

    def _arrived(self, parameter: Tensor) -> None:
        if not self.armed:
            return
        self._missing[self._bucket_of[parameter]] -= 1  # type: ignore[index]
        # Strictly in index order, so that all ranks launch the same collectives in the same order.
        while len(self._sent) < len(self._buckets) and not self._missing[len(self._sent)]:
            self._send()

    def _send(self) -> None:
        bucket = self._buckets[len(self._sent)]
        absent = [p.grad is None for p in bucket]
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in bucket]
        )
        self._sent.append((flat, dist.all_reduce(flat, async_op=True), absent))

    def finish(self) -> int:
        """Send the rest, wait, average, write back; returns the bytes reduced."""
        while len(self._sent) < len(self._buckets):
            self._send()
        world, total = dist.get_world_size(), 0
        for bucket, (flat, work, absent) in zip(self._buckets, self._sent, strict=True):
            work.wait()
            flat /= world
            total += flat.numel() * flat.element_size()
            parts = flat.split([p.numel() for p in bucket])
            for parameter, part, missing in zip(bucket, parts, absent, strict=True):
                if not missing:
                    assert parameter.grad is not None
                    parameter.grad.copy_(part.view_as(parameter))
                elif part.any():
                    parameter.grad = part.view_as(parameter).clone()
                # Absent on all ranks stays None, as in one process: Adam must skip it.
        self._sent = []
        return total

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()


def partition(parameters: Sequence[nn.Parameter], limit: int) -> list[list[nn.Parameter]]:
    """Parameters in flat buckets of at most ``limit`` bytes, in the order backward fills them."""
    buckets: list[list[nn.Parameter]] = []
    size = 0
    for parameter in reversed(parameters):
        bytes_ = parameter.numel() * parameter.element_size()
        if not buckets or size + bytes_ > limit or buckets[-1][0].dtype != parameter.dtype:
            buckets.append([])
            size = 0
        buckets[-1].append(parameter)
        size += bytes_
    return buckets


@torch.no_grad()
def broadcast_tensors(tensors: Sequence[Tensor]) -> None:
    """Overwrite ``tensors`` with rank 0's, in one message per dtype."""
    if not (dist.is_available() and dist.is_initialized()):
        return
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        group = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.broadcast(flat, src=0)
        for tensor, part in zip(group, flat.split([t.numel() for t in group]), strict=True):
            tensor.copy_(part.view_as(tensor))


StrategyRegistry.register(
    GanDDPStrategy.strategy_name,
    GanDDPStrategy,
    description="reduces only the acting player's gradients",
)

"""The few collectives that an evaluation needs; with one process each of them does nothing.

Samples are dealt by global index: index i belongs to rank ``i % world``. Nothing is padded or
repeated, so the ranks may hold unlike numbers of samples.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank and the number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def shard(total: int, rank: int | None = None, world: int | None = None) -> range:
    """Return the global indices that a rank owns, in rising order.

    Args:
        total: number of samples over all ranks.
        rank: the rank; None for this process's.
        world: number of ranks; None for the running number.
    """
    here, everywhere = rank_and_world()
    return range(here if rank is None else rank, total, everywhere if world is None else world)


def gather_by_index(rows: Tensor, total: int) -> Tensor:
    """Bring the rows of all ranks together in the order of the global index.

    Every rank must call it. Any device works: the rows travel on the accelerator when the backend
    is nccl.

    Args:
        rows: ``(n, ...)`` with row j belonging to global index ``rank + j * world``.
        total: number of rows over all ranks.

    Returns:
        ``(total, ...)`` on the device of ``rows``, the same on every rank.

    Raises:
        ValueError: when this rank does not hold its share.
    """
    rank, world = rank_and_world()
    own = len(shard(total, rank, world))
    if len(rows) != own:
        raise ValueError(
            f"gather_by_index: rank {rank} of {world} must hold {own} of {total} rows, "
            f"got {len(rows)}; add one sample for each index of shard()"
        )
    if world == 1:
        return rows
    longest = len(shard(total, 0, world))
    carrier = rows.device if dist.get_backend() != "nccl" else torch.device("cuda")
    padded = torch.zeros(longest, *rows.shape[1:], dtype=rows.dtype, device=carrier)
    padded[:own] = rows.to(carrier)
    parts = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(parts, padded)
    # Row j of rank r is index r + j * world: stacking ranks second restores the order, and the
    # padding of short ranks falls behind the last index.
    return torch.stack(parts, dim=1).flatten(0, 1)[:total].to(rows.device)


def on_rank_zero(work: Callable[[], T]) -> T:
    """Run something on rank 0 only and give its result to all ranks.

    Files are read and written this way, so ranks cannot disagree about what they saw. Every rank
    must call it. An exception of rank 0 is raised on all ranks: none is left waiting.

    Args:
        work: takes nothing; its result must be picklable.

    Returns:
        The result of rank 0.

    Raises:
        Exception: whatever ``work`` raised.
    """
    rank, world = rank_and_world()
    if world == 1:
        return work()
    outcome: list[tuple[T | None, Exception | None]] = [(None, None)]
    if rank == 0:
        try:
            outcome[0] = (work(), None)
        except Exception as error:
            outcome[0] = (None, _sendable(error))
    dist.broadcast_object_list(outcome, src=0)
    result, failure = outcome[0]
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]


def _sendable(error: Exception) -> Exception:
    # Exceptions of libraries often cannot be rebuilt from a pickle, and would leave ranks waiting.
    if type(error).__module__ == "builtins":
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")

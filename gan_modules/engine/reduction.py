"""What ranks tell each other: means inside a loss, and states for a checkpoint.

A loss that is a mean over samples needs no word: gradients are averaged over ranks after the
backward. A loss of a batch mean, such as ``|E f(x) - E f(G(z))|^2``, does: the mean of two ranks'
values is not the value of the joined batch. Write it with :func:`mean_over_ranks` and it is.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def mean_over_ranks(tensor: Tensor) -> Tensor:
    """The mean of ``tensor`` over all ranks, differentiable any number of times.

    For a mean over samples of one rank it is the mean over the joined batch, if all ranks have
    equally many. Backward averages what arrives over the ranks: that is the derivative of the sum
    of all ranks' losses. The engine then averages parameter gradients, so a step follows the mean
    of the ranks' losses: the very loss of the joined batch if each rank computes it from this.

    All ranks must call it together, and must take the same derivatives. Without a process group
    it returns ``tensor`` itself.

    Args:
        tensor: floating, of one shape on all ranks.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return tensor
    mean: Tensor = _MeanOverRanks.apply(tensor)
    return mean


def joined_over_ranks(tensor: Tensor) -> Tensor:
    """The rows of all ranks, one rank after the other; differentiable as :func:`mean_over_ranks`.

    For a loss that compares each sample with all others. All ranks must call it together. Without
    a process group it returns ``tensor`` itself.

    Args:
        tensor: floating ``(N, ...)``, of one shape on all ranks.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return tensor
    parts = [torch.zeros_like(tensor)] * dist.get_world_size()
    parts[dist.get_rank()] = tensor
    return mean_over_ranks(torch.cat(parts)) * len(parts)


class _MeanOverRanks(torch.autograd.Function):
    """A linear map that is its own transpose, so that backward is the map itself."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        # Through apply, so that a gradient of this gradient is reduced as well.
        return _MeanOverRanks.apply(gradient)


def gathered(state: Any) -> list[Any]:
    """One object of each rank, in the order of the ranks; all ranks must call it together.

    Args:
        state: tensors and plain data, such as what a rank alone knows and a checkpoint must keep.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return [state]
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, state)
    return states

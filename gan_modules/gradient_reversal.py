"""Two players in one backward: what is descended on one side is ascended on the other.

Ganin, Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", 2014, arXiv:1409.7495.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def reverse_gradient(x: Tensor, weight: float = 1.0) -> Tensor:
    """``x`` itself, whose gradient arrives multiplied by ``-weight``.

    Put between an encoder and a classifier, it lets the classifier learn and the encoder unlearn
    in one step. Differentiable any number of times; each derivative is reversed in turn.

    Args:
        x: any floating tensor.
        weight: the paper's lambda.
    """
    same: Tensor = _Reverse.apply(x, weight)
    return same


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient * -ctx.weight, None

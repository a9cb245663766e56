"""What score functions return: a number, its spread, and why where there is no number."""

from typing import NamedTuple

import torch
from torch import Tensor


class Score(NamedTuple):
    """One number, with what is known about it.

    Attributes:
        value: the score; nan when it could not be computed.
        spread: standard error or standard deviation, as the function says; nan when there is none.
        reason: why ``value`` is nan; empty otherwise.
    """

    value: float
    spread: float = float("nan")
    reason: str = ""

    def __float__(self) -> float:
        """Return the value alone."""
        return self.value


def non_finite(**named: Tensor) -> str:
    """Name the first tensor that holds a nan or an infinity.

    Args:
        **named: tensors of any shape under the names that the reason shall use.

    Returns:
        A reason such as ``"fake holds non-finite values"``; empty when all are finite.
    """
    for name, tensor in named.items():
        if not bool(torch.isfinite(tensor).all()):
            return f"{name} holds non-finite values"
    return ""


def check_features(owner: str, least: int, **named: Tensor) -> None:
    """Refuse what is not a matrix of features, or holds too few rows.

    Args:
        owner: name of the function that asks; it opens the message.
        least: smallest number of rows that makes sense.
        **named: tensors ``(N, d)`` under the argument's names; all must share ``d``.

    Raises:
        ValueError: for another number of dimensions, too few rows, or unlike widths.
    """
    widths = {}
    for name, tensor in named.items():
        if tensor.dim() != 2:
            raise ValueError(
                f"{owner}: {name} must have shape (N, d), got {tuple(tensor.shape)}; "
                "flatten each sample to one row of features"
            )
        if tensor.shape[0] < least:
            raise ValueError(
                f"{owner}: {name} must hold at least {least} samples, got {tensor.shape[0]}; "
                "evaluate more samples"
            )
        widths[name] = tensor.shape[1]
    if len(set(widths.values())) > 1:
        raise ValueError(
            f"{owner}: features must share one width, got {widths}; use one feature space for both"
        )

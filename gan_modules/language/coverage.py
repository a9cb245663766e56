"""Coverage: looking again at what was looked at before is a loss, so nothing is said twice.

See, Liu, Manning, "Get To The Point: Summarization with Pointer-Generator Networks", 2017,
arXiv:1704.04368, equations 10 and 12.
"""

from __future__ import annotations

from torch import Tensor


def looked_again(attention: Tensor) -> Tensor:
    """``sum_i min(a_ti, c_ti)`` with ``c_t = a_0 + ... + a_(t-1)``: ``(N, T)`` in [0, 1].

    Args:
        attention: ``(N, T, S)`` of each word that is written to those that were read.
    """
    covered = attention.cumsum(1) - attention
    return attention.minimum(covered).sum(2)

"""Times of collectives and of waiting, as formulas. Bytes and seconds throughout.

Ring and hierarchical all-reduce as in Thakur, Rabenseifner, Gropp, "Optimization of Collective
Communication Operations in MPICH", 2005: a part travels ``n - 1`` hops to be summed and ``n - 1``
more to be known to all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Link:
    """What connects two neighbours.

    Attributes:
        bandwidth: bytes per second, in one direction.
        latency: seconds that a message takes besides.
    """

    bandwidth: float
    latency: float


def ring_seconds(size: float, ranks: int, link: Link) -> float:
    """All-reduce of ``size`` bytes over a ring."""
    if ranks == 1:
        return 0.0
    return 2 * (ranks - 1) * (size / ranks / link.bandwidth + link.latency)


def hierarchical_seconds(
    size: float, nodes: int, a_node: int, inside: Link, outside: Link
) -> float:
    """All-reduce in three: sums within each node, over the nodes by parts, and back within each.

    Args:
        size: bytes.
        nodes: how many.
        a_node: ranks on each; each has a link of its own to the outside.
        inside: between ranks of a node.
        outside: between nodes.
    """
    # Reduce-scatter and all-gather inside are the two halves of a ring.
    return ring_seconds(size, a_node, inside) + ring_seconds(size / a_node, nodes, outside)


def gather_seconds(size: float, ranks: int, link: Link) -> float:
    """All-gather over a ring; ``size`` bytes are what every rank has in the end."""
    return (ranks - 1) * (size / ranks / link.bandwidth + link.latency)


def broadcast_seconds(size: float, ranks: int, link: Link) -> float:
    """Rank 0's bytes to all, in a pipelined tree: once through, and a latency for each level."""
    if ranks == 1:
        return 0.0
    return size / link.bandwidth + math.ceil(math.log2(ranks)) * link.latency


def exposed_seconds(
    buckets: Sequence[float], backward: float, cost: Callable[[float], float]
) -> float:
    """What a reduction adds to a backward that it overlaps with.

    A bucket leaves when it is full and the one before has arrived, as in ``gan_ddp``; backward
    fills them at an even rate.

    Args:
        buckets: bytes of each, in the order in which they are filled.
        backward: seconds.
        cost: seconds to reduce so many bytes.
    """
    total, filled, arrived = sum(buckets), 0.0, 0.0
    for size in buckets:
        filled += size
        arrived = max(arrived, backward * filled / total) + cost(size)
    return max(0.0, arrived - backward)


def expected_slowest(ranks: int, spread: float) -> float:
    """Mean of the largest of ``ranks`` lognormal factors whose own mean is 1.

    Args:
        ranks: how many that wait for each other.
        spread: standard deviation of a factor's logarithm.
    """
    z, step = np.linspace(-10.0, 10.0, 8001, retstep=True)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    factor = np.exp(spread * z - spread * spread / 2)
    return float((factor * ranks * density * below ** (ranks - 1)).sum() * step)

"""From levels of an oracle to labels: where a generator is healthy, and where it has collapsed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch
from torch import Tensor

Label = Literal["early", "healthy", "grey", "collapsed"]

#: A level below this share of its peak is a collapse where it lasts ...
COLLAPSED_BELOW = 0.60
#: ... this many probes; at or above the other share a generator is healthy,
HEALTHY_FROM = 0.85
LASTING = 3
#: once it has reached this level at all.
LEARNED_FROM = 0.30


@dataclass(frozen=True)
class Labels:
    """What is true of a sequence of probes.

    Attributes:
        labels: of every probe.
        onset: first probe of the first collapse; None where there is none.
    """

    labels: tuple[Label, ...]
    onset: int | None

    @property
    def learned(self) -> bool:
        """Whether there was ever anything to lose."""
        return any(label in ("healthy", "collapsed") for label in self.labels)


def level(classes: Tensor, count: int, asked: Tensor | None = None) -> tuple[float, float]:
    """Share of a distribution that samples show: good samples times the modes they spread over.

    Args:
        classes: ``(N,)`` mode of each sample, -1 for junk.
        count: number of modes C.
        asked: ``(N,)`` the mode that was asked for; another one is junk.

    Returns:
        The level ``hq exp(H(p)) / C`` in [0, 1], p the shares of the modes among the good samples,
        and its second factor alone, ``exp(H(p)) / C``: the share of the modes.
    """
    good = classes >= 0
    if asked is not None:
        good &= classes == asked
    kept = classes[good]
    if not len(kept):
        return 0.0, 0.0
    shares = torch.bincount(kept, minlength=count).double() / len(kept)
    spread = math.exp(float(torch.special.entr(shares).sum())) / count
    return float(good.double().mean()) * spread, spread


def label(levels: Sequence[float]) -> Labels:
    """Apply the rule to a run.

    A collapse begins at the first probe below ``COLLAPSED_BELOW`` of the peak that is followed by
    two more; it ends with the first probe that is healthy again. The peak is the running maximum
    of the medians of three, and does not grow during a collapse.

    Args:
        levels: of all probes, from :func:`level`.
    """
    found: list[Label] = []
    onset: int | None = None
    peak, learned, collapsed = 0.0, False, False
    for now, value in enumerate(levels):
        learned = learned or value >= LEARNED_FROM
        if not collapsed:
            peak = max(peak, median(levels[max(0, now - 2) : now + 1]))
        following = levels[now : now + LASTING]
        lasts = len(following) == LASTING and max(following) < COLLAPSED_BELOW * peak
        if not learned:
            found.append("early")
            continue
        if not collapsed and lasts:
            collapsed = True
            onset = now if onset is None else onset
        elif collapsed and value >= HEALTHY_FROM * peak:
            collapsed = False
        if collapsed:
            found.append("collapsed")
        else:
            found.append("healthy" if value >= HEALTHY_FROM * peak else "grey")
    return Labels(tuple(found), onset)

"""Are samples nearer to the training set than held-out reals are? Two tests on nearest neighbours.

The copy rate asks it of absolute distances: which share of the samples lies closer to a training
image than all but 1 % of held-out images do. Authenticity (Alaa et al., "How Faithful is your
Synthetic Data?", 2022, arXiv:2102.08921) asks it of distances in units of the neighbourhood: is a
sample closer to a training image than that image's own nearest training neighbour is?
"""

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from callbacks.metrics.binomial import beta_quantile, share_bounds

Level = Literal["fresh", "suspect", "memorised"]
LEVELS: tuple[Level, ...] = ("fresh", "suspect", "memorised")

# Distances below this share of the median held-out distance are rounding.
_SAME = 1e-5


@dataclass(frozen=True)
class CopyTest:
    """Share of samples that lie nearer to the training set than 99 % of held-out reals do.

    Attributes:
        threshold: the distance below which a sample counts as a copy, the 1 % quantile of the
            held-out distances.
        copies: samples at or below it.
        samples: number of samples.
        null: the same share of the held-out reals, 1 % but for ties.
        tolerated: the share that data without copies may reach: twice the null, or more where so
            few held-out reals were there that the quantile itself is uncertain.
        lower: one-sided 99 % Clopper-Pearson bound of the true share.
        flipped: share of the copies that had to be mirrored first; None without copies.
        ratio: median over the copies of their distance to the match, in units of the distance from
            the match to its own nearest training sample; None without copies or those distances.
    """

    threshold: float
    copies: int
    samples: int
    null: float
    tolerated: float
    lower: float
    flipped: float | None
    ratio: float | None = None

    @property
    def rate(self) -> float:
        """Share of copies among the samples."""
        return self.copies / self.samples

    @property
    def level(self) -> Level:
        """``suspect`` when surely above what is tolerated, ``memorised`` when also above 10 %.

        Blurred samples in the densest part of the data lie close to it without being copies, such
        as averages of the digit 1; copies lie much closer to their match than its neighbours do.
        """
        if self.lower <= self.tolerated:
            return "fresh"
        near = self.ratio is None or self.ratio < 0.5
        return "memorised" if near and self.lower > 0.10 else "suspect"

    @classmethod
    def of(
        cls,
        distances: Tensor,
        held_out: Tensor,
        flipped: Tensor | None = None,
        kin: Tensor | None = None,
    ) -> "CopyTest":
        """Compare distances to the nearest training sample.

        Args:
            distances: ``(N,)`` of the samples, N at least 1.
            held_out: ``(M,)`` of held-out reals, under the same changes of the image.
            flipped: bool ``(N,)``, whether the match needs a mirror; None: no.
            kin: ``(N,)`` from each match to its own nearest training sample.

        Raises:
            ValueError: when there are fewer than 100 held-out distances.
        """
        if len(held_out) < 100:
            raise ValueError(
                f"CopyTest: held_out must hold at least 100 distances, got {len(held_out)}; their "
                "1 % quantile says what a copy is, so hold out more images"
            )
        distances, held_out = distances.double(), held_out.double()
        rounding = _SAME * float(held_out.median())
        threshold = max(float(held_out.quantile(0.01)), rounding)
        near = distances <= threshold
        copies, samples = int(near.sum()), len(distances)
        below = max(1, int((held_out <= threshold).sum()))
        null = below / len(held_out)
        # The true share of fresh data below an order statistic is a Beta variable.
        uncertain = beta_quantile(0.99, below, len(held_out) + 1 - below)
        share = ratio = None
        if copies:
            share = 0.0 if flipped is None else int((near & flipped).sum()) / copies
            ratio = None if kin is None else _ratio(distances[near], kin[near])
        return cls(
            threshold=threshold,
            copies=copies,
            samples=samples,
            null=null,
            tolerated=max(2.0 * max(null, 0.01), uncertain),
            lower=share_bounds(copies, samples)[0],
            flipped=share,
            ratio=ratio,
        )


@dataclass(frozen=True)
class Authenticity:
    """AuthPct: share of samples that are not closer to a training sample than that one's own kin.

    Attributes:
        share: of the samples that are authentic, in [0, 1].
        samples: number of samples.
        ratio: median of the sample's distance over that of the training sample's neighbour.
        null: the share among held-out reals; None without them. It is not 1: of fresh samples of
            one distribution somewhat more than half are authentic.
        held_out: number of held-out reals.
    """

    share: float
    samples: int
    ratio: float
    null: float | None = None
    held_out: int = 0

    @property
    def gap(self) -> float | None:
        """How far the samples' share lies below that of held-out reals."""
        return None if self.null is None else self.null - self.share

    @property
    def error(self) -> float | None:
        """Standard error of the gap."""
        if self.null is None:
            return None
        mine, theirs = self.share * (1 - self.share), self.null * (1 - self.null)
        return math.sqrt(mine / self.samples + theirs / self.held_out)

    @property
    def flagged(self) -> bool:
        """Whether the gap is above 0.1 and above three standard errors.

        Without held-out reals, whether surely nine of ten samples are not authentic.
        """
        gap, error = self.gap, self.error
        if gap is None or error is None:
            return share_bounds(round(self.share * self.samples), self.samples)[1] < 0.10
        return gap > 0.1 and gap > 3.0 * error

    @classmethod
    def of(
        cls,
        distances: Tensor,
        kin: Tensor,
        held_out: Tensor | None = None,
        held_out_kin: Tensor | None = None,
    ) -> "Authenticity":
        """Count the samples that lie further from their match than the match from its neighbour.

        Args:
            distances: ``(N,)`` of the samples to their nearest training sample.
            kin: ``(N,)`` from that training sample to its own nearest training sample.
            held_out: ``(M,)`` the same distances of held-out reals; None without them.
            held_out_kin: ``(M,)`` for them.
        """
        own = cls(_share(distances, kin), len(distances), _ratio(distances, kin))
        if held_out is None or held_out_kin is None:
            return own
        null = _share(held_out, held_out_kin)
        return cls(own.share, own.samples, own.ratio, null, len(held_out))


def _share(distances: Tensor, kin: Tensor) -> float:
    return int((distances > kin).sum()) / len(distances)


def _ratio(distances: Tensor, kin: Tensor) -> float:
    # Two equal training samples have no distance between them.
    return float((distances.double() / kin.double().clamp_min(1e-12)).median())

"""The copy rate: are samples nearer to the training set than held-out reals are?

The copies of a generator lie closer to a training image than all but 1 % of held-out images do.
"""

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
    """

    threshold: float
    copies: int
    samples: int
    null: float
    tolerated: float
    lower: float
    flipped: float | None

    @property
    def rate(self) -> float:
        """Share of copies among the samples."""
        return self.copies / self.samples

    @property
    def level(self) -> Level:
        """``suspect`` when surely above what is tolerated, ``memorised`` when also above 10 %."""
        if self.lower <= self.tolerated:
            return "fresh"
        return "memorised" if self.lower > 0.10 else "suspect"

    @classmethod
    def of(cls, distances: Tensor, held_out: Tensor, flipped: Tensor | None = None) -> "CopyTest":
        """Compare distances to the nearest training sample.

        Args:
            distances: ``(N,)`` of the samples, N at least 1.
            held_out: ``(M,)`` of held-out reals, under the same changes of the image.
            flipped: bool ``(N,)``, whether the match needs a mirror; None: no.

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
        # The order statistic itself: between it and the next one, fresh data would have more.
        place = len(held_out) // 100
        threshold = max(float(held_out.kthvalue(place).values), rounding)
        near = distances <= threshold
        copies, samples = int(near.sum()), len(distances)
        below = int((held_out <= threshold).sum())
        null = below / len(held_out)
        # The true share of fresh data below an order statistic is a Beta variable.
        uncertain = beta_quantile(0.99, below, len(held_out) + 1 - below)
        share = None
        if copies:
            share = 0.0 if flipped is None else int((near & flipped).sum()) / copies
        return cls(
            threshold=threshold,
            copies=copies,
            samples=samples,
            null=null,
            tolerated=max(2.0 * max(null, 0.01), uncertain),
            lower=share_bounds(copies, samples)[0],
            flipped=share,
        )

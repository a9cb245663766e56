"""Is a sample nearer to a training image than that image's own neighbours are?

Alaa et al., "How Faithful is your Synthetic Data?", 2022, arXiv:2102.08921, call a sample authentic
that is not. What that says depends on the data, so held-out reals are asked the same.

Distances alone cannot tell a copy from a blurred or an average image: that one lies close to many
training images, closer than they lie to each other, and in a generator that has collapsed all
samples may. A copy lies close to one image and far from its neighbours. Carlini et al., "Extracting
Training Data from Diffusion Models", 2023, arXiv:2301.13188, section 4, part them in this way.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from callbacks.metrics.binomial import share_bounds

# A twin lies at most so far from its match, in units of the match's distance to its neighbour.
# Measured on digits and emoji: means of near images stay above, copies with noise below.
_TWIN = 1.0 / 3.0
_NO_NULL = 0.5


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


@dataclass(frozen=True)
class Twins:
    """Samples that match one training sample much better than its neighbours do.

    Attributes:
        twins: samples at most a third as far from their match as that is from its own neighbour.
        samples: number of samples.
        null: the share of twins among held-out reals; None without them.
        tolerated: the share that data without copies may reach: 2 %, or what the held-out reals'
            own share may be; one half without them.
        lower: one-sided 99 % Clopper-Pearson bound of the samples' true share.
    """

    twins: int
    samples: int
    null: float | None
    tolerated: float
    lower: float

    @property
    def rate(self) -> float:
        """Share of twins among the samples."""
        return self.twins / self.samples

    @property
    def flagged(self) -> bool:
        """Whether there are surely more than is tolerated."""
        return self.lower > self.tolerated

    @classmethod
    def of(
        cls,
        distances: Tensor,
        kin: Tensor,
        held_out: Tensor | None = None,
        held_out_kin: Tensor | None = None,
    ) -> "Twins":
        """Count twins.

        Args:
            distances: as for :meth:`Authenticity.of`, and so are the others.
            kin: ``(N,)``.
            held_out: ``(M,)``.
            held_out_kin: ``(M,)``.
        """
        twins = int((distances <= _TWIN * kin).sum())
        null, tolerated = None, _NO_NULL
        if held_out is not None and held_out_kin is not None:
            reals = int((held_out <= _TWIN * held_out_kin).sum())
            null = reals / len(held_out)
            tolerated = max(0.02, share_bounds(reals, len(held_out))[1])
        lower = share_bounds(twins, len(distances))[0]
        return cls(twins, len(distances), null, tolerated, lower)


def _share(distances: Tensor, kin: Tensor) -> float:
    return int((distances > kin).sum()) / len(distances)


def _ratio(distances: Tensor, kin: Tensor) -> float:
    # Two equal training samples have no distance between them.
    return float((distances.double() / kin.double().clamp_min(1e-12)).median())

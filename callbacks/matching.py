"""A training set in one feature space, and samples that are matched against it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from callbacks.metrics.augmentations import Augmentation
from callbacks.metrics.distributed import gather_by_index, shard
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.frechet import Moments, frechet_distance, frechet_from_features
from callbacks.metrics.memorization import Side
from callbacks.metrics.mifid import PUBLISHED_THRESHOLD, InformedFrechet, training_distance
from callbacks.metrics.names import score_name
from callbacks.metrics.nearest_train import Matches, match_train
from callbacks.metrics.reading import ReferenceSet, read_samples
from callbacks.metrics.real_statistics import bank_of
from callbacks.metrics.reference import RealStatistics


class TrainingSide:
    """Features of a training set. Every rank builds it.

    Args:
        train: the training set, without augmentation.
        space: on its device.
        changes: under which samples are matched.
        informed: whether the Frechet distance with its penalty can be asked for.

    Attributes:
        features: float32 ``(M, d)`` of the training set, on the CPU.

    Raises:
        ValueError: when training samples are not finite.
    """

    def __init__(
        self,
        train: ReferenceSet,
        space: FeatureSpace,
        changes: Sequence[Augmentation],
        device: torch.device | str = "cpu",
        informed: bool = False,
    ) -> None:
        self.space, self.changes, self.device = space, changes, str(device)
        bank = bank_of(train, space, range(len(train)))
        if bank.problem:
            raise ValueError(
                f"Memorization: training samples must be finite, got {bank.problem}; look for nan "
                "in the data"
            )
        self.real: RealStatistics | None = None
        self.features = bank.features
        if informed or space.standardised:
            self.real = RealStatistics.of(space, bank, most_features=len(bank))
            self.features = self.real.features
        self.informed = informed

    def match(self, samples: Tensor, bad: Tensor | None = None) -> Side:
        """Match samples of this rank with the training set.

        Args:
            samples: uint8 images ``(N, C, H, W)``, or float points ``(N, 2)``, N at least 1.
            bad: bool ``(N,)``, samples that are not what was drawn; their distance is nan.
        """
        found = match_train(samples, self.features, self._describe, self.changes, self.device)
        if bad is not None:
            found = found._replace(distance=found.distance.masked_fill(bad, torch.nan))
        return Side(self._describe(samples).cpu(), found)

    def match_all(self, reals: ReferenceSet, indices: Sequence[int]) -> Side:
        """Match some real samples, in shares. Every rank calls it.

        Args:
            reals: such as the held-out samples.
            indices: which, in this order.

        Returns:
            All of them, on every rank.
        """
        own = [indices[i] for i in shard(len(indices))]
        return self.gather([self.match(part) for part in read_samples(reals, own)], len(indices))

    def gather(self, parts: Sequence[Side], total: int) -> Side:
        """Bring the samples of all ranks together. Every rank calls it.

        Args:
            parts: stacks of this rank, in the order of their global index.
            total: over all ranks.
        """
        features = torch.cat([torch.empty(0, self.space.dim), *(part.features for part in parts)])
        matches = Matches.join([part.matches for part in parts])
        return Side(
            gather_by_index(features, total),
            Matches(*(gather_by_index(rows, total) for rows in matches)),
        )

    def frechet(
        self, fake: Tensor, held_out: Tensor | None
    ) -> tuple[str, InformedFrechet, float | None]:
        """The Frechet distance with its penalty, under the name that is true.

        The published threshold belongs to Inception features. In other spaces, samples are
        penalised when they lie less than half as far from the training set as held-out ones do.

        Args:
            fake: ``(N, d)`` features of generated samples.
            held_out: ``(P, d)`` features; None without them.

        Returns:
            Name, score, and the distance of held-out samples to the training set.
        """
        assert self.real is not None
        name = score_name("mifd", self.real.frechet_space, self.real.verified, len(fake))
        seen = self.real.for_frechet(fake)
        if self.real.root is None:
            score = frechet_from_features(self.real.for_frechet(self.features), seen)
        else:
            score = frechet_distance(self.real.moments, Moments.of(seen), self.real.root)
        null = None if held_out is None else training_distance(held_out, self.features)
        threshold = PUBLISHED_THRESHOLD if null is None or self.real.verified else null / 2.0
        distance = training_distance(fake, self.features)
        return name, InformedFrechet(score.value, distance, threshold), null

    def _describe(self, samples: Tensor) -> Tensor:
        features = self.space(samples).features
        if self.real is None or not self.space.standardised:
            return features
        return self.real.standardise(features.cpu())

"""All scores of a set of samples against the reference, from one bank of features."""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from callbacks.metrics.bank import FeatureBank
from callbacks.metrics.classifier import classifier_score, classifier_verdicts
from callbacks.metrics.frechet import Moments, frechet_distance, frechet_from_features
from callbacks.metrics.frechet_error import frechet_error, frechet_error_from_features
from callbacks.metrics.kernel import kernel_distance
from callbacks.metrics.manifold import Neighbours, manifold_scores
from callbacks.metrics.names import error_name, score_name
from callbacks.metrics.reference import RealStatistics


@dataclass(frozen=True)
class ScoreSettings:
    """Numbers that the score functions are called with; part of the protocol.

    Attributes:
        kernel_subsets: subsets of the kernel distance.
        kernel_subset_size: samples of either side in one subset, at most.
        manifolds: conventions in which precision, recall, density and coverage are given.
        manifold_samples: most samples of either side that neighbours are sought among.
        balanced: whether both sides give equally many samples to the manifolds. Precision and
            recall depend on both numbers.
        splits: of the classifier score.
        seed: of the private draws.
    """

    kernel_subsets: int = 50
    kernel_subset_size: int = 250
    manifolds: tuple[Neighbours, ...] = (Neighbours(),)
    manifold_samples: int = 10_000
    balanced: bool = True
    splits: int = 10
    seed: int = 2020

    @classmethod
    def published(cls) -> "ScoreSettings":
        """Return the settings of the reference packages: slower, and for final numbers."""
        return cls(
            kernel_subsets=100,
            kernel_subset_size=1000,
            manifolds=(Neighbours(), Neighbours(k=3, inclusive=True)),
            manifold_samples=50_000,
            balanced=False,
        )

    @property
    def least_samples(self) -> int:
        """The fewest samples that can be scored: the k nearest neighbours of one are k others."""
        return 1 + max((balls.k for balls in self.manifolds), default=1)

    def line(self) -> str:
        """Return all settings as one line for the protocol."""
        values = asdict(self)
        values["manifolds"] = "+".join(
            f"k{balls.k}{'le' if balls.inclusive else 'lt'}" for balls in self.manifolds
        )
        return " ".join(f"{name}={value}" for name, value in values.items())


def score_bank(
    real: RealStatistics,
    fake: FeatureBank,
    settings: ScoreSettings | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Compute every score from one bank.

    Args:
        real: statistics of the reference, from the same space.
        fake: the generated samples, 2 or more.
        settings: None for the defaults.
        device: where to compute; it needs float64. The result does not depend on it but for
            rounding.

    Returns:
        Scores by name: Frechet distance (``se_`` before it: standard error), kernel distance
        (``_se``), precision, recall, density, coverage; with logits also the classifier score
        (``_sd``: spread over splits), confidence and entropies. Where
        :attr:`FeatureBank.problem` has a reason, all are nan.

    Raises:
        ValueError: when the bank is of another space, or too small.
    """
    if fake.space != real.space:
        raise ValueError(
            f"score_bank: fake must come from the space {real.space}, got {fake.space}; "
            "use one space for both sides"
        )
    chosen = ScoreSettings() if settings is None else settings
    features = real.standardise(fake.features).to(device)
    real_features = real.features.to(device)
    scores: dict[str, float] = {}

    def put(stem: str, value: float, n: int = len(fake)) -> None:
        scores[score_name(stem, real.space, real.verified, n)] = value

    scores |= frechet_scores(real, real_features, features)
    kernel = kernel_distance(
        real_features, features, chosen.kernel_subsets, chosen.kernel_subset_size, chosen.seed
    )
    put("kd", kernel.value)
    put("kd_se", kernel.spread)
    of_real, of_fake = _manifold_sides(real_features, features, chosen)
    for balls in chosen.manifolds:
        manifold = manifold_scores(of_real, of_fake, balls)._asdict()
        for stem, value in manifold.items():
            put(stem + balls.suffix, value, len(of_fake))
    if fake.logits is not None:
        score = classifier_score(fake.logits, chosen.splits, chosen.seed)
        put("cs", score.value)
        put("cs_sd", score.spread)
        for stem, value in classifier_verdicts(fake.logits)._asdict().items():
            put(stem, value)
    if fake.problem:
        return dict.fromkeys(scores, math.nan)
    return scores


def frechet_scores(
    real: RealStatistics, real_features: Tensor, features: Tensor
) -> dict[str, float]:
    """The Frechet distance and its standard error, by name.

    Args:
        real: statistics of the reference.
        real_features: those of :attr:`RealStatistics.features`, on the device of ``features``.
        features: ``(N, d)`` of generated samples, standardised.
    """
    whole = len(real_features) == real.moments.n
    seen = real.for_frechet(features)
    if whole and max(len(seen), real.moments.n) < seen.shape[1]:
        reals = real.for_frechet(real_features)
        distance = frechet_from_features(reals, seen).value
        error = frechet_error_from_features(reals, seen)
    else:
        fake = Moments.of(seen)
        fake = Moments(fake.n, fake.mean.cpu(), fake.scatter.cpu())
        distance = frechet_distance(real.moments, fake, real.root).value
        error = frechet_error(real.moments, seen, real.root)
    name = score_name("fd", real.frechet_space, real.verified, len(features))
    return {name: distance, error_name(name): error}


def _manifold_sides(real: Tensor, fake: Tensor, settings: ScoreSettings) -> tuple[Tensor, Tensor]:
    most_real = most_fake = settings.manifold_samples
    if settings.balanced:
        most_real = most_fake = min(most_real, len(real), len(fake))
    return _spread(real, most_real), _spread(fake, most_fake)


def _spread(rows: Tensor, most: int) -> Tensor:
    if len(rows) <= most:
        return rows
    return rows[torch.arange(most, device=rows.device) * len(rows) // most]

"""MIFID: the Frechet distance, made worse for samples that lie on the training set.

Bai et al., "On Training Sample Memorization: Lessons from Benchmarking Generative Modeling with a
Large-scale Competition", 2021, arXiv:2106.03062. The distance to the training set is measured from
each *generated* sample; the other way round, copies of a single image would look harmless, because
most training images are far from that one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from callbacks.metrics.scores import check_features

# Cosines held at a time, in numbers.
_BLOCK = 1 << 21

# The competition's, for Inception features.
PUBLISHED_THRESHOLD = 0.1


def training_distance(fake: Tensor, train: Tensor) -> float:
    """Mean over the samples of the smallest ``1 - |cos|`` to a training sample, 0 to 1.

    Args:
        fake: ``(N, d)`` features of the generated samples.
        train: ``(M, d)`` features of the training set. Rows of zeros have no direction; they are
            left out on both sides.

    Returns:
        The mean; 1 when no row is left on one side.
    """
    check_features("training_distance", 1, fake=fake, train=train)
    directions, others = _directions(fake), _directions(train)
    if not len(directions) or not len(others):
        return 1.0
    nearest = torch.zeros(len(directions), dtype=torch.float64, device=fake.device)
    for part in others.split(max(1, _BLOCK // len(directions))):
        nearest = torch.maximum(nearest, (directions @ part.T).abs().amax(dim=1))
    return float((1.0 - nearest).clamp_min(0.0).mean())


@dataclass(frozen=True)
class InformedFrechet:
    """The Frechet distance with its penalty.

    Attributes:
        frechet: the distance without penalty.
        distance: :func:`training_distance` of the generated samples.
        threshold: distances below it are penalised.
    """

    frechet: float
    distance: float
    threshold: float = PUBLISHED_THRESHOLD

    @property
    def penalised(self) -> bool:
        """Whether the samples lie too close to the training set."""
        return self.distance < self.threshold

    @property
    def value(self) -> float:
        """``frechet / distance`` where that is penalised, else ``frechet``.

        As in the competition's code, 1e-14 below the fraction keeps exact copies from dividing by
        zero.
        """
        return self.frechet / (self.distance + 1e-14) if self.penalised else self.frechet


def _directions(features: Tensor) -> Tensor:
    features = features.to(torch.float64)
    norms = features.norm(dim=1)
    kept = norms > 0
    return features[kept] / norms[kept, None]

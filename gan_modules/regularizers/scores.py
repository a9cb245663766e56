"""Penalties on what D says of real samples: that it does not wander, and does not waver."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import fp32_island
from gan_modules.regularizers.base import Regularizer, Score, full_precision, require_positive


class Drift(Regularizer):
    """Holds the scores of real samples near 0, where a Wasserstein loss lets them wander.

    Karras et al., arXiv:1710.10196, appendix A.1: ``weight E D(real)^2``.

    Args:
        weight: the paper's epsilon_drift.
        interval: see :class:`Regularizer`.

    Raises:
        ValueError: if ``weight`` is not positive and finite.
    """

    name = "drift"

    def __init__(self, weight: float = 1e-3, interval: int = 1) -> None:
        super().__init__(interval)
        self.weight = require_positive(self, "weight", weight)

    def penalty(self, score: Score, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """``weight`` times the mean squared score of the real samples."""
        with fp32_island(real.device.type):
            return self.weight * score(full_precision(real)).square().mean()


def inconsistency(
    scores: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor], margin: float = 0.0
) -> Tensor:
    """How far two draws of D's dropout differ on the same samples, unweighted.

    Wei et al., arXiv:1803.01541: the mean over samples of
    ``max(0, d(D', D'') + 0.1 d(f', f'') - margin)``, with ``d`` the squared difference of the
    scores, and the mean over units of the squared differences of the features. The authors' code
    subtracts the margin after weighting, which is the same at margin 0.

    Args:
        scores: raw scores ``(N,)`` of the first and of the second draw.
        features: ``(N, F)`` of the layer under the scores, likewise.
        margin: the paper's M', what two draws may differ for free; at least 0.
    """
    of_scores = (scores[0] - scores[1]).square()
    of_features = (features[0] - features[1]).square().flatten(1).mean(1)
    return F.relu(of_scores + 0.1 * of_features - margin).mean()

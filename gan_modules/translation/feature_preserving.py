"""Feature-preserving translation: the output must look to a trained network as the input did.

Taigman, Polyak, Wolf, "Unsupervised Cross-Domain Image Generation", 2016, arXiv:1611.02200,
its constancy of f for any frozen network and any translator. What changes from the direct
transform: a distance of features holds input and output together, so the translator may be deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.frozen import ContentDistance, Frozen, content_distance
from gan_modules.networks.checks import require_choice
from gan_modules.networks.efflite import EffLiteFeatures
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.translation.base import TranslationModule


class FeaturePreserving(TranslationModule):
    """``L_G = (D_b(G(a)) - 1)^2 + f d(phi(a), phi(G(a)))``, with a phi that nobody trains.

    Features must survive the change of domain and little else may: of an early layer they hold the
    translation to the very pixels, of a late one to what is seen.

    Args:
        generator: images of domain a to images of domain b.
        discriminator: images of domain b to scores.
        features: images of either domain to features ``(N, F)`` or maps of them; None:
            :class:`~gan_modules.networks.efflite.EffLiteFeatures`, for three channels on both
            sides.
        feature_weight: f above; 1 to 15 are usual.
        distance: d above: ``"squared"`` or ``"cosine"``; see
            :func:`gan_modules.frozen.content_distance`.
        objective: what the two play for; None is least squares.
        pool_size: see :class:`TranslationModule`.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and for another distance.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: nn.Module | None = None,
        feature_weight: float = 10.0,
        distance: ContentDistance = "squared",
        objective: Objective | None = None,
        pool_size: int = 50,
        discriminator_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"ab": generator},
            {"b": discriminator},
            objective or LeastSquares(scale=1.0),
            pool_size=pool_size,
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_positive(self, feature_weight=feature_weight)
        require_choice("FeaturePreserving", "distance", distance, get_args(ContentDistance))
        features = EffLiteFeatures() if features is None else features
        checks.check_networks(self, generator=generator, features=features)
        self.features = Frozen(features)
        self.feature_weight, self.distance = feature_weight, distance

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the distance of the features."""
        with torch.no_grad():
            wanted = self.features(batch["a"])
        # Through the frozen network to the translation: no_grad would leave nothing to learn from.
        found = self.features(batch["fake_b"])
        kept = content_distance(wanted, found, self.distance)
        return {**super().generator_losses(batch), "feature": self.feature_weight * kept}

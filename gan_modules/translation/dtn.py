"""DTN: the translator sees the input only through a trained network, and must bring that back.

Taigman, Polyak, Wolf, "Unsupervised Cross-Domain Image Generation", 2016, arXiv:1611.02200. What
changes from feature-preserving translation: G is the frozen network and a decoder behind it, images
of the target domain are led to themselves, and D tells three kinds apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.frozen import ContentDistance, Frozen, content_distance
from gan_modules.image_pool import ImagePool
from gan_modules.networks.checks import require_choice
from gan_modules.networks.efflite import EffLiteFeatures
from gan_modules.objectives import NonSaturating, raised
from gan_modules.total_variation import total_variation
from gan_modules.translation.base import TranslationModule

#: What D tells apart: the place of each kind in its scores.
FROM_A, FROM_B, REAL = 0, 1, 2


class DTN(TranslationModule):
    """Section 3 of arXiv:1611.02200, with ``G = g f`` and an ``f`` that nobody trains.

    D minimises ``CE(D(G(a)), 1) + CE(D(G(b)), 2) + CE(D(b), 3)``; g minimises ``CE(D(G(a)), 3) +
    CE(D(G(b)), 3) + alpha d(f(a), f(G(a))) + beta |b - G(b)|^2 + gamma TV(G(a))``.
    The paper's f was trained to name digits, or faces, of domain a.

    Args:
        generator: g: features ``(N, F)`` to images of domain b, such as a ``DCGANGenerator``.
        discriminator: images of domain b to scores ``(N, 3)`` or maps ``(N, 3, h, w)``, such as
            :class:`~gan_modules.networks.dtn.DTNDiscriminator`.
        features: f: images of either domain, which have the same channels, to features; None:
            :class:`~gan_modules.networks.efflite.EffLiteFeatures` of a grid of 4 by 4.
        feature_weight: the paper's alpha.
        identity_weight: beta; 0 is off.
        variation_weight: gamma, of a sum over pixels; 0 for digits, 0.05 for faces.
        distance: d above; see :func:`gan_modules.frozen.content_distance`.
        pool_size: see :class:`TranslationModule`; of both kinds of translations.
        **kwargs: see :class:`TranslationModule`. Penalties see the log odds of the third kind.

    Raises:
        ValueError: on numbers out of range, and for another distance.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: nn.Module | None = None,
        feature_weight: float = 15.0,
        identity_weight: float = 15.0,
        variation_weight: float = 0.0,
        distance: ContentDistance = "squared",
        pool_size: int = 0,
        **kwargs: Any,
    ) -> None:
        # D's classes take the objective's place; a penalty is checked as beside a cross entropy.
        super().__init__(
            {"ab": generator}, {"b": discriminator}, NonSaturating(), pool_size=pool_size, **kwargs
        )
        checks.check_not_negative(
            self,
            feature_weight=feature_weight,
            identity_weight=identity_weight,
            variation_weight=variation_weight,
        )
        require_choice("DTN", "distance", distance, get_args(ContentDistance))
        features = EffLiteFeatures(grid=4) if features is None else features
        checks.check_networks(self, generator=generator, features=features)
        self.features, self.distance = Frozen(features), distance
        self.feature_weight, self.identity_weight = feature_weight, identity_weight
        self.variation_weight = variation_weight
        self.pools["same"] = ImagePool(pool_size, "same b")

    def route(self, networks: nn.Module, images: Tensor, source: str, target: str) -> Tensor:
        """``g(f(images))``, of images of either domain."""
        assert isinstance(networks, nn.ModuleDict)
        led: Tensor = networks["ab"](self.features(images))
        return led

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Also ``same_b``, what becomes of images that are of the target domain already."""
        same = self.translated(batch["b"], "b", "b")
        return {**super().prepare(batch), "same_b": same}

    def score(self, domain: str, images: Tensor) -> Tensor:
        """The log odds of real against the two other kinds, ``(N, ...)``."""
        scores = self.discriminator[domain](images)
        others: Tensor = torch.logsumexp(scores[:, :REAL], 1)
        return scores[:, REAL] - others

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One term for each kind, and the penalties."""
        led = self.pools["b"](batch["fake_b"].detach(), self.noise)
        same = self.pools["same"](batch["same_b"].detach(), self.noise)
        kinds = {"from_a": (led, FROM_A), "from_b": (same, FROM_B), "real": (batch["b"], REAL)}
        weight = self.discriminator_weight
        losses = {name: weight * self.named(*kind) for name, kind in kinds.items()}
        return {**losses, **self.penalties("b", batch["b"], led)}

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Both translations taken for real, features and images brought back, smoothness."""
        led, same = batch["fake_b"], batch["same_b"]
        losses = {"adversarial_a": self.named(led, REAL), "adversarial_b": self.named(same, REAL)}
        if self.feature_weight:
            with torch.no_grad():
                wanted = self.features(batch["a"])
            kept = content_distance(wanted, self.features(led), self.distance)
            losses["feature"] = self.feature_weight * kept
        if self.identity_weight:
            losses["identity"] = self.identity_weight * F.mse_loss(same, batch["b"])
        if self.variation_weight:
            losses["variation"] = self.variation_weight * total_variation(led)
        return losses

    def named(self, images: Tensor, kind: int) -> Tensor:
        """Cross entropy of D's naming images a kind."""
        scores = raised(self.discriminator["b"](images))
        return -scores.log_softmax(1)[:, kind].mean()

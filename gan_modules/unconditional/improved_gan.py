"""ImprovedGAN: G matches the mean features of D, instead of fooling D, or beside it.

Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, "Improved Techniques for Training GANs", 2016,
arXiv:1606.03498. What changes from DCGAN (``dcgan.py``): feature matching, one-sided label
smoothing, and a discriminator that compares the images of a batch
(``networks/minibatch_discrimination.py``).
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.features import (
    FeatureDistance,
    feature_distance,
    features_and_scores,
    require_features,
)
from gan_modules.networks.checks import require_choice
from gan_modules.objectives import NonSaturating


class ImprovedGAN(AdversarialModule):
    """Sections 3.1, 3.2 and 3.4 of arXiv:1606.03498.

    With ``mode="replace"`` and a plain discriminator this is the paper's feature matching; with
    ``mode="add"`` and minibatch discrimination its recipe for good samples.
    With ``micro_batches`` the features of each part are matched on their own.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, with ``features`` and
            ``head``.
        mode: ``"replace"``: G minimises the feature distance alone; ``"add"``: the GAN's loss and
            the weighted distance. D plays its own game in both.
        feature_weight: factor of the distance.
        distance: ``"squared"``, as printed, or ``"absolute"``, as in the authors' code; see
            :func:`gan_modules.features.feature_distance`.
        real_target: D's target for real images; 0.9 is one-sided label smoothing (section 3.4).
        generator_lr: Adam's rate for G.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`AdversarialModule`.

    Raises:
        ValueError: if D has no features or head, the game has classes, ``feature_weight`` is not
            positive, or for another mode or distance.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        mode: Literal["replace", "add"] = "replace",
        feature_weight: float = 1.0,
        distance: FeatureDistance = "squared",
        real_target: float = 0.9,
        generator_lr: float = 3e-4,
        discriminator_lr: float = 3e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            NonSaturating(real_target),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )
        require_features(self, generator, discriminator)
        require_choice("ImprovedGAN", "mode", mode, ("replace", "add"))
        require_choice("ImprovedGAN", "distance", distance, get_args(FeatureDistance))
        if not feature_weight > 0:
            raise ValueError(
                f"ImprovedGAN: feature_weight must be positive, got {feature_weight}; for the game "
                "without feature matching take DCGAN"
            )
        self.mode, self.feature_weight, self.distance = mode, feature_weight, distance

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weighted feature distance, and in mode ``"add"`` the adversarial term."""
        real = batch["image"]
        fake = self.generate(len(real))
        features, scores = features_and_scores(self.discriminator, self.shown(fake))
        with torch.no_grad():
            wanted, _ = features_and_scores(self.discriminator, self.shown(real))
        distance = feature_distance(wanted, features, self.distance)
        terms = {"feature_matching": self.feature_weight * distance}
        if self.mode == "add":
            terms["adversarial"] = self.objective.generator_loss(scores)
        return {**terms, **self.weight_penalties("generator", self.generator)}

"""WGAN-CT: D, which drops units, must say nearly the same of a real image twice.

Wei, Gong, Liu, Lu, Wang, "Improving the Improved Training of Wasserstein GANs: A Consistency Term
and Its Dual Effect", 2018, arXiv:1803.01541. What changes from WGAN-GP (``wgan_gp.py``): D has
dropout, and a term holds its slope at the data itself, where the penalty seldom looks.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.base import AdversarialModule
from gan_modules.features import features_and_scores, require_features
from gan_modules.objectives import Wasserstein
from gan_modules.regularizers import GradientPenalty, inconsistency

_Dropout = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)


class WGANCT(AdversarialModule):
    """The loss of arXiv:1803.01541, with the settings of its CIFAR-10 runs.

    Dropout masks are drawn by each rank on its own; all else is the same for any number of ranks.

    Args:
        generator: latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` in [-1, 1].
        discriminator: images ``(N, C, H, W)`` to raw scores ``(N,)``, with ``features``, ``head``
            and dropout, which acts in every call; no BatchNorm.
        consistency_weight: the paper's lambda_2.
        margin: the paper's M', what two looks may differ for free; 0 to 0.2.
        penalty_weight: the paper's lambda_1.
        discriminator_steps: D updates per G update.
        generator_lr: Adam's alpha for G.
        discriminator_lr: Adam's alpha for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`AdversarialModule`; the authors' rates fall to 0, ``lr_decay: [0,
            100000]``.

    Raises:
        ValueError: if D has no dropout, features or head, the game has classes,
            ``consistency_weight`` is not positive or ``margin`` is negative.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        consistency_weight: float = 2.0,
        margin: float = 0.0,
        penalty_weight: float = 10.0,
        discriminator_steps: int = 5,
        generator_lr: float = 2e-4,
        discriminator_lr: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.9),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            generator,
            discriminator,
            Wasserstein(),
            [GradientPenalty(penalty_weight)],
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            betas=betas,
            **kwargs,
        )
        require_features(self, generator, discriminator)
        if not any(isinstance(layer, _Dropout) for layer in discriminator.modules()):
            raise ValueError(
                f"WGANCT: discriminator must have dropout, {type(discriminator).__name__} has "
                "none; use gan_modules.networks.dropout.DropoutResNetDiscriminator"
            )
        if not consistency_weight > 0 or not margin >= 0:
            raise ValueError(
                "WGANCT: consistency_weight must be positive and margin at least 0, got "
                f"{consistency_weight} and {margin}; the paper's are 2 and 0"
            )
        self.consistency_weight, self.margin = consistency_weight, margin

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """WGAN-GP's terms, and the weighted inconsistency of two looks at the real images."""
        real = batch["image"]
        with torch.no_grad():
            fake = self.generate(len(real))
        # One draw of the augmentation, two of the dropout.
        shown = self.shown(real)
        features, real_scores = features_and_scores(self.discriminator, shown)
        features_again, scores_again = features_and_scores(self.discriminator, shown)
        fake_scores = self.score(self.shown(fake))
        self.note("discriminator/real_score", real_scores.mean())
        self.note("discriminator/fake_score", fake_scores.mean())
        consistency = inconsistency(
            (real_scores, scores_again), (features, features_again), self.margin
        )
        return {
            "adversarial": self.objective.discriminator_loss(real_scores, fake_scores),
            "consistency": self.consistency_weight * consistency,
            **self.penalties(self.smooth_score(), real, fake),
        }

"""Pix2PixHD: pairs at high resolution, judged at several sizes and by what the judges see.

Wang, Liu, Zhu, Tao, Kautz, Catanzaro, "High-Resolution Image Synthesis and Semantic Manipulation
with Conditional GANs", 2017, arXiv:1711.11585. What changes from pix2pix (``pix2pix.py``): the
error of each pixel, which blurs, gives way to that of the discriminators' features, and there is a
discriminator for each of several sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.scales import mean_scores
from gan_modules.translation.base import TranslationModule

#: Images to the maps of all layers, for each scale.
Features = Callable[[Tensor], list[list[Tensor]]]


class Pix2PixHD(TranslationModule):
    """Equation 5 of arXiv:1711.11585, with the scales of the authors' code.

    ``L_G = sum_k (D_k(x, G(x)) - 1)^2 + lambda 4 mean_kj |D_kj(x, G(x)) - D_kj(x, y)|_1``: k runs
    over the sizes, j over the layers of a discriminator but the last, whose output are the scores.
    The factor of four makes up for the mean over the four layers of the paper's discriminators,
    where the paper has a sum. Each D minimises ``((D(x, y) - 1)^2 + D(x, G(x))^2) / 2``. G steps
    first, and the discriminators see the images of before that step. Instance maps, the features of
    instances, and the error of a VGG, all optional in the paper, are left out.

    Takes batches of :class:`datamodules.batches.PairedImages`. The paper trains single images, 100
    epochs and 100 more with rates that fall to zero (``lr_decay``).

    Args:
        generator: images ``(N, C_a, H, W)`` to images ``(N, C_b, H, W)``, such as
            :class:`~gan_modules.networks.pix2pixhd.GlobalGenerator`.
        discriminator: the channels of both to a list of scores; its ``features(images)`` are a
            list, for each scale, of the maps after each layer, the last of which are the scores.
            Such as :class:`~gan_modules.networks.multiscale.MultiScalePatchDiscriminator`.
        feature_weight: the paper's lambda; 0 is off.
        objective: what the two play for; None is the paper's.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on a negative weight, and on a discriminator without ``features``.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        feature_weight: float = 10.0,
        objective: Objective | None = None,
        discriminator_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"ab": generator},
            {"b": discriminator},
            objective or LeastSquares(scale=1.0),
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_not_negative(self, feature_weight=feature_weight)
        if not callable(getattr(discriminator, "features", None)):
            raise ValueError(
                f"{type(self).__name__}: discriminator must have features, got "
                f"{type(discriminator).__name__}, which has none; take "
                "gan_modules.networks.multiscale.MultiScalePatchDiscriminator"
            )
        self.feature_weight = feature_weight

    def schedule(self) -> tuple[Stage, ...]:
        """The generator first."""
        return (Stage((Turn("generator"), Turn("discriminator"))),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the discriminators' features."""
        made = self.layers(batch["a"], batch["fake_b"])
        losses = {"adversarial": self.fooling([scale[-1] for scale in made])}
        if self.feature_weight:
            with torch.no_grad():
                wanted = self.layers(batch["a"], batch["b"])
            losses["features"] = self.feature_weight * feature_error(made, wanted)
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pairs of input and output, real and made."""
        made = torch.cat([batch["a"], batch["fake_b"].detach()], 1)
        shown = self.pools["b"](made, self.noise)
        return self.telling("b", torch.cat([batch["a"], batch["b"]], 1), shown)

    @torch.no_grad()
    def pair_scores(self, images: Tensor, output: Tensor) -> Tensor:
        """Mean scores of outputs beside inputs, over all scales."""
        with evaluating(self.discriminator):
            return mean_scores([scale[-1] for scale in self.layers(images.to(output), output)])

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As the base, and that it holds pairs."""
        super().check_batch(batch)
        batch_checks.refuse_unpaired(self, batch)

    def layers(self, images: Tensor, output: Tensor) -> list[list[Tensor]]:
        """The maps of all layers, for each scale, of an output beside its input."""
        features: Features = self.discriminator["b"].features  # type: ignore[assignment]
        return features(torch.cat([images, output], 1))


def feature_error(made: list[list[Tensor]], wanted: list[list[Tensor]]) -> Tensor:
    """Four times the mean absolute difference, over scales and layers; the scores are left out.

    Args:
        made: for each scale the maps of all layers, the last of which are the scores.
        wanted: the same of other images.
    """
    pairs = [
        (one, other)
        for mine, theirs in zip(made, wanted, strict=True)
        for one, other in zip(mine[:-1], theirs[:-1], strict=True)
    ]
    return 4 * torch.stack([F.l1_loss(one, other) for one, other in pairs]).mean()

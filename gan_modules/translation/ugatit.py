"""UGATIT: translators that look where the domains differ, and set texture apart from shape.

Kim, Kim, Kang, Lee, "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive
Layer-Instance Normalization for Image-to-Image Translation", 2019, arXiv:1907.10830. What changes
from CycleGAN (``cycle_gan.py``): a classifier of the domains sits in each network and weights its
maps, there are two discriminators for each domain, and normalisations learn their own kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.sampling import evaluating
from gan_modules.networks.adalin import clip_rho
from gan_modules.networks.ugatit import UGATITDiscriminator, UGATITGenerator
from gan_modules.objectives import LeastSquares, Objective, cross_entropy
from gan_modules.scales import Scores
from gan_modules.translation.base import TranslationModule


class UGATIT(TranslationModule):
    """Section 2.2 of arXiv:1907.10830, with the weights and the order of the authors' code.

    ``L_G = sum (D(G_ab a) - 1)^2 + c |G_ba G_ab a - a|_1 + i |G_ab b - b|_1 + m (BCE(q(a), 1) +
    BCE(q(b), 0))``, where q are the scores of the classifier within G_ab, and the same with the
    domains swapped. The sum runs over the scores and the classifier's scores of a local and a
    global discriminator, each of which minimises ``(D(x) - 1)^2 + D(fake)^2`` in all of them. The
    discriminators step first, and each side makes translations of its own. After each step of the
    translators the mixing weights of their normalisations are brought back into [0, 1]. The authors
    train single images for a million steps, with rates that fall to zero over the second half
    (``lr_decay``). Both domains have equally many channels: each classifier sees both.

    Args:
        generator_ab: images of domain a to images of domain b, scores of a classifier, heat maps.
        generator_ba: the other way.
        local_a: judges patches of images of domain a.
        global_a: judges larger ones, with more ``layers``.
        local_b: as ``local_a``, of domain b.
        global_b: as ``global_a``, of domain b.
        cycle_weight: c above.
        identity_weight: i above.
        cam_weight: m above.
        objective: what the two sides play for; None is the paper's.
        generator_lr: see :class:`TranslationModule`, as the two below.
        discriminator_lr: of the discriminators.
        weight_decay: of both sides.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on negative weights, and on domains that differ in channels.
    """

    def __init__(
        self,
        generator_ab: UGATITGenerator,
        generator_ba: UGATITGenerator,
        local_a: UGATITDiscriminator,
        global_a: UGATITDiscriminator,
        local_b: UGATITDiscriminator,
        global_b: UGATITDiscriminator,
        cycle_weight: float = 10.0,
        identity_weight: float = 10.0,
        cam_weight: float = 1000.0,
        objective: Objective | None = None,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        weight_decay: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        checks.check_networks(
            self, local_a=local_a, global_a=global_a, local_b=local_b, global_b=global_b
        )
        super().__init__(
            {"ab": generator_ab, "ba": generator_ba},
            {"a": nn.ModuleList([local_a, global_a]), "b": nn.ModuleList([local_b, global_b])},
            objective or LeastSquares(scale=1.0),
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            weight_decay=weight_decay,
            **kwargs,
        )
        weights = {"identity_weight": identity_weight, "cam_weight": cam_weight}
        checks.check_not_negative(self, cycle_weight=cycle_weight, **weights)
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        self.cam_weight = cam_weight

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As the base, and that both domains can be classified."""
        super().check_batch(batch)
        if (a := batch["a"].shape[1]) != (b := batch["b"].shape[1]):
            raise ValueError(
                f"UGATIT: domains must have equally many channels, got {a} and {b}; take CycleGAN"
            )

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Nothing is shared: the translators make their images after the discriminators stepped."""
        return batch

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the discriminators say, the way back, the identity, and the classifiers."""
        losses = {}
        for source, target in self.directions:
            translator = self.generator[source + target]  # type: ignore[index]
            made, same = translator.attended(batch[source]), translator.attended(batch[target])
            back = self.translated(self.sent(made.output), target, source)
            cam = cross_entropy(made.cam_scores, 1.0) + cross_entropy(same.cam_scores, 0.0)
            losses[f"adversarial_{target}"] = self.fooling(self.score(target, made.output))
            losses[f"cycle_{source}"] = self.cycle_weight * F.l1_loss(back, batch[source])
            identity = self.identity_weight * F.l1_loss(same.output, batch[target])
            losses[f"identity_{target}"] = identity
            losses[f"cam_{target}"] = self.cam_weight * cam
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the base, of translations that nobody else sees."""
        with torch.no_grad():
            batch = self.with_fakes(batch)
        return super().discriminator_losses(batch)

    def score(self, domain: str, images: Tensor) -> Scores:
        """Map and classifier scores of the local, then of the global discriminator."""
        judges: Any = self.discriminator[domain]
        seen = [judge.attended(images) for judge in judges]
        return [scores for one in seen for scores in (one.output, one.cam_scores)]

    def player_stepped(self, name: str) -> None:
        """Normalisations stay between their two kinds."""
        super().player_stepped(name)
        if name == "generator":
            clip_rho(self.generator)

    @torch.no_grad()
    def attention(self, images: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """Where a translator looks: ``(N, 1, H, W)`` in [0, 1], 1 at the peak of each image.

        Args and errors: as :meth:`translate`.
        """
        self.require_direction(source, target)
        with evaluating(self.sampler()) as networks:
            images = images.to(self.device, self.float_dtype)
            heat = networks[source + target].attended(images).heatmap  # type: ignore[index]
        heat = heat - heat.amin((2, 3), keepdim=True)
        heat = heat / heat.amax((2, 3), keepdim=True).clamp_min(1e-12)
        return F.interpolate(heat, images.shape[2:], mode="bilinear")

"""CUT: one direction without a way back; each place of the output resembles that of the input.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", 2020,
arXiv:2007.15651. What changes from CycleGAN (``cycle_gan.py``): no second translator. What holds
the content is contrast: among all places of the input, the output's own must be the most alike, to
the eyes of the translator's encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.player import Player
from gan_modules.objectives import LeastSquares, Objective
from gan_modules.patch_nce import PatchProjector, draw_places, patch_nce
from gan_modules.translation.base import TranslationModule


class CUT(TranslationModule):
    """Equation 5 of arXiv:2007.15651, with the settings of the authors' code.

    ``L_G = (D(G(a)) - 1)^2 + w NCE(a, G(a)) + i NCE(b, G(b))``; D minimises half of
    ``(D(b) - 1)^2 + D(G(a))^2``, and steps first, on the image that G then learns from. The paper
    has weights of 1; its code halves their sum, and so do the defaults. FastCUT, the paper's
    lighter version, is ``nce_weight: 10``, ``identity_weight: 0``, ``flip_probability: 0.5``: half
    of the images are mirrored before they are translated, and their features mirrored back. The
    paper trains single images, with rates that fall to zero over the second half (``lr_decay``).
    The MLPs that turn features into vectors move with G, and are no part of the averaged generator.

    Args:
        generator: images of domain a to images of domain b, with ``features(images, layers)`` and
            ``encoder_channels``, such as
            :class:`~gan_modules.networks.resnet_translator.ResnetTranslator`.
        discriminator: images of domain b to scores.
        layers: of the encoder that are compared; the default is the paper's choice of a translator
            of 9 blocks.
        patches: places of each image and layer; each is told from all others.
        patch_dim: length of the vectors that are compared.
        temperature: the paper's tau.
        nce_weight: of the contrast of input and output, w above.
        identity_weight: of that of images of domain b, which should stay as they are, i above; 0 is
            off, and the only choice where the domains differ in channels.
        flip_probability: that an image is mirrored before it is translated.
        objective: what the two sides play for; None is the paper's.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and on a generator without features.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        layers: tuple[int, ...] = (0, 2, 3, 4, 8),
        patches: int = 256,
        patch_dim: int = 256,
        temperature: float = 0.07,
        nce_weight: float = 0.5,
        identity_weight: float = 0.5,
        flip_probability: float = 0.0,
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
        numbers = {"temperature": temperature, "nce_weight": nce_weight}
        checks.check_positive(self, patches=patches, **numbers)
        checks.check_not_negative(self, identity_weight=identity_weight)
        if not 0 <= flip_probability <= 1:
            raise ValueError(
                f"CUT: flip_probability must lie in [0, 1], got {flip_probability}; set it to 0.5"
            )
        self.layers, self.patches, self.temperature = tuple(layers), patches, temperature
        self.nce_weight, self.identity_weight = nce_weight, identity_weight
        self.flip_probability = flip_probability
        self.projector = PatchProjector(self._channels(generator), patch_dim)

    def players(self) -> tuple[Player, ...]:
        """The MLPs learn with the translator, from the same losses."""
        return (
            self.player("discriminator", self.discriminator),
            self.player("generator", self.generator, self.projector),
        )

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Adds ``fake_b``, and ``mirrored``: which images were mirrored before."""
        a = batch["a"]
        coins = self.noise.uniform(len(a), 1, 1, 1, device=a.device, dtype=a.dtype)
        mirrored = coins < self.flip_probability
        return {
            **self.with_fakes({**batch, "a": flipped(a, mirrored)}),
            "a": a,
            "mirrored": mirrored,
        }

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The adversarial term, and the contrast of both domains."""
        losses = super().generator_losses(batch)
        mirrored = batch["mirrored"]
        contrast = self.contrast(batch["a"], batch["fake_b"], mirrored)
        losses["nce"] = self.nce_weight * contrast
        if self.identity_weight:
            same = self.translated(flipped(batch["b"], mirrored), "a", "b")
            losses["identity"] = self.identity_weight * self.contrast(batch["b"], same, mirrored)
        return losses

    def contrast(self, images: Tensor, output: Tensor, mirrored: Tensor) -> Tensor:
        """The mean over layers of how hard a place of the output is to find in the input."""
        encoder = self.generator["ab"]  # type: ignore[index]
        with torch.no_grad():
            wanted = encoder.features(images, self.layers)
            places = draw_places(wanted, self.patches, self.noise)
            keys = self.projector(wanted, places)
        found = [flipped(maps, mirrored) for maps in encoder.features(output, self.layers)]
        queries = self.projector(found, places)
        pairs = zip(queries, keys, strict=True)
        return torch.stack([patch_nce(q, k, self.temperature) for q, k in pairs]).mean()

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As the base, and that images of domain b can be translated."""
        super().check_batch(batch)
        batch_checks.check_identity(self, batch, self.identity_weight)

    def _channels(self, generator: nn.Module) -> list[int]:
        known = getattr(generator, "encoder_channels", None)
        if known is None or not self.layers or max(self.layers) >= len(known):
            has = "none" if known is None else f"0..{len(known) - 1}"
            raise ValueError(
                f"CUT: layers must be layers of the generator's features, got {list(self.layers)} "
                f"for {type(generator).__name__}, which has {has}; take a ResnetTranslator"
            )
        return [known[layer] for layer in self.layers]


def flipped(maps: Tensor, which: Tensor) -> Tensor:
    """Maps ``(N, C, H, W)``, mirrored left to right where ``which`` ``(N, 1, 1, 1)`` says so."""
    return torch.where(which, maps.flip(3), maps)

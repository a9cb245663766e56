"""pix2pix: a picture of one domain becomes the very picture of another that it is paired with.

Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", 2016,
arXiv:1611.07004. What changes from CycleGAN: pairs are known, so the error of each pixel is asked
for directly, and the discriminator sees the input beside the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn
from gan_modules.objectives import NonSaturating, Objective
from gan_modules.scales import Scores, mean_scores
from gan_modules.translation.base import TranslationModule


class Pix2Pix(TranslationModule):
    """Equation 4 of arXiv:1611.07004: a conditional GAN, and the mean absolute error.

    ``L_G = -log D(x, G(x)) + lambda |G(x) - y|_1``; D minimises half of ``-log D(x, y) - log(1 -
    D(x, G(x)))``, and steps first, on the fake that G then learns from. Dropout in G is its only
    noise, so samples are drawn in training mode (section 3.3), where a batch normalization sees the
    statistics of the images at hand.

    Takes batches of :class:`datamodules.batches.PairedImages`. The paper's ablations (table 1 to 3)
    are ``terms``, a ``UNet`` with ``skips: false``, and the ``layers`` of a ``PatchDiscriminator``.

    Args:
        generator: images ``(N, C_a, H, W)`` to images ``(N, C_b, H, W)``.
        discriminator: the channels of both, or those of b where it does not see the input, to
            scores; None for ``terms`` l1.
        terms: l1 alone, a discriminator of the output (gan), one of input and output (cgan), or
            both of two.
        l1_weight: the paper's lambda.
        inference_mode: train, as the paper's, or eval: the same picture each time.
        objective: what the two play for; None is the paper's.
        discriminator_weight: slows D down beside G.
        **kwargs: see :class:`TranslationModule`.

    Raises:
        ValueError: on numbers out of range, and on a discriminator that is missing or too much.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        terms: Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"] = "l1+cgan",
        l1_weight: float = 100.0,
        inference_mode: Literal["train", "eval"] = "train",
        objective: Objective | None = None,
        discriminator_weight: float = 0.5,
        **kwargs: Any,
    ) -> None:
        plays = terms != "l1"
        if plays != (discriminator is not None):
            raise ValueError(
                f"{type(self).__name__}: discriminator must be given unless terms is l1, got "
                f"{'one' if discriminator is not None else 'none'} for {terms}; set or remove it"
            )
        super().__init__(
            {"ab": generator},
            {} if discriminator is None else {"b": discriminator},
            objective or NonSaturating(),
            discriminator_weight=discriminator_weight,
            **kwargs,
        )
        checks.check_positive(self, l1_weight=l1_weight)
        self.terms, self.l1_weight, self.inference_mode = terms, l1_weight, inference_mode

    def players(self) -> tuple[Player, ...]:
        """With l1 alone there is nobody to play against."""
        if "gan" in self.terms:
            return super().players()
        return (self.player("generator", self.generator),)

    def schedule(self) -> tuple[Stage, ...]:
        """The discriminator first, where there is one."""
        return super().schedule() if "gan" in self.terms else (Stage((Turn("generator"),)),)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the terms say."""
        losses = {}
        if "gan" in self.terms:
            losses["adversarial"] = self.fooling(self.judged(batch, batch["fake_b"]))
        if "l1" in self.terms:
            losses["l1"] = self.l1_weight * F.l1_loss(batch["fake_b"], batch["b"])
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pairs of input and output, or outputs alone, real and made."""
        fake = self.pools["b"](self.beside(batch, batch["fake_b"].detach()), self.noise)
        return self.telling("b", self.beside(batch, batch["b"]), fake)

    def judged(self, batch: Mapping[str, Tensor], output: Tensor) -> Scores:
        """Scores of an output, beside its input if the discriminator is conditional."""
        return self.score("b", self.beside(batch, output))

    def beside(self, batch: Mapping[str, Tensor], output: Tensor) -> Tensor:
        """Input and output as one image, or the output alone."""
        return torch.cat([batch["a"], output], 1) if "cgan" in self.terms else output

    @torch.no_grad()
    def pair_scores(self, images: Tensor, output: Tensor) -> Tensor | None:
        """Mean scores of outputs beside inputs; None unless ``terms`` have a cgan."""
        if "cgan" not in self.terms:
            return None
        with evaluating(self.discriminator):
            return mean_scores(self.judged({"a": images.to(output)}, output))

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """As the base, and that it holds pairs."""
        super().check_batch(batch)
        batch_checks.refuse_unpaired(self, batch)

    @torch.no_grad()
    def translate(self, images: Tensor, source: str = "a", target: str = "b") -> Tensor:
        """As the base, in the mode that ``inference_mode`` says."""
        if self.inference_mode == "eval":
            return super().translate(images, source, target)
        self.require_direction(source, target)
        with _training(self.sampler()) as networks:
            return self.route(networks, images.to(self.device, self.float_dtype), source, target)


@contextmanager
def _training(network: nn.Module) -> Iterator[nn.Module]:
    """``network`` in training mode inside; modes and running statistics are restored after."""
    modes = [(module, module.training) for module in network.modules()]
    kept = [buffer.clone() for buffer in network.buffers()]
    network.train()
    try:
        yield network
    finally:
        for module, training in modes:
            module.training = training
        for buffer, value in zip(network.buffers(), kept, strict=True):
            buffer.copy_(value)

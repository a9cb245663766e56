"""VideoPrediction: the next frame of a clip, which has to be one of those that may come.

Mathieu, Couprie, LeCun, "Deep Multi-Scale Video Prediction Beyond Mean Square Error", 2015,
arXiv:1511.05440. What changes from CGAN (``cgan.py``): frames are the condition and no latent is
drawn; errors of pixels and of edges beside the adversarial term; a game at each of several scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules import clips
from gan_modules.engine.generator_game import GeneratorGame
from gan_modules.engine.hyperparameters import keep_plain_hyperparameters
from gan_modules.engine.player import Player
from gan_modules.engine.sampling import evaluating
from gan_modules.engine.schedule import Stage, Turn


class VideoPrediction(GeneratorGame):
    """``L_G = w CE(D_k, 1) + |y - y'|^p + GDL(y, y')``, each summed over the scales k.

    Takes batches of :class:`datamodules.batches.Videos`; of each clip a window is drawn anew in
    every round. D judges frames beside those before: ``L_D = CE(true, 1) + (1 - m) CE(made, 0) + m
    CE(true one of another clip, 0)``. Losses are means over pixels where the paper has sums, so
    weights mean something else here; rates are our own choice, for Adam. Where two futures may
    come, a squared error asks for half of both, and D for one of them. That baseline is
    ``adversarial_weight: 0``, which leaves D out, and ``gradient_weight: 0``.

    Args:
        generator: frames before to the next one at every scale; see ``networks/video.py``.
        discriminator: those and a frame at every scale to scores of each; neither needed nor kept
            where ``adversarial_weight`` is 0.
        adversarial_weight: w, 0.05 in a public version and 0.01 in the authors'.
        error_weight: of the error of pixels.
        gradient_weight: of the difference of edges (GDL), section 3.3.
        power: p of the error of pixels.
        gradient_power: the paper's alpha.
        mismatch_weight: m; 0 needs no ``mismatched`` in the batch.
        separate_batches: D and G learn from batches in turn (algorithm 1), or both from each.
        generator_lr: Adam's rate for G.
        discriminator_lr: Adam's rate for D.
        betas: Adam's beta1 and beta2.
        **kwargs: see :class:`GeneratorGame`.

    Raises:
        ValueError: if a number is out of range, or the networks do not go together.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None = None,
        adversarial_weight: float = 0.05,
        error_weight: float = 1.0,
        gradient_weight: float = 1.0,
        power: float = 2.0,
        gradient_power: float = 1.0,
        mismatch_weight: float = 0.5,
        separate_batches: bool = True,
        generator_lr: float = 4e-5,
        discriminator_lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, betas, **kwargs)
        keep_plain_hyperparameters(self)
        self.adversarial_weight, self.error_weight = adversarial_weight, error_weight
        self.gradient_weight, self.mismatch_weight = gradient_weight, mismatch_weight
        self.power, self.gradient_power = power, gradient_power
        self.separate_batches = separate_batches
        self.generator_lr, self.discriminator_lr = generator_lr, discriminator_lr
        clips.check_settings(self, generator, discriminator)
        self.history: int = clips.history_of(generator)
        self.discriminator: Any = discriminator if adversarial_weight else None

    def players(self) -> tuple[Player, ...]:
        """The discriminator, unless nobody plays against the generator."""
        of_g = self.player("generator", self.generator)
        if self.discriminator is None:
            return (of_g,)
        return self.player("discriminator", self.discriminator), of_g

    def schedule(self) -> tuple[Stage, ...]:
        """D on one batch and G on the next, or both on each; G alone without D."""
        if self.discriminator is None:
            return (Stage((Turn("generator"),)),)
        every = 2 if self.separate_batches else 1
        of_g = Turn("generator", every=every, offsets=(every - 1,))
        return (Stage((Turn("discriminator", every=every), of_g)),)

    def prepare(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Draw a window of each clip; the frame of another clip is of the same time."""
        return clips.windows(batch, self.history, self.noise)

    def generator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What has a weight of: the adversarial term, errors of pixels, differences of edges."""
        made, true, losses = self.generator(batch["history"]), batch["next"], {}
        if self.discriminator is not None:
            scores = self.discriminator(batch["history"], made)
            losses["adversarial"] = self.adversarial_weight * clips.judged(scores, 1.0)
        if self.error_weight:
            losses["error"] = self.error_weight * clips.pixel_error(made, true, self.power)
        if self.gradient_weight:
            edges = clips.edge_error(made, true, self.gradient_power)
            losses["gradient"] = self.gradient_weight * edges
        return losses

    def discriminator_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """True frames against made ones, and against true ones of other clips."""
        with torch.no_grad():
            made = self.generator(batch["history"])
        losses = {}
        for kind, (weight, target, frames) in clips.pairs(
            batch, made, self.mismatch_weight
        ).items():
            scores = self.discriminator(batch["history"], frames)
            self.note(f"discriminator/{kind}_score", torch.stack(scores).mean())
            losses[kind] = weight * clips.judged(scores, target)
        return losses

    @torch.no_grad()
    def predict(self, history: Tensor, steps: int = 1) -> Tensor:
        """Frames ``(N, steps, C, H, W)`` after a history ``(N, T, C, H, W)``, in eval mode.

        Each is made of those before, made ones among them; T is what G reads, or more.
        """
        given = history.to(self.device, self.float_dtype)
        with evaluating(self.sampler()) as network:
            return clips.rolled_out(network, given, self.history, steps)

    def panels(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The last frame that is given; what is predicted to come after it, and what came."""
        before, after = batch["frames"].tensor_split([self.history], 1)
        made = self.predict(before, after.shape[1])
        named = {"predicted": made, "true": after}
        columns = {
            f"{name} {i + 1}": v[:, i] for name, v in named.items() for i in range(v.shape[1])
        }
        return {"given": before[:, -1], **columns}

    def check_batch(self, batch: Mapping[str, Tensor]) -> None:
        """The image contract for every frame, and as many frames as are asked for."""
        clips.check_clips(self, batch, "frames", self.generator)
        if self.discriminator is not None and self.mismatch_weight:
            clips.check_clips(self, batch, "mismatched", self.generator)

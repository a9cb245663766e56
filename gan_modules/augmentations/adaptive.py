"""ADA: augmentation of a strength at which D still recognises real images, but not all of them.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila, "Training Generative Adversarial Networks with
Limited Data", 2020, arXiv:2006.06676.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor

from gan_modules.augmentations.base import Augmentation
from gan_modules.augmentations.stages import move_pixels, recolor, warp
from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import fp32_island

Pipeline = Literal["lite", "bg", "bgc"]
_STAGES: dict[str, tuple[Callable[[Tensor, Tensor, Noise], Tensor], ...]] = {
    "lite": (move_pixels, recolor),
    "bg": (move_pixels, warp),
    "bgc": (move_pixels, warp, recolor),
}


class AdaptiveAugmentation(Augmentation):
    """Transforms that hit each image with probability p each; p follows D's overfitting.

    Section 3 of the paper: the mean sign of D's scores of real images, ``r_t``, says how sure D is
    of its training set. Every ``interval`` D steps p rises where ``r_t`` is above ``target`` and
    falls where it is below, by the images shown in them over ``adjust_images``; it is never below 0
    and counts as 1 above it. Batches are counted over all ranks, and p is equal on all of them. It
    is logged as ``train/augmentation/p``, and ``r_t`` as ``train/augmentation/real_sign``.

    Rotated and scaled images are read bilinearly, where the paper filters them at twice the size.
    Grey images have no hue and no saturation to change.

    Args:
        pipeline: ``"bg"``: flips, quarter turns and shifts of whole pixels, then scale, rotation,
            stretch and fractional shift. ``"bgc"``, the paper's choice: colours as well.
            ``"lite"``: colours, but no resampling, for small images and CPUs.
        target: of ``r_t``; None: p stays what it is set to.
        probability: p at the start.
        interval: D steps from one adjustment to the next.
        adjust_images: images in which p can go from 0 to 1.

    Raises:
        ValueError: if a number is out of its range, or the pipeline is none of these.
    """

    p: Tensor
    observed: Tensor

    def __init__(
        self,
        pipeline: Pipeline = "bgc",
        target: float | None = 0.6,
        probability: float = 0.0,
        interval: int = 4,
        adjust_images: int = 500_000,
    ) -> None:
        super().__init__()
        if pipeline not in _STAGES:
            raise ValueError(
                f"AdaptiveAugmentation: pipeline must be one of {', '.join(get_args(Pipeline))}, "
                f"got {pipeline}; choose from these"
            )
        if target is not None and not -1 < target < 1:
            raise ValueError(
                f"AdaptiveAugmentation: target must lie between -1 and 1, got {target}; "
                "the paper's is 0.6, null fixes the probability"
            )
        for name, value in {"interval": interval, "adjust_images": adjust_images}.items():
            if value < 1:
                raise ValueError(
                    f"AdaptiveAugmentation: {name} must be at least 1, got {value}; "
                    "the paper's are 4 and 500000"
                )
        self.pipeline, self.target, self.adaptive = pipeline, target, target is not None
        self.interval, self.adjust_images = interval, adjust_images
        self.register_buffer("p", torch.zeros(()))
        # Since the last adjustment, over all ranks: signs, scores, images; and D steps.
        self.register_buffer("observed", torch.zeros(4, dtype=torch.int64))
        self.probability = probability
        self._news = False
        self._real_sign: Tensor | None = None

    @property
    def probability(self) -> float:
        """The paper's p, to read and to set; reading waits for the device."""
        return float(self.p)

    @probability.setter
    def probability(self, value: float) -> None:
        if not 0 <= value <= 1:
            raise ValueError(
                f"AdaptiveAugmentation: probability must lie in [0, 1], got {value}; "
                "0 changes no image"
            )
        self.p.fill_(value)

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        """Changed images ``(N, C, H, W)``; colours may leave [-1, 1]; the same at p = 0."""
        self.require_images(images)
        changed = images if images.dtype == torch.float64 else images.float()
        # Places in an image and matrices of colours are too coarse in half precision.
        with fp32_island(images.device.type):
            for stage in _STAGES[self.pipeline]:
                changed = stage(changed, self.p, noise)
        return changed.to(images.dtype)

    @torch.no_grad()
    def observe(self, real_scores: Tensor, images: int | None = None) -> None:
        """Count the signs of ``real_scores`` ``(N,)`` over all ranks; see the base."""
        if self.target is None:
            return
        signs = real_scores.sign().sum().long()
        counts = [len(real_scores), len(real_scores) if images is None else images, 0]
        news = torch.stack([signs, *(torch.full_like(signs, count) for count in counts)])
        # At once, not when it is due: a checkpoint gives all ranks rank 0's buffers.
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(news)
        self.observed += news
        self._real_sign, self._news = news[0] / news[1], True

    @torch.no_grad()
    def adapt(self) -> None:
        """After each D step that was observed: adjust p if it is due, without asking the device."""
        if self.target is None or not self._news:
            return
        self._news = False
        self.observed[3] += 1
        signs, scores, images, steps = self.observed
        due = steps >= self.interval
        way = (signs - self.target * scores).sign().to(self.p.dtype)
        move = way * images / self.adjust_images
        self.p.copy_(torch.where(due, (self.p + move).clamp(min=0), self.p))
        self.observed *= ~due

    def statistics(self) -> dict[str, Tensor]:
        """p, and where it is adapted ``r_t`` of the last batch."""
        # A copy: the buffer changes before the statistics are read.
        found = {"p": self.p.clone()}
        if self._real_sign is not None:
            found["real_sign"] = self._real_sign
        return found

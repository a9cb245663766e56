"""Augmentations: what real and fake images go through before the discriminator sees them.

They are differentiable, so that G learns through them, and drawn for each image from the engine's
:class:`Noise`, so that two ranks draw what one process on the joined batch draws.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.engine.noise import Noise


class Augmentation(nn.Module):
    """Base: images ``(N, C, H, W)`` to the same shape; the two hooks do nothing until overridden.

    Attributes:
        adaptive: its strength follows the signs of the scores of real images.
    """

    adaptive: bool = False

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        """Augmented images ``(N, C, H, W)``, nominally in [-1, 1], differentiable in ``images``."""
        raise NotImplementedError(f"{type(self).__name__} must override forward()")

    def observe(self, real_scores: Tensor) -> None:
        """Look at D's raw scores ``(N,)`` of augmented real images, in each D step."""

    def adapt(self) -> None:
        """Called after each D step, on all ranks alike."""

"""What every augmentation offers to the engine."""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.engine.noise import Noise


class Augmentation(nn.Module):
    """Base: images ``(N, C, H, W)`` to the same shape; the hooks do nothing until overridden.

    What must survive a resume is a buffer. Ranks are given each other's buffers before every
    checkpoint, so a buffer holds what is the same on all of them, at all times.

    Attributes:
        adaptive: its strength follows the signs of the scores of real images.
    """

    adaptive: bool = False

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        """Augmented images ``(N, C, H, W)``, nominally in [-1, 1], differentiable in ``images``."""
        raise NotImplementedError(f"{type(self).__name__} must override forward()")

    def observe(self, real_scores: Tensor, images: int | None = None) -> None:
        """Look at D's raw scores of augmented real images, in each D step, on all ranks alike.

        Args:
            real_scores: ``(N,)``.
            images: how many images of this rank they judge; None: one each. A pack of images has
                one score.
        """

    def adapt(self) -> None:
        """Called after each D step, on all ranks alike."""

    def statistics(self) -> dict[str, Tensor]:
        """Scalars to log after each D step as ``train/augmentation/<name>``."""
        return {}

    def require_images(self, images: Tensor) -> None:
        """Refuse points.

        Raises:
            ValueError: if ``images`` is not ``(N, C, H, W)``.
        """
        if images.dim() != 4:
            raise ValueError(
                f"{type(self).__name__}: images must have shape (N, C, H, W), got "
                f"{tuple(images.shape)}; leave the augmentation out for other data"
            )

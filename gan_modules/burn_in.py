"""Settings that glide from a first to a last value while the training settles."""

from __future__ import annotations

import math
from collections.abc import Sequence


class BurnIn:
    """One half of a cosine over a number of images, then constant.

    A pure function of the images seen: the same on all ranks, and a resumed run needs no state.

    Args:
        name: opens the errors, such as ``"R3GAN: gamma"``.
        values: before the first image, and from the last image of the burn-in on.
        images: length of the burn-in, over all ranks.

    Raises:
        ValueError: unless there are two finite values of 0 or more, and a positive length.
    """

    def __init__(self, name: str, values: Sequence[float], images: float) -> None:
        if len(values) != 2 or not all(math.isfinite(value) and value >= 0 for value in values):
            raise ValueError(
                f"{name} must be two numbers of 0 or more, got {list(values)}; give the value "
                "before and the value after the burn-in"
            )
        if not images > 0:
            raise ValueError(
                f"{name} must have a burn-in of more than 0 images, got {images}; for a constant "
                "give the same value twice"
            )
        self.start, self.end = values
        self.images = images

    def at(self, images_seen: float) -> float:
        """The value after ``images_seen`` images."""
        if images_seen >= self.images:
            return self.end
        share = 0.5 - 0.5 * math.cos(math.pi * images_seen / self.images)
        return self.start + share * (self.end - self.start)

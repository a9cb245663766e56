"""Augmentations: what real and fake images go through before the discriminator sees them.

They are differentiable, also twice as gradient penalties need it, so that G learns through them,
and drawn for each image from the engine's :class:`Noise`, so that two ranks draw what one process
on the joined batch draws.
"""

from gan_modules.augmentations.adaptive import AdaptiveAugmentation
from gan_modules.augmentations.base import Augmentation
from gan_modules.augmentations.diff_augment import DiffAugment

__all__ = ["AdaptiveAugmentation", "Augmentation", "DiffAugment"]

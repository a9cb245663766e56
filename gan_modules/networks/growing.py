"""Networks that grow: built for all resolutions at once, used up to one of them.

Karras et al., "Progressive Growing of GANs", 2017, arXiv:1710.10196, section 2 and figure 2. What a
growing generator and a growing discriminator share: the level up to which they are used, and how a
size fades into the next.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.resizing import doubled, halved

#: Height and width of the images at level 0, in pixels.
SMALLEST = 4


class Growing(nn.Module):
    """Base of a network that has the layers of all resolutions and uses those up to its ``level``.

    ``level`` counts doublings of 4 px. At a whole number ``k`` the network is the plain one of
    ``4 * 2 ** k`` px, and the layers above get no gradient. Between two of them the larger one
    fades in: at 2.25, one quarter of what is seen is 32 px and three quarters are enlarged 16 px.
    A new network stands at its full size.

    The level is a buffer: checkpoints hold it, and an averaged copy follows it. Whoever trains the
    network assigns it, ``network.level = 2.25``; :mod:`gan_modules.growth` says when.

    Args:
        size: height and width of the images in pixels, a power of two from 4 on. They have it at
            every level: below the full size each pixel stands several times.

    Attributes:
        size: as given.
        top: the level of the full size.

    Raises:
        ValueError: for another size; later, when a level outside [0, ``top``] is assigned.
    """

    _level: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.top = size, level_of(size, owner=type(self).__name__)
        self.register_buffer("_level", torch.tensor(float(self.top)))
        self._known: tuple[Tensor, int, float] | None = None

    @property
    def level(self) -> float:
        """Doublings of 4 px, in [0, ``top``]."""
        buffer, known = self._level, self._known
        if buffer.is_inference():
            return float(buffer)
        # Asking the buffer at every forward would stall a GPU; torch counts how often it changed.
        if known is None or known[0] is not buffer or known[1] != buffer._version:
            known = self._known = (buffer, buffer._version, float(buffer))
        return known[2]

    @level.setter
    def level(self, level: float) -> None:
        if not 0 <= level <= self.top:
            raise ValueError(
                f"{type(self).__name__}: level must lie in 0..{self.top}, got {level}; it counts "
                f"doublings of {SMALLEST} px, up to {self.size} px"
            )
        buffer = self._level.fill_(level)
        if not buffer.is_inference():
            # Rounded as the buffer is, so that a resumed run has the same.
            rounded = float(torch.tensor(level, dtype=buffer.dtype))
            self._known = (buffer, buffer._version, rounded)

    @property
    def stage(self) -> int:
        """The level of the largest resolution in use."""
        return math.ceil(self.level)

    @property
    def share_below(self) -> float:
        """How much the resolution below that of ``stage`` still counts, in [0, 1)."""
        return self.stage - self.level


def level_of(size: int, owner: str, name: str = "size") -> int:
    """The level of a size in pixels: 0 for 4, 3 for 32.

    Args:
        size: height and width.
        owner: class name for the message.
        name: of the argument, for the message.

    Raises:
        ValueError: unless the size is a power of two from 4 on.
    """
    if not isinstance(size, int) or size < SMALLEST or size & (size - 1):
        raise ValueError(
            f"{owner}: {name} must be a power of two of at least {SMALLEST}, got {size}; "
            "choose 16, 32, 64, ..."
        )
    return size.bit_length() - SMALLEST.bit_length()


def blended(new: Tensor, old: Tensor, share_old: float) -> Tensor:
    """What fades in and what fades out, in the precision of the former.

    ``lerp`` takes one type alone, and under autocast CUDA may give two.
    """
    return torch.lerp(new, old.to(new.dtype), share_old)


def enlarged(x: Tensor, size: int) -> Tensor:
    """Maps ``(N, C, h, h)`` to ``(N, C, size, size)`` by doublings."""
    repeats = size // x.shape[-1]
    return x if repeats == 1 else F.interpolate(x, scale_factor=repeats, mode="nearest")


def reduced(x: Tensor, size: int) -> Tensor:
    """Maps ``(N, C, H, H)`` to ``(N, C, size, size)`` by halvings."""
    while x.shape[-1] > size:
        x = halved(x)
    return x


def faded(images: Tensor, level: float) -> Tensor:
    """Real images as detailed as a generator's at this level.

    In the training code of arXiv:1710.10196 the data fade with the networks.

    Args:
        images: ``(N, C, S, S)`` in [-1, 1].
        level: doublings of 4 px, at most those that give S.

    Returns:
        ``(N, C, S, S)`` in [-1, 1].
    """
    size = images.shape[-1]
    shown = reduced(images, SMALLEST << math.ceil(level))
    if share_below := math.ceil(level) - level:
        shown = blended(shown, doubled(halved(shown)), share_below)
    return enlarged(shown, size)

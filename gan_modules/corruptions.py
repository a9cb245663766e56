"""What is done to a translated image before it is led back, so that it cannot carry a message.

Chu, Zhmoginov, Sandler, "CycleGAN, a Master of Steganography", 2017, arXiv:1712.02950, found that
cycle-consistent translators hide the input in low-amplitude patterns of their output. Bashkirova,
Usman, Saenko, "Adversarial Self-Defense for Cycle-Consistent GANs", 2019, arXiv:1908.01517, add
noise on the way back while training; :class:`NoisyWay` is theirs, the others destroy other kinds
of patterns. The image that the discriminator and the user see stays clean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from gan_modules.engine.noise import Noise


class Corruption(ABC):
    """Images ``(N, C, H, W)`` in [-1, 1] to images of the same shape, differentiable."""

    @abstractmethod
    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """What is led back in place of ``images``.

        Args:
            images: of this rank.
            noise: the same draws for any number of ranks.
        """


class NoisyWay(Corruption):
    """Adds ``sigma`` times standard normal noise.

    Args:
        sigma: in the units of [-1, 1]; the paper's public code takes 0.1.

    Raises:
        ValueError: unless it is positive.
    """

    def __init__(self, sigma: float = 0.1) -> None:
        self.sigma = _positive("NoisyWay", "sigma", sigma, 0.1)

    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """``images + sigma n``; not clamped, so that its gradient is that of the image."""
        drawn = noise.normal(*images.shape, device=images.device, dtype=images.dtype)
        return images + self.sigma * drawn


class QuantizedWay(Corruption):
    """Rounds to so many bits; the gradient passes as if it were not there.

    Args:
        bits: 1 to 8; a PNG keeps 8.

    Raises:
        ValueError: outside this range.
    """

    def __init__(self, bits: int = 8) -> None:
        if not 1 <= bits <= 8:
            raise ValueError(f"QuantizedWay: bits must lie in 1..8, got {bits}; a PNG keeps 8")
        self.bits = bits

    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """The nearest of ``2 ** bits`` levels from -1 to 1."""
        return images + (quantized(images, self.bits) - images).detach()


class BlurredWay(Corruption):
    """A Gaussian blur: nothing finer than ``sigma`` pixels comes back.

    Args:
        sigma: in pixels.

    Raises:
        ValueError: unless it is positive.
    """

    def __init__(self, sigma: float = 1.0) -> None:
        self.sigma = _positive("BlurredWay", "sigma", sigma, 1.0)

    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """Blurred."""
        return blurred(images, self.sigma)


class SmallerWay(Corruption):
    """Scales down by an area mean, and up again.

    Args:
        factor: of height and width.

    Raises:
        ValueError: below 2.
    """

    def __init__(self, factor: int = 2) -> None:
        if factor < 2:
            raise ValueError(f"SmallerWay: factor must be at least 2, got {factor}; set factor: 2")
        self.factor = factor

    def __call__(self, images: Tensor, noise: Noise) -> Tensor:
        """Without what is finer than ``factor`` pixels."""
        size = images.shape[-2:]
        if any(edge % self.factor for edge in size):
            raise ValueError(
                f"SmallerWay: factor must divide the images, got {self.factor} for "
                f"{size[0]}x{size[1]} pixels; set factor: 2"
            )
        return F.interpolate(F.avg_pool2d(images, self.factor), size=size, mode="nearest")


def quantized(images: Tensor, bits: int) -> Tensor:
    """The nearest of ``2 ** bits`` levels from -1 to 1; values outside are clamped."""
    levels = 2**bits - 1
    unit = (images.clamp(-1.0, 1.0) + 1.0) / 2.0
    return torch.round(unit * levels) / levels * 2.0 - 1.0


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of ``sigma`` pixels, cut at three of them, mirrored at the edges."""
    reach = min(max(1, round(3 * sigma)), min(images.shape[-2:]) - 1)
    size = 2 * reach + 1
    return gaussian_blur(images, [size, size], [sigma, sigma])


def _positive(owner: str, name: str, value: float, usual: float) -> float:
    if not value > 0:
        raise ValueError(f"{owner}: {name} must be positive, got {value}; set {name}: {usual}")
    return value

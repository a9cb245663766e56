"""What is done to a translation before it is led back, to see how the message in it travels.

Noise is measured in grey levels, steps of 1 / 127.5 in [-1, 1]: one is the least that a picture on
a disk can change by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gan_modules.corruptions import blurred, quantized

GREY_LEVEL = 1 / 127.5
#: Half of the Nyquist frequency, in cycles per pixel.
HALF_NYQUIST = 0.25


@dataclass(frozen=True)
class Disturbance:
    """One change of images, the same for every model.

    Attributes:
        name: such as ``noise_1``.
        apply: images ``(N, C, H, W)`` in [-1, 1] and standard normal noise of that shape to images
            in [-1, 1].
    """

    name: str
    apply: Callable[[Tensor, Tensor], Tensor]


def noisy(levels: float) -> Disturbance:
    """Normal noise of so many grey levels, clamped to [-1, 1]."""
    sigma = levels * GREY_LEVEL
    return Disturbance(f"noise_{levels:g}", lambda y, noise: (y + sigma * noise).clamp(-1.0, 1.0))


def rounded(bits: int) -> Disturbance:
    """The nearest of ``2 ** bits`` levels; 8 is what a PNG keeps."""
    return Disturbance(f"bits_{bits}", lambda y, noise: quantized(y, bits))


def low_passed(sigma: float) -> Disturbance:
    """A Gaussian blur of so many pixels."""
    return Disturbance(f"lowpass_{sigma:g}", lambda y, noise: blurred(y, sigma))


def high_removed(share: float) -> Disturbance:
    """Without the frequencies above this share of Nyquist's, clamped to [-1, 1]."""
    return Disturbance(
        f"highpass_removed_{share:g}", lambda y, noise: within_disc(y, share / 2).clamp(-1.0, 1.0)
    )


def _saved_and_noisy(y: Tensor, noise: Tensor) -> Tensor:
    return (quantized(y, 8) + GREY_LEVEL * noise).clamp(-1.0, 1.0)


#: Nothing at all.
NONE = Disturbance("none", lambda y, noise: y)
#: The least that must be survived: saved with 8 bits, then noise of one grey level.
SAVED = Disturbance("bits_8_noise_1", _saved_and_noisy)
#: What becomes of a translation, one after the other.
CURVE = (
    *(noisy(levels) for levels in (0.5, 1, 2, 4, 8, 16)),
    *(rounded(bits) for bits in (8, 7, 6, 5, 4)),
    *(low_passed(sigma) for sigma in (0.5, 1, 2)),
    *(high_removed(share) for share in (0.75, 0.5, 0.25)),
    SAVED,
)
#: One of each kind: what is done to real images of the target as well.
CONTROLS = (noisy(1), rounded(8), low_passed(1))


def frequencies(images: Tensor) -> Tensor:
    """Radial frequencies of ``torch.fft.fft2``, in cycles per pixel.

    Args:
        images: ``(N, C, H, W)``.

    Returns:
        ``(H, W)``; Nyquist's is 0.5 along an axis.
    """
    rows, columns = (torch.fft.fftfreq(n, device=images.device) for n in images.shape[-2:])
    return torch.hypot(rows[:, None], columns[None, :])


def within_disc(images: Tensor, highest: float) -> Tensor:
    """Images without what lies above a frequency.

    Args:
        images: ``(N, C, H, W)``.
        highest: radial frequency in cycles per pixel.
    """
    kept = frequencies(images) <= highest + 1e-6
    spectrum = torch.fft.fft2(images.to(_precision(images)))
    return torch.fft.ifft2(spectrum * kept).real.to(images.dtype)


def high_share(images: Tensor) -> Tensor:
    """Share of each image's energy, its means left out, above half of Nyquist's frequency.

    Args:
        images: ``(N, C, H, W)``.

    Returns:
        float64 ``(N,)`` in [0, 1]; 0 for an image without contrast.
    """
    images = images.to(torch.float64)
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    energy = torch.fft.fft2(centred).abs().square().sum(dim=1)
    high = (energy * (frequencies(energy[:, None]) > HALF_NYQUIST)).sum(dim=(1, 2))
    whole = energy.sum(dim=(1, 2))
    # Rounding leaves a little energy in an even image.
    flat = centred.abs().amax(dim=(1, 2, 3)) < 1e-6
    return torch.where(flat, 0.0, high / whole.clamp(min=1e-300))


def _precision(images: Tensor) -> torch.dtype:
    """What the transform can work with."""
    return torch.float64 if images.dtype == torch.float64 else torch.float32

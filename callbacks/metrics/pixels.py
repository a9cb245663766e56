"""Pixels as features: the space in which an exact copy has the distance 0."""

import hashlib

import torch
from torch import Tensor

from callbacks.metrics.features import Features, FeatureSpace, resize

_SIDE = 32


class PixelSpace(FeatureSpace):
    """Pixels of images brought to at most 32 x 32, each from 0 to 1; distances are plain L2.

    No network has to know the kind of image, but a small shift moves a sample far: seek matches
    under shifts.

    Args:
        image_shape: ``(C, H, W)`` of the images. Those below 32 pixels keep their size.
    """

    def __init__(self, image_shape: tuple[int, ...]) -> None:
        self.channels, *sides = image_shape
        self.size = min(_SIDE, max(sides))
        self.id = f"pixel{self.size}"
        self.dim = self.channels * self.size**2
        self.sha256 = hashlib.sha256(self.id.encode()).hexdigest()
        self.resize_id = f"bicubic-aa-{self.size}"
        self.device = torch.device("cpu")

    def to(self, device: torch.device | str) -> "PixelSpace":
        """Compute on a device from now on, and return the space.

        Args:
            device: where the features shall be computed.
        """
        self.device = torch.device(device)
        return self

    def __call__(self, samples: Tensor) -> Features:
        """Return float32 ``(N, C * size * size)`` in [0, 1].

        Args:
            samples: uint8 ``(N, C, H, W)``, at least 1.

        Raises:
            ValueError: for anything else.
        """
        if samples.dtype != torch.uint8 or samples.dim() != 4 or samples.shape[1] != self.channels:
            raise ValueError(
                f"PixelSpace: samples must be uint8 images (N, {self.channels}, H, W), got "
                f"{samples.dtype} {tuple(samples.shape)}; quantise images in [-1, 1] with to_uint8"
            )
        pixels = resize(samples.to(self.device), self.size)
        return Features(pixels.flatten(1).div_(255.0), None)

"""Feature spaces: frozen maps from samples to the vectors that scores are computed from.

A space is fixed before training starts; its id, the hash of its weights and its resize belong to
every score. Spaces are plain objects and not modules, so that a LightningModule that holds one
neither trains it nor saves it.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from typing_extensions import Self


class Features(NamedTuple):
    """What a space says about N samples.

    Attributes:
        features: float32 ``(N, dim)``.
        logits: float32 ``(N, C)`` verdicts of a classifier; None where the space has none.
    """

    features: Tensor
    logits: Tensor | None


def resize(images: Tensor, size: int) -> Tensor:
    """Resize with an antialiased bicubic filter, as Pillow does on floats; the only resize here.

    Shrinking without antialias moves Frechet distances by several points, and so does rounding to
    bytes afterwards (Parmar et al., 2022, arXiv:2104.11222).

    Args:
        images: uint8 or float ``(N, C, H, W)`` on the scale of bytes, [0, 255].
        size: side of the square result in pixels.

    Returns:
        float32 ``(N, C, size, size)`` in [0, 255], not rounded.
    """
    pixels = images.to(torch.float32)
    if tuple(pixels.shape[-2:]) == (size, size):
        return pixels
    return interpolate(pixels, size=(size, size), mode="bicubic", antialias=True).clamp(0.0, 255.0)


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 of a network's weights, over names, shapes and bytes in order of name.

    Args:
        state: a state dict.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class FeatureSpace(ABC):
    """A frozen map from samples to features.

    Attributes:
        id: name in scores and protocols.
        dim: width of a feature vector.
        sha256: hash of the weights.
        resize_id: what happens to pixels before the network.
        has_logits: whether :class:`Features` come with verdicts of a classifier.
        comparable_to_literature: whether scores may carry their published names.
        standardised: whether features shall be divided by the spread of the reals, dimension by
            dimension, before they are compared.
        takes_images: whether samples are uint8 images, and not points.
        waved: whether mean and covariance of the features say too little, so that the Frechet
            distance is taken of waves over them (:mod:`callbacks.metrics.waves`).
        mixed_sizes: whether images of unlike sizes may share a set: each is brought to one size by
            a filter that does not alias.
    """

    id: str
    dim: int
    sha256: str
    resize_id: str
    has_logits: bool = False
    comparable_to_literature: bool = False
    standardised: bool = False
    takes_images: bool = True
    waved: bool = False
    mixed_sizes: bool = False

    @abstractmethod
    def __call__(self, samples: Tensor) -> Features:
        """Return the features of samples on the space's device.

        Args:
            samples: uint8 ``(N, C, H, W)``, or float ``(N, 2)`` where ``takes_images`` is false.

        Raises:
            ValueError: for other samples.
        """

    def to(self, device: torch.device | str) -> Self:
        """Move the network to a device and return the space.

        Args:
            device: where the features shall be computed.
        """
        return self


class IdentitySpace(FeatureSpace):
    """2-D points are their own features: for the toy distributions."""

    id = "identity"
    dim = 2
    # The waves over the points belong to it.
    sha256 = hashlib.sha256(b"identity, waves64").hexdigest()
    resize_id = "none"
    takes_images = False
    waved = True

    def __call__(self, samples: Tensor) -> Features:
        """Return the points themselves, float32 ``(N, 2)``.

        Args:
            samples: float ``(N, 2)``.

        Raises:
            ValueError: for anything else.
        """
        if samples.dim() != 2 or samples.shape[1] != self.dim or not samples.is_floating_point():
            raise ValueError(
                f"IdentitySpace: samples must be float points (N, 2), got {samples.dtype} "
                f"{tuple(samples.shape)}; choose a network such as rand_vgg for images"
            )
        return Features(samples.detach().to(torch.float32), None)


class NetworkSpace(FeatureSpace):
    """A space whose features come from a frozen network; subclasses say how.

    Args:
        net: the network; it is put into eval mode, frozen and laid out channels-last.
        channels: number of channels that the network reads. One channel is repeated to three.
        chunk: images in one forward pass; bounds the memory.
    """

    def __init__(self, net: nn.Module, channels: int = 3, chunk: int = 64) -> None:
        self.net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.channels = channels
        self.chunk = chunk
        self.device = torch.device("cpu")

    @abstractmethod
    def describe(self, images: Tensor) -> Features:
        """Return the features of one chunk.

        Args:
            images: uint8 ``(n, channels, H, W)`` on the space's device.
        """

    def to(self, device: torch.device | str) -> Self:
        """Move the network to a device and return the space.

        Args:
            device: where the features shall be computed.
        """
        self.device = torch.device(device)
        self.net.to(self.device)
        return self

    def __call__(self, samples: Tensor) -> Features:
        """Return the features of images, in chunks, without autocast and without gradients.

        Args:
            samples: uint8 ``(N, C, H, W)`` on any device, with C as the network reads it, or 1
                where it reads 3.

        Raises:
            ValueError: for another dtype, shape or channel count, or for no image.
        """
        images = self._checked(samples)
        parts = []
        # Autocast of a surrounding training step would put bfloat16 into the features.
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            for chunk in images.split(self.chunk):
                parts.append(self.describe(chunk.to(self.device, non_blocking=True)))
        features = torch.cat([part.features for part in parts]).float()
        if parts[0].logits is None:
            return Features(features, None)
        return Features(
            features, torch.cat([part.logits for part in parts if part.logits is not None]).float()
        )

    def _checked(self, samples: Tensor) -> Tensor:
        name = type(self).__name__
        if samples.dtype != torch.uint8 or samples.dim() != 4:
            raise ValueError(
                f"{name}: samples must be uint8 images (N, C, H, W), got {samples.dtype} "
                f"{tuple(samples.shape)}; quantise images in [-1, 1] with to_uint8"
            )
        if len(samples) == 0:
            raise ValueError(f"{name}: samples must hold at least 1 image, got 0; draw some")
        if samples.shape[1] == self.channels:
            return samples
        if samples.shape[1] == 1 and self.channels == 3:
            return samples.expand(-1, 3, -1, -1)
        raise ValueError(
            f"{name}: samples must have {self.channels} channels, got {samples.shape[1]}; "
            "choose the space for data of this kind"
        )

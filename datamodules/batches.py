"""What a batch holds: the one image contract of the library, and its way to bytes and back.

Images are float32 ``(N, C, H, W)`` in [-1, 1]; the points of a 2-D toy set take their place as
float32 ``(N, 2)``. Batches are dictionaries, so that collating, pinning and moving to a device work
without our help and a key may be absent.
"""

import torch
from torch import Tensor
from typing_extensions import NotRequired, TypedDict


class Images(TypedDict):
    """A batch of images.

    Attributes:
        image: float32 ``(N, C, H, W)`` in [-1, 1].
        label: int64 ``(N,)`` class indices; absent when the data have no classes.
        index: int64 ``(N,)`` places of the images in the training part, for what is learned for
            each image.
    """

    image: Tensor
    label: NotRequired[Tensor]
    index: NotRequired[Tensor]


class Points(TypedDict):
    """A batch of points of a 2-D toy distribution.

    Attributes:
        image: float32 ``(N, 2)``, in the units of the distribution (not bounded by 1).
        label: int64 ``(N,)`` index of the mixture component that each point was drawn from.
        index: int64 ``(N,)`` places of the points in the training part.
    """

    image: Tensor
    label: NotRequired[Tensor]
    index: NotRequired[Tensor]


def to_uint8(images: Tensor) -> Tensor:
    """Quantise images to the bytes of a PNG.

    Rounds to the nearest level; truncating instead would darken every image by half a level and
    shift each score that is computed from bytes.

    Args:
        images: floats of any shape in [-1, 1]; values outside are clamped.

    Returns:
        uint8 of the same shape and device: -1 becomes 0, and 1 becomes 255.
    """
    return ((images.float() + 1.0) * 127.5).round_().clamp_(0.0, 255.0).to(torch.uint8)


def from_uint8(images: Tensor) -> Tensor:
    """Return bytes to the range that networks see; the inverse of :func:`to_uint8`.

    Args:
        images: uint8 of any shape.

    Returns:
        float32 of the same shape and device in [-1, 1]: 0 becomes -1, and 255 becomes 1.
    """
    return images.to(torch.float32).div_(127.5).sub_(1.0)

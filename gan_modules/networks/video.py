"""The next frame at several scales: each scale refines what the coarser one foretold.

For Mathieu, Couprie, LeCun, "Deep Multi-Scale Video Prediction Beyond Mean Square Error", 2015,
arXiv:1511.05440, section 3.2. Maps are those of the authors' small setting, for 32 px. How scales
are joined is that of the authors' code; a discriminator's kernels are those of a public version.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive
from gan_modules.networks.resizing import doubled

#: Numbers of the layers of each scale, coarsest first.
Layers = tuple[tuple[int, ...], ...]


def pyramid(images: Tensor, scales: int) -> list[Tensor]:
    """The same images at ``scales`` sizes, coarsest first: means over 2x2, 4x4, ... pixels.

    Args:
        images: ``(N, C, H, W)``, H and W multiples of ``2 ** (scales - 1)``.
        scales: how many sizes; the last one is the images themselves.
    """
    return [
        F.avg_pool2d(images, 2**halvings) if halvings else images
        for halvings in reversed(range(scales))
    ]


class _Frames(nn.Module):
    """What both networks are told: the frames before, and how many scales there are."""

    def __init__(
        self, size: int, channels: int, history: int, widths: Layers, kernels: Layers
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, size=size, channels=channels, history=history)
        self.history, self.scales = history, len(widths)
        self.frame_shape = (channels, size, size)
        if not widths or len(kernels) != len(widths):
            raise ValueError(
                f"{name}: widths and kernels must have one list for each scale, got {len(widths)} "
                f"and {len(kernels)}; give as many of both"
            )
        if size % 2 ** (self.scales - 1):
            raise ValueError(
                f"{name}: size must be a multiple of {2 ** (self.scales - 1)} for {self.scales} "
                f"scales, got {size}; resize the data or leave scales out"
            )
        for numbers in (*widths, *kernels):
            require_positive(name, **{f"layer {i}": n for i, n in enumerate(numbers)})

    def told(self, history: Tensor) -> list[Tensor]:
        """Frames before, one behind the other as channels, at every scale.

        Args:
            history: ``(N, history, C, H, W)``.

        Raises:
            ValueError: for another shape.
        """
        if history.shape[1:] != (self.history, *self.frame_shape):
            wanted = ", ".join(map(str, (self.history, *self.frame_shape)))
            raise ValueError(
                f"{type(self).__name__}: history must have shape (N, {wanted}), got "
                f"{tuple(history.shape)}; match history, size and channels with the data"
            )
        return pyramid(history.flatten(1, 2), self.scales)


class NextFrameGenerator(_Frames):
    """``y_k = tanh(G_k(x_k, up(y_(k+1))) + up(y_(k+1)))`` from the coarsest scale to the finest.

    Each G_k is convolutions and ReLUs that keep the size; ``up`` repeats pixels. The coarsest
    scale is told the frames before alone.

    Args:
        size: height and width of the frames in pixels.
        channels: of a frame.
        history: frames before.
        widths: maps after each layer but the last, for each scale.
        kernels: odd edges of all kernels, one more for each scale.

    Raises:
        ValueError: if the numbers do not fit each other.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 1,
        history: int = 4,
        widths: Layers = ((16, 32, 16), (16, 32, 16), (16, 32, 64, 32, 16), (16, 32, 64, 32, 16)),
        kernels: Layers = ((3, 3, 3, 3), (5, 3, 3, 5), (5, 3, 3, 3, 3, 5), (7, 5, 5, 5, 5, 7)),
    ) -> None:
        super().__init__(size, channels, history, widths, kernels)
        for maps, edges in zip(widths, kernels, strict=True):
            if len(edges) != len(maps) + 1 or not all(edge % 2 for edge in edges):
                raise ValueError(
                    f"NextFrameGenerator: kernels must be odd and one more than widths, got "
                    f"{list(edges)} for {list(maps)}; the last layer makes the frame"
                )
        self.parts = nn.ModuleList()
        for scale, (maps, edges) in enumerate(zip(widths, kernels, strict=True)):
            inputs = (history + (scale > 0)) * channels
            layers: list[nn.Module] = []
            for (before, after), edge in zip(
                pairwise((inputs, *maps, channels)), edges, strict=True
            ):
                layers += [nn.Conv2d(before, after, edge, padding=edge // 2), nn.ReLU()]
            self.parts.append(nn.Sequential(*layers[:-1]))

    def forward(self, history: Tensor) -> list[Tensor]:
        """Frames before, ``(N, history, C, H, W)``: the next one, coarsest first, in [-1, 1]."""
        frames: list[Tensor] = []
        for part, seen in zip(self.parts, self.told(history), strict=True):
            if not frames:
                frames.append(torch.tanh(part(seen)))
                continue
            coarse = doubled(frames[-1])
            frames.append(torch.tanh(part(torch.cat([seen, coarse], 1)) + coarse))
        return frames


class NextFrameDiscriminator(_Frames):
    """Whether a frame follows the frames before, judged at each scale by a network of its own.

    Convolutions without padding and ReLUs, the greatest of 2x2 pixels, and fully connected layers.

    Args:
        size: height and width of the frames in pixels.
        channels: of a frame.
        history: frames before.
        widths: maps after each convolution, for each scale.
        kernels: edges of their kernels.
        hidden: units of the fully connected layers but the last.

    Raises:
        ValueError: if the numbers do not fit each other, or a scale is too small for its kernels.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 1,
        history: int = 4,
        widths: Layers = ((32,), (32, 32, 64), (32, 32, 64), (32, 32, 64, 128)),
        kernels: Layers = ((3,), (3, 3, 3), (5, 5, 5), (7, 7, 5, 5)),
        hidden: tuple[int, ...] = (256, 128),
    ) -> None:
        super().__init__(size, channels, history, widths, kernels)
        self.parts = nn.ModuleList()
        for scale, (maps, edges) in enumerate(zip(widths, kernels, strict=True)):
            edge = size // 2 ** (self.scales - 1 - scale)
            left = edge - sum(edges) + len(edges)
            if len(maps) != len(edges) or left < 2:
                raise ValueError(
                    f"NextFrameDiscriminator: kernels must be as many as widths and leave 2 px, "
                    f"got {list(edges)} for {list(maps)} at {edge} px; shorten or widen them"
                )
            layers: list[nn.Module] = []
            for (before, after), kernel in zip(
                pairwise(((history + 1) * channels, *maps)), edges, strict=True
            ):
                layers += [nn.Conv2d(before, after, kernel), nn.ReLU()]
            layers += [nn.MaxPool2d(2), nn.Flatten()]
            for before, after in pairwise((maps[-1] * (left // 2) ** 2, *hidden, 1)):
                layers += [nn.Linear(before, after), nn.ReLU()]
            self.parts.append(nn.Sequential(*layers[:-1]))

    def forward(self, history: Tensor, frames: Sequence[Tensor]) -> list[Tensor]:
        """Frames before ``(N, history, C, H, W)``, and one at each scale: scores ``(N,)`` each."""
        pairs = zip(self.parts, self.told(history), frames, strict=True)
        return [part(torch.cat([seen, frame], 1)).squeeze(1) for part, seen, frame in pairs]

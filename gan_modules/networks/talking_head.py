"""Faces made of landmarks, in the style of a code of who it is; and networks that judge them.

For Zakharov, Shysheya, Burkov, Lempitsky, "Few-Shot Adversarial Learning of Realistic Neural
Talking Head Models", 2019, arXiv:1905.08233, section 3 and appendix A, at a scale of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.attention import SelfAttention
from gan_modules.networks.blocks import spectral
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.residual import DownBlock, FirstBlock
from gan_modules.networks.resizing import doubled

_SIZES = (32, 64, 128)
_ATTENDED = 16


class HeadEncoder(nn.Module):
    """Frames and their landmarks to codes: residual blocks down to 4x4, a sum over pixels, a ReLU.

    Every block halves; the maps of 16x16 pixels attend to each other. All convolutions are
    spectrally normalised.

    Args:
        size: height and width of the frames in pixels: 32, 64 or 128.
        channels: of a frame, and of a picture of landmarks.
        width: maps after the first block; each further one doubles them, up to 8 times.
        slope: of the last ReLU below 0.

    Raises:
        ValueError: for another size, or a count that is not positive.
    """

    def __init__(
        self, size: int = 64, channels: int = 3, width: int = 32, slope: float = 0.0
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.slope = slope
        require_choice(name, "size", size, _SIZES)
        require_positive(name, channels=channels, width=width)
        self.image_shape = (channels, size, size)
        maps = [width * min(2**stage, 8) for stage in range(size.bit_length() - 3)]
        self.code_dim = maps[-1]
        blocks: list[nn.Module] = [FirstBlock(2 * channels, maps[0])]
        for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
            blocks.append(DownBlock(inputs, outputs, halve=True, normalization="none"))
        attended = (size // _ATTENDED).bit_length() - 2
        blocks[attended] = nn.Sequential(blocks[attended], SelfAttention(maps[attended]))
        self.blocks = nn.ModuleList(blocks)
        _normalize(self)

    def features(self, images: Tensor, landmarks: Tensor) -> list[Tensor]:
        """Maps after each block, and the codes ``(N, code_dim)``.

        Args:
            images: ``(N, channels, size, size)`` in [-1, 1].
            landmarks: of the same shape.
        """
        for pictures in (images, landmarks):
            require_shape(type(self).__name__, pictures, self.image_shape)
        found = [torch.cat([images, landmarks], 1)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return [*found[1:], F.leaky_relu(found[-1].sum((2, 3)), self.slope)]

    def forward(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Codes ``(N, code_dim)``, from 0 on unless there is a slope; see :meth:`features`."""
        return self.features(images, landmarks)[-1]


class HeadGenerator(nn.Module):
    """Landmarks to frames; the code of a person says how all but the first maps are normalised.

    Three halvings with instance normalisation, residual blocks, three doublings. The gains and
    biases of both of the latter are styles, a linear map of the code: ``psi = P e``. All
    convolutions are spectrally normalised.

    Args:
        size: height and width of the frames in pixels: 32, 64 or 128.
        channels: of a frame, and of a picture of landmarks.
        width: maps at full size; each halving doubles them.
        code_dim: length of a code.
        blocks: residual blocks in the middle.

    Raises:
        ValueError: for another size, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 32,
        code_dim: int = 256,
        blocks: int = 4,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_positive(name, channels=channels, width=width, code_dim=code_dim, blocks=blocks)
        self.image_shape, self.code_dim = (channels, size, size), code_dim
        maps = [width, 2 * width, 4 * width, 8 * width]
        down: list[nn.Module] = []
        for inputs, outputs in zip((channels, *maps[:-1]), maps, strict=True):
            stride = 1 if inputs == channels and not down else 2
            down += [nn.Conv2d(inputs, outputs, 3, stride, 1)]
            down += [nn.InstanceNorm2d(outputs, affine=True), nn.ReLU()]
        self.down = nn.Sequential(*down)
        middle = [nn.Conv2d(maps[-1], maps[-1], 3, padding=1) for _ in range(2 * blocks)]
        ups = [
            nn.Conv2d(inputs, outputs, 3, padding=1)
            for inputs, outputs in zip(maps[:0:-1], maps[-2::-1], strict=True)
        ]
        self.middle, self.up = nn.ModuleList(middle), nn.ModuleList(ups)
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        _normalize(self)
        self.styled = [conv.out_channels for conv in (*middle, *ups)]
        self.projection = nn.Linear(code_dim, 2 * sum(self.styled))
        nn.init.normal_(self.projection.weight, 0.0, 0.02)
        nn.init.zeros_(self.projection.bias)

    def styles(self, code: Tensor) -> Tensor:
        """Codes ``(N, code_dim)`` to styles psi ``(N, S)``; a gain is 1 and its number in them."""
        require_shape(type(self).__name__, code, (self.code_dim,))
        styles: Tensor = self.projection(code)
        return styles

    def forward(self, landmarks: Tensor, styles: Tensor) -> Tensor:
        """Frames in [-1, 1].

        Args:
            landmarks: ``(N, channels, size, size)`` in [-1, 1].
            styles: of :meth:`styles`, ``(N, S)``.
        """
        require_shape(type(self).__name__, landmarks, self.image_shape)
        told = iter(styles.split([part for count in self.styled for part in (count, count)], 1))
        x = self.down(landmarks)
        for first, second in zip(self.middle[::2], self.middle[1::2], strict=True):
            inner = F.relu(_adapted(first(x), next(told), next(told)))
            x = x + _adapted(second(inner), next(told), next(told))
        for convolution in self.up:
            x = F.relu(_adapted(convolution(doubled(x)), next(told), next(told)))
        return torch.tanh(self.last(x))


class HeadDiscriminator(nn.Module):
    """``V(x, y)^T (W_i + w_0) + b``: a projection on what is learned of every training person.

    Args:
        num_videos: persons i, that is rows of W.
        size: see :class:`HeadEncoder`, which V is.
        channels: see there.
        width: see there.

    Raises:
        ValueError: see there, or if there is no person.
    """

    def __init__(self, num_videos: int, size: int = 64, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        require_positive(type(self).__name__, num_videos=num_videos)
        # With the paper's ReLU at its end V died within some hundred steps: all codes at 0, and no
        # gradient for anybody ever after.
        self.trunk = HeadEncoder(size, channels, width, slope=0.2)
        self.image_shape, self.code_dim = self.trunk.image_shape, self.trunk.code_dim
        self.num_videos = num_videos
        self.videos = nn.Embedding(num_videos, self.code_dim)
        # Like codes, which are not negative: at 0 matching would draw all codes together.
        nn.init.uniform_(self.videos.weight)
        self.everybody = nn.Parameter(torch.zeros(self.code_dim))
        self.bias = nn.Parameter(torch.zeros(()))

    def judge(
        self, images: Tensor, landmarks: Tensor, video: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Scores ``(N,)``, and V's maps after each block.

        Args:
            images: ``(N, channels, size, size)`` in [-1, 1].
            landmarks: of the same shape.
            video: int64 ``(N,)``.
        """
        *maps, code = self.trunk.features(images, landmarks)
        return (code * (self.videos(video) + self.everybody)).sum(1) + self.bias, maps

    def forward(self, images: Tensor, landmarks: Tensor, video: Tensor) -> Tensor:
        """Scores ``(N,)``; see :meth:`judge`."""
        return self.judge(images, landmarks, video)[0]


class RandomFeatures(nn.Module):
    """Maps of five random convolutions with ReLUs: edges and colours, of no meaning beyond.

    Stands for the paper's VGG nets where no weights are to be had.

    Args:
        channels: of the images.
        width: maps of the first layer; each of the others, which halve, doubles them.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(self, channels: int = 3, width: int = 16) -> None:
        super().__init__()
        require_positive(type(self).__name__, channels=channels, width=width)
        maps: Sequence[int] = [channels, *(width * 2**stage for stage in range(5))]
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, stride=1 if stage == 0 else 2, padding=1)
            for stage, (inputs, outputs) in enumerate(zip(maps[:-1], maps[1:], strict=True))
        )
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.get_parameter("weight"), nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images ``(N, channels, H, W)`` to the maps of every layer."""
        found = [images]
        for layer in self.layers:
            found.append(F.relu(layer(found[-1])))
        return found[1:]


def _adapted(maps: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Adaptive instance normalisation; a gain of 0 leaves the normalised maps as they are."""
    return (1 + gain[:, :, None, None]) * F.instance_norm(maps) + bias[:, :, None, None]


def _normalize(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            spectral(layer)

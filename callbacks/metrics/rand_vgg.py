"""Features of a VGG-like network with random weights: no weights file, any kind of image.

Naeem et al., 2020, arXiv:2002.09797, section 4.4: random embeddings are fair where ImageNet
features are not, such as on digits. Random networks order generators well, but their numbers depend
on the architecture, so this one is frozen: its weights are the same bits on every machine.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from callbacks.metrics.features import Features, NetworkSpace, resize, weights_hash

_WIDTHS = (32, 64, 128, 256)


class RandomVGG(nn.Module):
    """Four blocks of two 3x3 convolutions and a 2x2 mean, then pooled moments, then a projection.

    Args:
        channels: number of input channels.
        dim: width of the features.
        seed: of the weights.
    """

    def __init__(self, channels: int = 3, dim: int = 64, seed: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        # The layers' own first weights are overwritten, but they draw from the global generator.
        with torch.random.fork_rng(devices=[]):
            for width in _WIDTHS:
                for source in (inputs, width):
                    layers += [nn.Conv2d(source, width, 3, padding=1), nn.ReLU(inplace=True)]
                layers.append(nn.AvgPool2d(2))
                inputs = width
            self.trunk = nn.Sequential(*layers)
            self.projection = nn.Linear(2 * inputs, dim, bias=False)
        self._draw(np.random.RandomState(seed))

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(N, dim)``.

        Args:
            x: float ``(N, channels, H, W)`` around [-1, 1], sides of 32 or more.
        """
        maps = self.trunk(x).flatten(2)
        pooled = torch.cat([maps.mean(dim=2), maps.std(dim=2)], dim=1)
        return self.projection(pooled)

    def _draw(self, draws: np.random.RandomState) -> None:
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
                    continue
                fan_in = math.prod(parameter.shape[1:])
                # He-normal under a ReLU; the projection has none.
                gain = 1.0 if name.startswith("projection") else 2.0
                # On a coarse grid the last digits of log and sqrt, which differ between machines,
                # are rounded away, and the hash is the same everywhere.
                grid = np.round(draws.standard_normal(tuple(parameter.shape)) * 256.0) / 256.0
                parameter.copy_(torch.from_numpy(grid * math.sqrt(gain / fan_in)))


class RandVGGSpace(NetworkSpace):
    """64 features of :class:`RandomVGG`, divided by the spread of the reals.

    Args:
        size: side that images are resized to: 32 for small images, 64 for larger.
        channels: 3 (also for one channel, which is repeated), or the data's own other number.
    """

    id = "rand_vgg"
    dim = 64
    standardised = True
    mixed_sizes = True

    def __init__(self, size: int = 32, channels: int = 3) -> None:
        if size < 32:
            raise ValueError(
                f"RandVGGSpace: size must be at least 32, got {size}; four halvings need it"
            )
        net = RandomVGG(channels, self.dim)
        self.size = size
        self.sha256 = weights_hash(net.state_dict())
        self.resize_id = f"bicubic-aa-{size}"
        super().__init__(net, channels, chunk=64 if size == 32 else 16)

    def describe(self, images: Tensor) -> Features:
        """Return the features of one chunk.

        Args:
            images: uint8 ``(n, channels, H, W)``.
        """
        pixels = resize(images, self.size).div(127.5).sub(1.0)
        return Features(self.net(pixels.contiguous(memory_format=torch.channels_last)), None)

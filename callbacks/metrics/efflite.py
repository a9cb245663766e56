"""ImageNet features that come with the install: EfficientNet-lite0.

Tan and Le, "EfficientNet", 2019, arXiv:1905.11946; converted weights by ML Illustrated, whose notes
say that the conversion is not thoroughly tested. Real classes come out, and the distance orders
damaged images sensibly, but its numbers compare with nothing published.
"""

import hashlib

import torch
from torch import Tensor

from callbacks.metrics.features import Features, NetworkSpace, resize
from gan_modules.networks.efflite import folded_network, weights_path


class EffLiteSpace(NetworkSpace):
    """1280 pooled features and 1000 ImageNet logits.

    Args:
        size: side that images are resized to. 96 costs a tenth of the network's own 224.
    """

    id = "efflite0"
    dim = 1280
    has_logits = True
    mixed_sizes = True

    def __init__(self, size: int = 96) -> None:
        if size < 32:
            raise ValueError(
                f"EffLiteSpace: size must be at least 32, got {size}; the default is 96"
            )
        self.size = size
        self.sha256 = hashlib.sha256(weights_path().read_bytes()).hexdigest()
        self.resize_id = f"bicubic-aa-{size}"
        net = folded_network()
        self._maps, self._head = net.extract_features, net._fc
        super().__init__(net, chunk=32)

    def describe(self, images: Tensor) -> Features:
        """Return the features and the logits of one chunk.

        Args:
            images: uint8 ``(n, 3, H, W)``.
        """
        pixels = resize(images, self.size).sub(127.0).div(128.0)
        maps = self._maps(pixels.contiguous(memory_format=torch.channels_last))
        pooled = maps.mean(dim=(2, 3))
        return Features(pooled, self._head(pooled))

"""A discriminator that knows classes: how well image features fit the class is part of the score.

Miyato, Koyama, "cGANs with Projection Discriminator", 2018, arXiv:1802.05637.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.attention import SelfAttention
from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.conditional_blocks import (
    WideDownBlock,
    require_attention,
    require_classes,
    require_labels,
)
from gan_modules.networks.residual import FirstBlock


class ProjectionDiscriminator(nn.Module):
    """Images and labels to raw scores: ``head(h) + <embedding of the class, h>``.

    h are the maps after the last ReLU, summed over space. Not yet initialised or normalised: that
    is what the networks made of it differ in.

    Args:
        size: height and width of the images in pixels.
        channels: of the images.
        maps: after each block.
        halvings: this many blocks, from the first, halve the size.
        num_classes: 0 for a discriminator of images alone.
        attention: a :class:`SelfAttention` follows the block whose maps first have this size; None
            for none.

    Raises:
        ValueError: if no block has maps of the size ``attention``, or ``num_classes`` is negative.
    """

    def __init__(
        self,
        size: int,
        channels: int,
        maps: Sequence[int],
        halvings: int,
        num_classes: int,
        attention: int | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, channels=channels)
        require_classes(name, num_classes)
        require_attention(name, attention, [size >> i for i in range(1, halvings + 1)])
        self.image_shape, self.num_classes = (channels, size, size), num_classes
        blocks: list[nn.Module] = [FirstBlock(channels, maps[0])]
        if attention == size // 2:
            blocks.append(SelfAttention(maps[0]))
        for index in range(1, len(maps)):
            halve = index < halvings
            blocks.append(WideDownBlock(maps[index - 1], maps[index], halve=halve))
            if halve and attention == size >> (index + 1):
                blocks.append(SelfAttention(maps[index]))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(maps[-1], 1)
        self.embedding = nn.Embedding(num_classes, maps[-1]) if num_classes else None

    @property
    def example(self) -> tuple[Tensor, ...]:
        """One image and label, for whatever must see a forward."""
        image = torch.zeros(1, *self.image_shape)
        return (image, torch.zeros(1, dtype=torch.long)) if self.num_classes else (image,)

    def features(self, x: Tensor) -> Tensor:
        """Summed maps of the last block, ``(N, F)``, F its number of maps; not negative."""
        require_shape(type(self).__name__, x, self.image_shape)
        return F.relu(self.blocks(x)).sum((2, 3))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] and labels ``(N,)`` to scores ``(N,)``.

        Raises:
            ValueError: labels without classes, or classes without labels.
        """
        require_labels(type(self).__name__, self.num_classes, label)
        features = self.features(x)
        scores: Tensor = self.head(features).squeeze(1)
        if self.embedding is None:
            return scores
        return scores + (self.embedding(label) * features).sum(1)

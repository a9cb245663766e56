"""Parts that class-conditional networks share: residual blocks, a trunk of them, label checks.

Blocks of Miyato, Koyama, 2018, arXiv:1802.05637 (generator), and of SAGAN, arXiv:1805.08318
(authors' code), and BigGAN, arXiv:1809.11096 (discriminator).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.attention import SelfAttention
from gan_modules.networks.blocks import Normalization, normalization_layer
from gan_modules.networks.checks import require_choice
from gan_modules.networks.conditional_norm import ConditionalNorm
from gan_modules.networks.resizing import doubled


class ConditionalUpBlock(nn.Module):
    """Norm, ReLU, double, 3x3, norm, ReLU, 3x3, the norms told a vector; 1x1 on the way around.

    Args:
        inputs: maps that come in.
        outputs: maps that go out, at twice the size.
        condition_dim: length of the vector.
        normalization: before both ReLUs.
    """

    def __init__(
        self, inputs: int, outputs: int, condition_dim: int, normalization: Normalization
    ) -> None:
        super().__init__()
        self.first_norm = ConditionalNorm(inputs, condition_dim, normalization)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second_norm = ConditionalNorm(outputs, condition_dim, normalization)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)``, vectors ``(N, condition_dim)``: maps of twice the size."""
        hidden = F.relu(self.first_norm(x, condition))
        hidden = F.relu(self.second_norm(self.first(doubled(hidden)), condition))
        # A 1x1 convolution commutes with doubling and costs a quarter before it.
        larger: Tensor = self.second(hidden) + doubled(self.shortcut(x))
        return larger


class WideDownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, halve; hidden maps as many as go out, where SNGAN has those coming in.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        halve: average over 2x2 pixels at the end; else the size stays.
    """

    def __init__(self, inputs: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.pool: nn.Module = nn.AvgPool2d(2) if halve else nn.Identity()
        around = halve or inputs != outputs
        self.shortcut: nn.Module = nn.Conv2d(inputs, outputs, 1) if around else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, inputs, H, W)`` to ``(N, outputs, H/2, W/2)``, or of the same size."""
        residual = self.second(F.relu(self.first(F.relu(x))))
        # A 1x1 convolution commutes with the average and costs a quarter after it.
        halved: Tensor = self.shortcut(self.pool(x)) + self.pool(residual)
        return halved


class ConditionalTrunk(nn.Module):
    """4x4 maps to images: blocks that each double the size, a last norm, ReLU, 3x3, tanh.

    Args:
        channels: of the images.
        maps: that come in, and after each block.
        condition_dims: length of each block's vector.
        normalization: before every ReLU.
        attention: a :class:`SelfAttention` follows the block whose maps have this size; None for
            none.
    """

    def __init__(
        self,
        channels: int,
        maps: Sequence[int],
        condition_dims: Sequence[int],
        normalization: Normalization,
        attention: int | None,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConditionalUpBlock(inputs, outputs, dim, normalization)
            for inputs, outputs, dim in zip(maps[:-1], maps[1:], condition_dims, strict=True)
        )
        self.attends_after, self.attention = -1, None
        if attention is not None:
            self.attends_after = attention.bit_length() - 4
            self.attention = SelfAttention(maps[self.attends_after + 1])
        self.end = nn.Sequential(
            normalization_layer(normalization, maps[-1]),
            nn.ReLU(),
            nn.Conv2d(maps[-1], channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, conditions: Sequence[Tensor]) -> Tensor:
        """Maps ``(N, maps[0], 4, 4)`` and a vector for each block to images in [-1, 1]."""
        for index, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            x = block(x, condition)
            if self.attention is not None and index == self.attends_after:
                x = self.attention(x)
        images: Tensor = self.end(x)
        return images


def require_classes(owner: str, num_classes: int) -> None:
    """Zero or more.

    Raises:
        ValueError: otherwise.
    """
    if not isinstance(num_classes, int) or num_classes < 0:
        raise ValueError(
            f"{owner}: num_classes must be 0 or a positive integer, got {num_classes}; "
            "0 is for data without classes"
        )


def require_labels(owner: str, num_classes: int, label: Tensor | None) -> None:
    """Labels where there are classes, and none elsewhere.

    Raises:
        ValueError: otherwise.
    """
    if num_classes and label is None:
        raise ValueError(
            f"{owner}: label must be given to a network of {num_classes} classes, got None; "
            "set num_classes of generator and discriminator to the same number"
        )
    if label is not None and not num_classes:
        raise ValueError(
            f"{owner}: label must be None without classes, got labels; "
            "set num_classes of generator and discriminator to the same number"
        )


def require_attention(owner: str, attention: int | None, sizes: Sequence[int]) -> None:
    """None, or the size of maps that there are.

    Raises:
        ValueError: otherwise.
    """
    if attention is not None:
        require_choice(owner, "attention", attention, sizes)

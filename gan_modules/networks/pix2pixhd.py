"""pix2pixHD's generators: a coarse one, and one around it that adds the finest scale.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
2017, arXiv:1711.11585, section 3.2 and the authors' code. What changes from
``resnet_translator.py``: four halvings instead of two.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_positive
from gan_modules.networks.resnet_translator import ResnetTranslator
from gan_modules.networks.translation_blocks import (
    TranslationBlock,
    require_images,
    require_multiple,
    translation_norm,
)


class GlobalGenerator(ResnetTranslator):
    """The paper's G1: images to images of the same size.

    Args:
        in_channels: of what comes in.
        out_channels: of the images that go out.
        width: maps at full size; each halving doubles them.
        blocks: residual blocks, the paper's 9.
        downs: halvings of the size, the paper's 4; 3 suit 128 px.

    Raises:
        ValueError: see :class:`ResnetTranslator`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, width: int = 64, blocks: int = 9, downs: int = 4
    ) -> None:
        super().__init__(in_channels, out_channels, width, blocks, downs)


class LocalEnhancer(nn.Module):
    """The paper's G2 around a G1 that works at half the size: images to images of the same size.

    Its maps and those of G1, without its last convolution, are added before the residual blocks.
    The paper trains G1 first, at half the size, then both: see :meth:`start_from`.

    Args:
        in_channels: of what comes in.
        out_channels: of the images that go out.
        width: maps at full size; G1 has twice as many.
        blocks: residual blocks of G2, the paper's 3.
        global_blocks: residual blocks of G1.
        global_downs: halvings of G1.

    Raises:
        ValueError: see :class:`ResnetTranslator`; in the forward for sizes that
            ``global_downs + 1`` halvings do not divide.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 32,
        blocks: int = 3,
        global_blocks: int = 9,
        global_downs: int = 4,
    ) -> None:
        super().__init__()
        require_positive(type(self).__name__, blocks=blocks)
        inner = GlobalGenerator(in_channels, out_channels, 2 * width, global_blocks, global_downs)
        self.in_channels, self.out_channels, self.downs = (
            in_channels,
            out_channels,
            global_downs + 1,
        )
        self.inner = _without_head(inner)
        self.down = nn.Sequential(
            nn.Conv2d(in_channels, width, 7, padding=3, padding_mode="reflect"),
            translation_norm("instance", width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            translation_norm("instance", 2 * width),
            nn.ReLU(inplace=True),
        )
        self.up = nn.Sequential(
            *(TranslationBlock(2 * width) for _ in range(blocks)),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            translation_norm("instance", width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out_channels, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )
        initialize_normal(self.down)
        initialize_normal(self.up)

    def start_from(self, generator: GlobalGenerator) -> None:
        """Copy the weights of a G1 that was trained at half the size, all but its last layer.

        Raises:
            RuntimeError: from torch, if it is not built like this network's own.
        """
        self.inner.load_state_dict(_without_head(generator).state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, in_channels, H, W)`` in [-1, 1] to ``(N, out_channels, H, W)`` in [-1, 1].

        H and W are multiples of ``2 ** (global_downs + 1)``, at least twice that.
        """
        require_images(type(self).__name__, x, self.in_channels)
        require_multiple(type(self).__name__, x, self.downs, smallest=max(2, 8 >> self.downs))
        half = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        images: Tensor = self.up(self.down(x) + self.inner(half))
        return images


def _without_head(generator: GlobalGenerator) -> nn.Sequential:
    return nn.Sequential(*generator.encoder, *generator.decoder[:-2])

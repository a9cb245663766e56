"""Images to images through a bottleneck, with a way around it at every size: pix2pix's generator.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2016,
arXiv:1611.07004, section 3.2.1 and appendix 6.1.1; after Ronneberger et al., arXiv:1505.04597.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.translation_blocks import (
    TRANSLATION_NORMALIZATIONS,
    TranslationNormalization,
    conv_bias,
    require_images,
    require_multiple,
    translation_norm,
)

#: Maps are doubled up to this multiple of the width.
_MOST = 8


class UNet(nn.Module):
    """Images to images of the same size; 54,413,955 parameters at 3 channels and 8 downs.

    4x4 convolutions that halve the size ``downs`` times, and transposed ones that double it again;
    each gets the maps of its size from the way in beside those from further inside. The innermost
    maps are not normalised: at one pixel they would be zeros.

    Dropout is the paper's only noise. Its masks come from torch's global generator: each rank of a
    job drops units of its own.

    Args:
        in_channels: of the images that come in.
        out_channels: of the images that go out.
        downs: halvings of the size, at most log2 of it: 8 at 256 px.
        width: maps at half the size; each halving doubles them, up to 8 times.
        normalization: after every convolution but those at both ends and the innermost; the
            paper's is ``"batch"``.
        dropout_blocks: how many doublings are followed by dropout of 0.5, innermost first; the
            paper's 3, whatever ``downs``. 0 is none.
        skips: False leaves the ways around out: the paper's encoder-decoder.

    Raises:
        ValueError: for another choice, a count out of range, and in the forward for images of other
            channels or whose size ``downs`` halvings do not divide.
    """

    #: Height and width of the kernels: of the outermost convolutions, and of the others.
    kernels = (4, 4)
    #: Whether instance normalisation has a gain and a bias.
    affine = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        downs: int,
        width: int = 64,
        normalization: TranslationNormalization = "batch",
        dropout_blocks: int = 3,
        skips: bool = True,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, in_channels=in_channels, out_channels=out_channels, width=width)
        require_choice(name, "normalization", normalization, TRANSLATION_NORMALIZATIONS)
        if not isinstance(downs, int) or downs < 2:
            raise ValueError(
                f"{name}: downs must be at least 2, got {downs}; log2 of the images' size is the "
                "most, 6 at 64 px"
            )
        if not isinstance(dropout_blocks, int) or not 0 <= dropout_blocks < downs:
            raise ValueError(
                f"{name}: dropout_blocks must lie in 0..{downs - 1} at downs {downs}, got "
                f"{dropout_blocks}; the outermost doubling makes the image and drops nothing"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.downs, self.skips = downs, skips
        maps = [in_channels, *(width * min(2**down, _MOST) for down in range(downs))]
        bias = conv_bias(normalization)
        down: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(zip(maps[:-1], maps[1:], strict=True)):
            ends = index in (0, downs - 1)
            down.append(
                nn.Sequential(
                    nn.Identity() if index == 0 else nn.LeakyReLU(0.2),
                    _halving(inputs, outputs, self.kernels[index > 0], bias),
                    nn.Identity() if ends else self._norm(normalization, outputs),
                )
            )
        self.down = nn.ModuleList(down)
        up: list[nn.Module] = []
        for index in reversed(range(1, downs)):
            inputs = maps[index + 1] * (2 if skips and index < downs - 1 else 1)
            layers = [
                nn.ReLU(),
                _doubling(inputs, maps[index], self.kernels[1], bias),
                self._norm(normalization, maps[index]),
            ]
            if len(up) < dropout_blocks:
                layers.append(nn.Dropout(0.5))
            up.append(nn.Sequential(*layers))
        last = _doubling(maps[1] * (2 if skips else 1), out_channels, self.kernels[0], bias=True)
        self.up = nn.ModuleList([*up, nn.Sequential(nn.ReLU(), last, nn.Tanh())])
        initialize_normal(self)

    def _norm(self, normalization: TranslationNormalization, channels: int) -> nn.Module:
        return translation_norm(normalization, channels, affine=self.affine)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, in_channels, H, W)`` in [-1, 1] to ``(N, out_channels, H, W)`` in [-1, 1].

        H and W are multiples of ``2 ** downs``.
        """
        name = type(self).__name__
        require_images(name, x, self.in_channels)
        require_multiple(name, x, self.downs)
        around: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            around.append(x)
        around.pop()
        x = self.up[0](x)
        for stage in self.up[1:]:
            beside = around.pop()
            x = stage(torch.cat([beside, x], 1) if self.skips else x)
        return x


def _halving(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias)


def _doubling(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.Module:
    padding, more = (kernel - 1) // 2, kernel % 2
    return nn.ConvTranspose2d(
        inputs, outputs, kernel, stride=2, padding=padding, output_padding=more, bias=bias
    )

"""Images to images through residual blocks at a quarter of the size: CycleGAN's generator.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017,
arXiv:1703.10593, appendix 7.2 and the authors' code; after Johnson et al., arXiv:1603.08155.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.resizing import Doubling
from gan_modules.networks.translation_blocks import (
    TRANSLATION_NORMALIZATIONS,
    TranslationBlock,
    TranslationNormalization,
    conv_bias,
    require_images,
    require_multiple,
    translation_norm,
)

Upsample = Literal["transposed", "resize"]


class ResnetTranslator(nn.Module):
    """Images to images of the same size, by residual blocks.

    7,837,699 parameters at 3 channels, 11,378,179 with 9 blocks. A 7x7 convolution, ``downs`` that
    halve, ``blocks`` residual blocks, ``downs`` that double, a 7x7 convolution, tanh. Few
    ``blocks`` and one of the ``downs`` make the shallow net that maps without a cycle
    (arXiv:1709.00074).

    Args:
        in_channels: of the images that come in.
        out_channels: of the images that go out.
        width: maps at full size, the source's ngf; each halving doubles them.
        blocks: residual blocks: 6 up to 128 px, 9 above in the paper; 0 is allowed.
        downs: halvings of the size; 0 is allowed.
        upsample: ``"transposed"`` convolutions as in the paper; ``"resize"`` copies pixels and then
            convolves, without the checkerboard that uneven overlaps paint.
        normalization: after every convolution but the last; the paper's is ``"instance"``.

    Raises:
        ValueError: for another choice, a count out of range, and in the forward for images of other
            channels or whose size the halvings do not divide.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        blocks: int = 6,
        downs: int = 2,
        upsample: Upsample = "transposed",
        normalization: TranslationNormalization = "instance",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, in_channels=in_channels, out_channels=out_channels, width=width)
        require_choice(name, "upsample", upsample, ("transposed", "resize"))
        require_choice(name, "normalization", normalization, TRANSLATION_NORMALIZATIONS)
        for argument, value in (("blocks", blocks), ("downs", downs)):
            if not isinstance(value, int) or value < 0:
                raise ValueError(
                    f"{name}: {argument} must be 0 or a positive integer, got {value}; the "
                    "paper's are 6 blocks and 2 downs"
                )
        self.in_channels, self.out_channels, self.downs = in_channels, out_channels, downs
        bias = conv_bias(normalization)
        first = nn.Conv2d(in_channels, width, 7, padding=3, padding_mode="reflect", bias=bias)
        stages: list[nn.Module] = [_normalized(first, normalization)]
        maps = width
        for _ in range(downs):
            halve = nn.Conv2d(maps, 2 * maps, 3, stride=2, padding=1, bias=bias)
            stages.append(_normalized(halve, normalization))
            maps *= 2
        stages += [TranslationBlock(maps, normalization) for _ in range(blocks)]
        self.encoder = nn.ModuleList(stages)
        self.encoder_channels = (
            in_channels,
            *(width * 2**down for down in range(downs + 1)),
            *[maps] * blocks,
        )
        decoder: list[nn.Module] = []
        for _ in range(downs):
            decoder.append(_normalized(_doubling(maps, upsample, bias), normalization, maps // 2))
            maps //= 2
        decoder += [
            nn.Conv2d(maps, out_channels, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        ]
        self.decoder = nn.Sequential(*decoder)
        initialize_normal(self)

    def features(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Maps on the way in, for patch-wise contrast (CUT, arXiv:2007.15651).

        ``encoder_channels`` has the number of maps of each layer. CUT's five layers are 0, 2, 3, 4
        and 8 of a net with 9 blocks.

        Args:
            x: images ``(N, in_channels, H, W)`` in [-1, 1].
            layers: rising; 0 is the image itself, 1 the first convolution, then the halvings,
                then the blocks. Nothing beyond the last of them is computed.

        Raises:
            ValueError: if they do not rise or there are not so many.
        """
        name, last = type(self).__name__, len(self.encoder)
        layers = list(layers)
        if not layers or layers != sorted(set(layers)) or not 0 <= layers[0] <= layers[-1] <= last:
            raise ValueError(
                f"{name}: layers must rise within 0..{last}, got {layers}; 0 is the image, 1 the "
                f"first convolution, {2 + self.downs} the first residual block"
            )
        self._check(x)
        found = [x] if layers[0] == 0 else []
        for layer, stage in enumerate(self.encoder[: layers[-1]], start=1):
            x = stage(x)
            if layer in layers:
                found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, in_channels, H, W)`` in [-1, 1] to ``(N, out_channels, H, W)`` in [-1, 1].

        H and W are multiples of ``2 ** downs``, at least twice that, and at least 4.
        """
        self._check(x)
        for stage in self.encoder:
            x = stage(x)
        images: Tensor = self.decoder(x)
        return images

    def _check(self, x: Tensor) -> None:
        name = type(self).__name__
        require_images(name, x, self.in_channels)
        # Reflection needs more pixels than it pads.
        require_multiple(name, x, self.downs, smallest=max(2, 4 >> self.downs))


def _normalized(
    layer: nn.Module, normalization: TranslationNormalization, channels: int | None = None
) -> nn.Sequential:
    channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
    assert channels is not None
    return nn.Sequential(layer, translation_norm(normalization, channels), nn.ReLU())


def _doubling(maps: int, upsample: Upsample, bias: bool) -> nn.Module:
    if upsample == "transposed":
        return nn.ConvTranspose2d(
            maps, maps // 2, 3, stride=2, padding=1, output_padding=1, bias=bias
        )
    return nn.Sequential(
        Doubling(),
        nn.Conv2d(maps, maps // 2, 3, padding=1, padding_mode="reflect", bias=bias),
    )

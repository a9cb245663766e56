"""UNIT's encoders and decoders: images of every domain to one space of codes, and back.

Liu, Breuel, Kautz, "Unsupervised Image-to-Image Translation Networks", 2017, arXiv:1703.00848, in
the form of the authors' code. The paper ties the last layers of the encoders and the first of the
decoders, which that code leaves out: see :func:`share_tail` and :func:`share_head`. With
``num_domains`` one encoder and one decoder serve all domains.
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.checks import require_positive
from gan_modules.networks.domain_norm import CondInstanceNorm
from gan_modules.networks.resizing import Doubling
from gan_modules.networks.translation_blocks import (
    PlainInstanceNorm,
    require_images,
    require_multiple,
)


class UNITEncoder(nn.Module):
    """Images to the means of their codes, whose variance is 1.

    Args:
        in_channels: of the images.
        width: maps at full size; each halving doubles them.
        downs: halvings of the size.
        blocks: residual blocks.
        num_domains: 0 for an encoder of one domain; else of so many, told which at each call.

    Raises:
        ValueError: for a count out of range, and in the forward for images of other channels or
            whose size the halvings do not divide.
    """

    def __init__(
        self, in_channels: int, width: int = 64, downs: int = 2, blocks: int = 4,
        num_domains: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        require_positive(name, in_channels=in_channels, width=width, downs=downs, blocks=blocks)
        _require_domains(name, num_domains)
        self.in_channels, self.downs, self.num_domains = in_channels, downs, num_domains
        self.code_channels = width * 2**downs
        first = nn.Conv2d(in_channels, width, 7, padding=3, padding_mode="reflect")
        layers = [_Layer(first, width, num_domains)]
        for down in range(downs):
            maps = width * 2**down
            halve = nn.Conv2d(maps, 2 * maps, 4, stride=2, padding=1, padding_mode="reflect")
            layers.append(_Layer(halve, 2 * maps, num_domains))
        self.layers = nn.ModuleList(layers)
        self.blocks = nn.ModuleList(_Block(self.code_channels, num_domains) for _ in range(blocks))
        _initialize(self)

    def forward(self, x: Tensor, domain: Tensor | None = None) -> Tensor:
        """Images to codes.

        Args:
            x: ``(N, in_channels, H, W)`` in [-1, 1]; H and W multiples of ``2 ** downs``.
            domain: numbers ``(N,)`` int64 with ``num_domains``, else None.

        Returns:
            ``(N, code_channels, H / 2 ** downs, W / 2 ** downs)``.
        """
        name = type(self).__name__
        require_images(name, x, self.in_channels)
        require_multiple(name, x, self.downs, smallest=2)
        _require_domain(name, self.num_domains, domain)
        for layer in (*self.layers, *self.blocks):
            x = layer(x, domain)
        return x


class UNITDecoder(nn.Module):
    """Codes to images.

    Each doubling is followed by a layer normalisation of each sample, as in the authors' code but
    for the standard deviation, which is that of a group normalisation here.

    Args:
        out_channels: of the images.
        width: maps at full size; each doubling halves them.
        downs: doublings of the size, as many as the encoder's halvings.
        blocks: residual blocks.
        num_domains: as the encoder's; the residual blocks are told the domain.

    Raises:
        ValueError: for a count out of range, and in the forward for other codes.
    """

    def __init__(
        self, out_channels: int, width: int = 64, downs: int = 2, blocks: int = 4,
        num_domains: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        require_positive(name, out_channels=out_channels, width=width, downs=downs, blocks=blocks)
        _require_domains(name, num_domains)
        self.out_channels, self.num_domains = out_channels, num_domains
        self.code_channels = maps = width * 2**downs
        self.blocks = nn.ModuleList(_Block(maps, num_domains) for _ in range(blocks))
        layers: list[nn.Module] = []
        for _ in range(downs):
            layers += [
                Doubling(),
                nn.Conv2d(maps, maps // 2, 5, padding=2, padding_mode="reflect"),
                nn.GroupNorm(1, maps // 2),
                nn.ReLU(inplace=True),
            ]
            maps //= 2
        last = nn.Conv2d(width, out_channels, 7, padding=3, padding_mode="reflect")
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        _initialize(self)

    def forward(self, code: Tensor, domain: Tensor | None = None) -> Tensor:
        """Codes to images.

        Args:
            code: ``(N, code_channels, h, w)``.
            domain: numbers ``(N,)`` int64 with ``num_domains``, else None.

        Returns:
            ``(N, out_channels, h * 2 ** downs, w * 2 ** downs)`` in [-1, 1].
        """
        name = type(self).__name__
        require_images(name, code, self.code_channels)
        _require_domain(name, self.num_domains, domain)
        for block in self.blocks:
            code = block(code, domain)
        images: Tensor = self.layers(code)
        return images


def share_tail(encoder: UNITEncoder, other: UNITEncoder, blocks: int = 1) -> None:
    """Let two encoders have their last residual blocks in common; those of ``other`` are given up.

    Raises:
        ValueError: if they differ in width, or do not have so many blocks.
    """
    _share(encoder, other, range(len(encoder.blocks) - blocks, len(encoder.blocks)), blocks)


def share_head(decoder: UNITDecoder, other: UNITDecoder, blocks: int = 1) -> None:
    """Let two decoders have their first residual blocks in common; those of ``other`` are given up.

    Raises:
        ValueError: if they differ in width, or do not have so many blocks.
    """
    _share(decoder, other, range(blocks), blocks)


def _share(
    network: UNITEncoder | UNITDecoder,
    other: UNITEncoder | UNITDecoder,
    places: range,
    blocks: int,
) -> None:
    kind = type(network).__name__
    have = (len(network.blocks), len(other.blocks))
    if have[0] != have[1] or not 0 <= blocks <= have[0]:
        raise ValueError(
            f"{kind}: blocks to share must be at most those that both have, got {blocks} of "
            f"{have[0]} and {have[1]}; build both with equal blocks"
        )
    if network.code_channels != other.code_channels or network.num_domains != other.num_domains:
        raise ValueError(
            f"{kind}: networks that share blocks must have equal width, downs and num_domains, got "
            f"{network.code_channels} and {other.code_channels} code channels; build both alike"
        )
    for place in places:
        # One and the same module object: one parameter, whose gradient is the sum.
        other.blocks[place] = network.blocks[place]


class _Layer(nn.Module):
    """Convolution, normalisation, and ReLU but for the end of a residual block."""

    def __init__(
        self, convolution: nn.Conv2d, channels: int, num_domains: int, activate: bool = True
    ) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm: nn.Module = (
            CondInstanceNorm(channels, num_domains) if num_domains else PlainInstanceNorm()
        )
        self.activation: nn.Module = nn.ReLU() if activate else nn.Identity()

    def forward(self, x: Tensor, domain: Tensor | None) -> Tensor:
        maps = self.convolution(x)
        maps = self.norm(maps) if domain is None else self.norm(maps, domain)
        activated: Tensor = self.activation(maps)
        return activated


class _Block(nn.Module):
    def __init__(self, channels: int, num_domains: int) -> None:
        super().__init__()
        layers = []
        for activate in (True, False):
            convolution = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
            layers.append(_Layer(convolution, channels, num_domains, activate))
        self.first, self.second = layers

    def forward(self, x: Tensor, domain: Tensor | None) -> Tensor:
        changed: Tensor = x + self.second(self.first(x, domain), domain)
        return changed


def _initialize(network: nn.Module) -> None:
    """He initialisation, as in the authors' code."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


def _require_domains(owner: str, num_domains: int) -> None:
    if not isinstance(num_domains, int) or num_domains < 0:
        raise ValueError(
            f"{owner}: num_domains must be 0 or a positive integer, got {num_domains}; 0 is for a "
            "network of one domain"
        )


def _require_domain(owner: str, num_domains: int, domain: Tensor | None) -> None:
    if (domain is None) is not (num_domains == 0):
        given = "none" if domain is None else "some"
        raise ValueError(
            f"{owner}: domain must be given to a network of num_domains, and to no other, got "
            f"{given} at num_domains {num_domains}; set num_domains to the number of domains"
        )

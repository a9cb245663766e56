"""A multi-scale normalizing flow: a generator that can be run backwards, with its likelihood.

Kingma, Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions", 2018, arXiv:1807.03039;
with ``mixing: reverse`` the couplings and scales of Dinh, Sohl-Dickstein, Bengio, "Density
estimation using Real NVP", 2016, arXiv:1605.08803.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.flow_layers import (
    MIXINGS,
    ActNorm,
    AffineCoupling,
    Chain,
    Mixing,
    SplitPrior,
    mixing_layer,
)


class FlowGenerator(nn.Module):
    """Latents to images and back; 44 million parameters with the authors' numbers for CIFAR-10.

    A level turns 2x2 pixels into channels, then takes ``steps`` steps of activation normalisation,
    mixing and coupling; after each level but the last, half of the maps leave as latents.

    Args:
        size: height and width of the images, a multiple of ``2 ** levels``.
        channels: of the images.
        levels: the paper's L.
        steps: of a level, the paper's K.
        width: hidden maps of a coupling; the paper's 512.
        mixing: of the channels between couplings: ``"convolution"`` is the paper's 1x1;
            ``"reverse"`` and ``"shuffle"`` are the fixed orders that it compares with.
        least_scale: of a coupling, in [0, 1). The authors' is 0; where pixels are nearly constant,
            as around digits, samples then may leave the range of numbers.

    Attributes:
        latent_dim: ``channels * size * size``, as a bijection must.
        initialized: whether the activation normalisations have seen data.

    Raises:
        ValueError: if a number is out of its range, the size cannot be halved so often, or the
            mixing is another.
    """

    initialized: Tensor

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        levels: int = 3,
        steps: int = 32,
        width: int = 512,
        mixing: Mixing = "convolution",
        least_scale: float = 0.0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(
            name, size=size, channels=channels, levels=levels, steps=steps, width=width
        )
        require_choice(name, "mixing", mixing, MIXINGS)
        if size % 2**levels:
            raise ValueError(
                f"{name}: size must be a multiple of 2 ** levels, got {size} for {levels} levels; "
                "take fewer levels, or images of 32 or 64 px"
            )
        if not 0.0 <= least_scale < 1.0:
            raise ValueError(
                f"{name}: least_scale must lie in [0, 1), got {least_scale}; 0 leaves scales free"
            )
        self.image_shape = (channels, size, size)
        self.latent_dim = channels * size * size
        self.levels: Any = nn.ModuleList()
        self.splits: Any = nn.ModuleList()
        for level in range(1, levels + 1):
            maps = channels * 2 ** (level + 1)
            layers: list[nn.Module] = []
            for _ in range(steps):
                coupling = AffineCoupling(maps, width, least_scale)
                layers += [ActNorm(maps), mixing_layer(mixing, maps), coupling]
            if level < levels:
                self.splits.append(SplitPrior(maps))
            else:
                # A learned normal law per channel: a gain and a bias lead to the standard one.
                layers.append(ActNorm(maps))
            self.levels.append(Chain(layers))
        self.register_buffer("initialized", torch.zeros((), dtype=torch.int64))

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, C, H, W)`` around [-1, 1], not bounded."""
        *outer, maps = self._parted(z)
        for level in reversed(range(len(self.levels))):
            if level < len(self.splits):
                maps = self.splits[level].decode(maps, outer[level])
            maps = F.pixel_shuffle(self.levels[level].decode(maps), 2)
        return maps

    def inverse(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Latents ``(N, latent_dim)`` of images, and ``log|det dz/dx|`` ``(N,)``.

        With both, ``log p(x) = log N(z; 0, I) + log|det dz/dx|``.
        """
        require_shape(type(self).__name__, images, self.image_shape)
        maps, latents, log_det = images, [], images.new_zeros(len(images))
        for level, chain in enumerate(self.levels):
            maps, more = chain.encode(F.pixel_unshuffle(maps, 2))
            log_det = log_det + more
            if level < len(self.splits):
                maps, e, more = self.splits[level].encode(maps)
                latents.append(e.flatten(1))
                log_det = log_det + more
        return torch.cat([*latents, maps.flatten(1)], dim=1), log_det

    @torch.no_grad()
    def initialize(self, images: Tensor) -> None:
        """Set every activation normalisation by a first batch ``(N, C, H, W)`` of each rank."""
        norms = [layer for layer in self.modules() if isinstance(layer, ActNorm)]
        for norm in norms:
            norm.fitting = True
        try:
            self.inverse(images)
        finally:
            for norm in norms:
                norm.fitting = False
        self.initialized.fill_(1)

    def _parted(self, z: Tensor) -> list[Tensor]:
        """The latents that leave at each level, as maps, those of the image's size first."""
        require_shape(type(self).__name__, z, (self.latent_dim,))
        channels, size, _ = self.image_shape
        parts = []
        for level in range(1, len(self.levels) + 1):
            maps, edge = channels * 2**level, size >> level
            if level == len(self.levels):
                maps *= 2
            part, z = z.tensor_split([maps * edge * edge], dim=1)
            parts.append(part.unflatten(1, (maps, edge, edge)))
        return parts

"""What the generators of StyleGAN and StyleGAN2 share: styles instead of a latent as input.

Karras, Laine, Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks",
2018, arXiv:1812.04948, sections 2 and 3. A mapping network turns a latent z into a style w; every
layer of the synthesis network reads a style of its own, and adds noise for what is random in an
image. Both are called with ``ws``, ``(N, num_layers, w_dim)``, so that layers may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.engine.precision import fp32_island
from gan_modules.engine.reduction import mean_over_ranks
from gan_modules.networks.checks import require_positive
from gan_modules.networks.equalized import EqualizedLinear
from gan_modules.networks.pixel_norm import PixelNorm


class MappingNetwork(nn.Module):
    """Latents to styles: normalised to unit mean square, then fully connected layers.

    Runs in full precision also under autocast.

    Args:
        latent_dim: length of a latent z.
        w_dim: length of a style w, and of the hidden layers.
        layers: how many.
        lr_multiplier: how fast the layers learn, as a share of the rate of the others.
        decay: of the average of w, for each training batch.

    Raises:
        ValueError: if a count is not positive.
    """

    w_avg: Tensor

    def __init__(
        self,
        latent_dim: int,
        w_dim: int,
        layers: int = 8,
        lr_multiplier: float = 0.01,
        decay: float = 0.995,
    ) -> None:
        super().__init__()
        require_positive("MappingNetwork", latent_dim=latent_dim, w_dim=w_dim, layers=layers)
        self.latent_dim, self.decay = latent_dim, decay
        self.normalize = PixelNorm()
        self.layers = nn.ModuleList(
            EqualizedLinear(w_dim if index else latent_dim, w_dim, lr_multiplier=lr_multiplier)
            for index in range(layers)
        )
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` to styles ``(N, w_dim)``."""
        with fp32_island(z.device.type):
            x = self.normalize(z if z.dtype == torch.float64 else z.float())
            for layer in self.layers:
                x = F.leaky_relu(layer(x), 0.2)
        return x

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Move the average towards the mean of ``w`` ``(N, w_dim)`` over all ranks."""
        self.w_avg.lerp_(mean_over_ranks(w.detach().mean(0)), 1.0 - self.decay)


class Randomness(NamedTuple):
    """What a forward in training draws beside the latents.

    Attributes:
        other: second latents ``(N, latent_dim)`` for style mixing; None: no mixing.
        cutoffs: ``(N,)``, the first layer that follows the second latent.
        maps: noise of each layer, ``(N, 1, H, W)`` each; None: the constant maps.
    """

    other: Tensor | None = None
    cutoffs: Tensor | None = None
    maps: Sequence[Tensor] | None = None


def mix(first: Tensor, second: Tensor, cutoffs: Tensor, num_layers: int) -> Tensor:
    """Style mixing (arXiv:1812.04948, section 3.1): two styles for one image.

    Args:
        first: ``(N, w_dim)``, of the layers before the cutoff.
        second: ``(N, w_dim)``, of the layers from it on.
        cutoffs: ``(N,)`` integers; 1: the first layer alone follows ``first``, ``num_layers``: all.
        num_layers: of the generator.

    Returns:
        ``(N, num_layers, w_dim)``.
    """
    layers = torch.arange(num_layers, device=first.device)
    early = layers < cutoffs.unsqueeze(1)
    return torch.where(early.unsqueeze(2), first.unsqueeze(1), second.unsqueeze(1))


class StyleGenerator(nn.Module):
    """Mapping, then synthesis; a paper's generator brings the synthesis network.

    Without :class:`Randomness` the noise of the layers is constant and styles are not mixed: an
    image is then a function of its latent alone, in both modes.

    Args:
        mapping: latents to styles.
        synthesis: styles ``ws`` and noise maps to images; has ``num_layers``, ``active_layers``,
            those in use, and ``noise_sizes``, the height of the noise of each of them that has any.

    Attributes:
        latent_dim: length of a latent z.
        num_layers: styles that the synthesis network reads.
        w_avg: average style ``(w_dim,)`` of the training so far.
    """

    def __init__(self, mapping: MappingNetwork, synthesis: nn.Module) -> None:
        super().__init__()
        self.latent_dim = mapping.latent_dim
        self.mapping, self.synthesis = mapping, synthesis

    @property
    def num_layers(self) -> int:
        """How many styles the synthesis network reads."""
        return int(self.synthesis.num_layers)  # type: ignore[arg-type]

    @property
    def w_avg(self) -> Tensor:
        """The average style ``(w_dim,)``; zeros before the first training step."""
        return self.mapping.w_avg

    def forward(
        self,
        z: Tensor,
        other: Tensor | None = None,
        cutoffs: Tensor | None = None,
        maps: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)``, about in [-1, 1].

        Args:
            z: latents.
            other: this and the next two: see :class:`Randomness`.
            cutoffs: given with ``other``.
            maps: of the layers in use.
        """
        images: Tensor = self.synthesis(self.styles(z, other, cutoffs), maps)
        return images

    def styles(
        self, z: Tensor, other: Tensor | None = None, cutoffs: Tensor | None = None
    ) -> Tensor:
        """Styles ``(N, num_layers, w_dim)`` of latents; in training mode ``w_avg`` follows z's."""
        w = self.mapping(z)
        if self.training:
            self.mapping.track(w)
        if other is None or cutoffs is None:
            return self.truncate(w, 1.0)
        return mix(w, self.mapping(other), cutoffs, self.num_layers)

    def truncate(self, w: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Draw styles towards their average: less variety, fewer odd images (appendix B).

        Args:
            w: styles ``(N, w_dim)``.
            psi: 1 changes nothing, 0 gives the average itself.
            cutoff: layers from this one on are not truncated; None: all are.

        Returns:
            ``(N, num_layers, w_dim)``.
        """
        ws = w.unsqueeze(1).expand(-1, self.num_layers, -1)
        if psi == 1.0:
            return ws
        near = torch.lerp(self.w_avg.to(ws.dtype), ws, psi)
        last = self.num_layers if cutoff is None else cutoff
        return torch.cat([near[:, :last], ws[:, last:]], dim=1)

    def randomness(self, other: Tensor, noise: Noise, mixing_probability: float) -> Randomness:
        """Draw what a forward in training needs, the same for any number of ranks.

        Args:
            other: second latents ``(N, latent_dim)``.
            noise: of the training.
            mixing_probability: share of the images with two styles. Each image draws its own; the
                authors' code draws one cutoff for a batch.
        """
        options: dict[str, Any] = {"device": other.device, "dtype": self.w_avg.dtype}
        sizes: Sequence[int] = self.synthesis.noise_sizes  # type: ignore[assignment]
        flat = noise.normal(len(other), sum(size * size for size in sizes), **options)
        parts = flat.split([size * size for size in sizes], dim=1)
        maps = [part.unflatten(1, (1, size, size)) for part, size in zip(parts, sizes, strict=True)]
        if mixing_probability == 0.0:
            return Randomness(maps=maps)
        active = int(self.synthesis.active_layers)  # type: ignore[arg-type]
        mixes, where = noise.uniform(len(other), 2, **options).unbind(1)
        cutoffs = 1 + (where * (active - 1)).long()
        cutoffs = torch.where(mixes < mixing_probability, cutoffs, self.num_layers)
        return Randomness(other, cutoffs, maps)


def require_styles(owner: str, generator: nn.Module, mixing_probability: float) -> None:
    """What both papers' variants ask of their generator.

    Args:
        owner: named in errors.
        generator: to be a :class:`StyleGenerator`.
        mixing_probability: to lie in [0, 1].

    Raises:
        ValueError: otherwise.
    """
    if not isinstance(generator, StyleGenerator):
        raise ValueError(
            f"{owner}: generator must be one with styles, got {type(generator).__name__}; take one "
            "of gan_modules.networks.stylegan or gan_modules.networks.stylegan2"
        )
    if not 0 <= mixing_probability <= 1:
        raise ValueError(
            f"{owner}: mixing_probability must lie in [0, 1], got {mixing_probability}; "
            "the paper's is 0.9"
        )

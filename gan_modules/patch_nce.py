"""Contrast of patches: a place of the output should resemble that place of the input, and no other.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation" (CUT), 2020,
arXiv:2007.15651, section 3 and the authors' code. Features are maps of the translator's own
encoder, such as ``ResnetTranslator.features``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_positive


def patch_nce(queries: Tensor, keys: Tensor, temperature: float = 0.07) -> Tensor:
    """Cross entropy of finding the key of each query's own place among those of its image.

    Keys are constants of the gradient, as in the paper: the output is pulled towards the input.

    Args:
        queries: unit vectors ``(N, P, D)`` of P places of each output.
        keys: those of the same places of the inputs.
        temperature: the paper's tau.

    Returns:
        The mean over images and places, a scalar; log P where all keys are alike.

    Raises:
        ValueError: for unequal shapes, or a temperature that is not positive.
    """
    if queries.ndim != 3 or queries.shape != keys.shape:
        raise ValueError(
            "patch_nce: queries and keys must both be (N, P, D), got "
            f"{tuple(queries.shape)} and {tuple(keys.shape)}; sample the same places of both"
        )
    if temperature <= 0:
        raise ValueError(
            f"patch_nce: temperature must be positive, got {temperature}; the paper's is 0.07"
        )
    # In bf16 a score of 1 / 0.07 would be off by several percent of a nat.
    with torch.autocast(queries.device.type, enabled=False):
        precise = torch.promote_types(queries.dtype, torch.float32)
        scores = queries.to(precise) @ keys.detach().to(precise).transpose(1, 2) / temperature
    own = torch.arange(scores.shape[1], device=scores.device).expand(scores.shape[:2])
    return F.cross_entropy(scores.flatten(0, 1), own.flatten())


def draw_places(features: Sequence[Tensor], patches: int, noise: Noise) -> list[Tensor]:
    """Places of each image and layer, without repetition.

    Args:
        features: maps ``(N, C, h, w)`` of each layer.
        patches: places of each image, the paper's 256; where a map has fewer pixels, all of them.
        noise: of the module: an image has the same places on any number of ranks.

    Returns:
        For each layer numbers of pixels ``(N, P)``, int64, row by row.
    """
    places = []
    for maps in features:
        pixels = maps.shape[2] * maps.shape[3]
        order = noise.uniform(len(maps), pixels, device=maps.device)
        places.append(order.argsort(1)[:, : min(patches, pixels)])
    return places


class PatchProjector(nn.Module):
    """Maps of several layers to unit vectors of some places: the paper's two-layer MLPs, F.

    Built with all its layers, so that its parameters are there before the first batch.

    Args:
        channels: of the maps of each layer, such as ``[translator.encoder_channels[i] for i in
            layers]``.
        dim: length of the vectors.

    Raises:
        ValueError: for counts that are not positive, no layers, and in the forward for maps that
            are not those that it was built for.
    """

    def __init__(self, channels: Sequence[int], dim: int = 256) -> None:
        super().__init__()
        name = type(self).__name__
        if not channels:
            raise ValueError(f"{name}: channels must name at least one layer, got none; give some")
        require_positive(name, dim=dim, **{f"channels[{i}]": c for i, c in enumerate(channels)})
        self.channels = tuple(channels)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(inputs, dim), nn.ReLU(), nn.Linear(dim, dim))
            for inputs in channels
        )
        initialize_normal(self)

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Vectors of places.

        Args:
            features: maps ``(N, C, h, w)`` of each layer.
            places: numbers of pixels ``(N, P)`` of each layer, see :func:`draw_places`.

        Returns:
            Unit vectors ``(N, P, dim)`` of each layer.
        """
        if tuple(maps.shape[1] for maps in features) != self.channels:
            raise ValueError(
                f"{type(self).__name__}: features must have {list(self.channels)} channels, got "
                f"{[maps.shape[1] for maps in features]}; build it for the same layers"
            )
        vectors = []
        for maps, numbers, layer in zip(features, places, self.layers, strict=True):
            pixels = maps.flatten(2).transpose(1, 2)
            chosen = pixels.gather(1, numbers[:, :, None].expand(-1, -1, pixels.shape[2]))
            vectors.append(F.normalize(layer(chosen), dim=2))
        return vectors

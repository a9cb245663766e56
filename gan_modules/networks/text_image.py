"""Images of a sentence: its embedding beside the latent for G, beside the last maps for D.

Reed, Akata, Yan, Logeswaran, Schiele, Lee, "Generative Adversarial Text to Image Synthesis", 2016,
arXiv:1605.05396, figure 2, and the authors' code for 64 px. 32 px drops the outermost stage, 128 px
adds one at the inner end. The embedding may be of anything that has one: a sentence, a sound.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_normal,
    normalization_layer,
)
from gan_modules.networks.checks import require_choice, require_positive, require_shape

_SIZES = (32, 64, 128)
_SLOPE = 0.2


class TextImageGenerator(nn.Module):
    """Latents and embeddings to images; 21,138,051 parameters with the defaults.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent, the paper's 100.
        text_dim: length of an embedding, the paper's 1024.
        projection_dim: what the embedding is cut down to beside the latent; 256 in the authors'
            code, 128 in the paper.
        width: maps at half the image's size; each stage inwards doubles it.
        normalization: after every convolution but the last; the paper's is ``"batch"``.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 100,
        text_dim: int = 1024,
        projection_dim: int = 256,
        width: int = 128,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(
            name,
            channels=channels,
            latent_dim=latent_dim,
            text_dim=text_dim,
            projection_dim=projection_dim,
            width=width,
        )
        self.latent_dim, self.text_dim, self.told_shape = latent_dim, text_dim, (text_dim,)
        self.projection = nn.Sequential(nn.Linear(text_dim, projection_dim), nn.LeakyReLU(_SLOPE))
        maps = width * size // 8
        layers: list[nn.Module] = [
            nn.Unflatten(1, (latent_dim + projection_dim, 1, 1)),
            nn.ConvTranspose2d(latent_dim + projection_dim, maps, 4),
            normalization_layer(normalization, maps),
            Bottleneck(maps, normalization),
            nn.ReLU(),
        ]
        first = True
        while maps > width:
            maps //= 2
            layers += [
                nn.ConvTranspose2d(maps * 2, maps, 4, stride=2, padding=1),
                normalization_layer(normalization, maps),
                *([Bottleneck(maps, normalization)] if first else []),
                nn.ReLU(),
            ]
            first = False
        layers += [nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialize_normal(self)

    def forward(self, z: Tensor, text: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)`` and embeddings ``(N, text_dim)`` to images in [-1, 1]."""
        require_shape(type(self).__name__, text, (self.text_dim,))
        images: Tensor = self.layers(torch.cat([z, self.projection(text)], dim=1))
        return images


class TextImageDiscriminator(nn.Module):
    """Images and embeddings to raw scores; 4,228,801 parameters with the defaults.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        text_dim: length of an embedding, the paper's 1024.
        projection_dim: planes of an embedding on the last maps; see :class:`TextImageGenerator`.
        width: maps after the first layer; each stage doubles it.
        normalization: after every convolution but the first and the last; the paper's is
            ``"batch"``, which no per-sample penalty allows.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        text_dim: int = 1024,
        projection_dim: int = 256,
        width: int = 64,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, _SIZES)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        require_positive(
            name,
            channels=channels,
            text_dim=text_dim,
            projection_dim=projection_dim,
            width=width,
        )
        self.image_shape, self.text_dim = (channels, size, size), text_dim
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(_SLOPE),
        ]
        maps, last = width, width * size // 8
        while maps < last:
            maps *= 2
            layers += [
                nn.Conv2d(maps // 2, maps, 4, stride=2, padding=1),
                normalization_layer(normalization, maps),
                Bottleneck(maps, normalization) if maps == last else nn.Identity(),
                nn.LeakyReLU(_SLOPE),
            ]
        self.layers = nn.Sequential(*layers)
        self.projection = nn.Sequential(nn.Linear(text_dim, projection_dim), nn.LeakyReLU(_SLOPE))
        self.joined = nn.Sequential(
            nn.Conv2d(maps + projection_dim, maps, 1),
            normalization_layer(normalization, maps),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(maps, 1, 4),
        )
        initialize_normal(self)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)``, embeddings ``(N, text_dim)`` to scores ``(N,)``."""
        name = type(self).__name__
        require_shape(name, x, self.image_shape)
        require_shape(name, text, (self.text_dim,))
        maps = self.layers(x)
        planes = self.projection(text)[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        scores: Tensor = self.joined(torch.cat([maps, planes], dim=1))
        return scores.flatten()


class Bottleneck(nn.Module):
    """Maps and a correction of them: 1x1 to a quarter, 3x3, 3x3 back; nothing after the sum.

    Args:
        maps: that come in and go out, at one size; a multiple of 4.
        normalization: after each convolution.
    """

    def __init__(self, maps: int, normalization: Normalization) -> None:
        super().__init__()
        inner = max(1, maps // 4)
        self.reduce = nn.Sequential(
            nn.Conv2d(maps, inner, 1), normalization_layer(normalization, inner)
        )
        self.inner = nn.Sequential(
            nn.Conv2d(inner, inner, 3, padding=1), normalization_layer(normalization, inner)
        )
        self.restore = nn.Sequential(
            nn.Conv2d(inner, maps, 3, padding=1), normalization_layer(normalization, maps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, maps, H, W)`` to maps of the same shape."""
        corrected: Tensor = x + self.restore(F.relu(self.inner(F.relu(self.reduce(x)))))
        return corrected

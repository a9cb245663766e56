"""Images of a sound: a convolutional encoder of spectrograms before G, its code projected in D.

For Wan, Chuang, Lee, "Towards Audio to Scene Image Synthesis using Generative Adversarial Network",
2018, arXiv:1808.04108, which is spectral normalisation, projection and an auxiliary classifier; its
sizes are our own choice. G behind the encoder is the one for sentences (``text_image.py``).
"""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.blocks import (
    NORMALIZATIONS,
    Normalization,
    initialize_xavier,
    normalization_layer,
    spectral,
)
from gan_modules.networks.checks import require_choice, require_positive, require_shape
from gan_modules.networks.resnet import DiscriminatorNormalization, Pool, ResNetDiscriminator
from gan_modules.networks.text_image import TextImageGenerator


class AudioEncoder(nn.Module):
    """Log-mel spectrograms to codes: strided convolutions and the mean over time and frequency.

    Args:
        bands: mel bands M, at least 16.
        frames: of a sound, F, at least 16.
        width: maps of the first layer; each of the other three doubles it.
        num_classes: K, of the classifier on the code, for pretraining.
        normalization: after every convolution.

    Raises:
        ValueError: for another normalisation, a count that is not positive, or a spectrogram that
            is too small.
    """

    def __init__(
        self,
        bands: int = 64,
        frames: int = 251,
        width: int = 32,
        num_classes: int = 10,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, bands=bands, frames=frames, width=width, num_classes=num_classes)
        require_choice(name, "normalization", normalization, NORMALIZATIONS)
        if min(bands, frames) < 16:
            raise ValueError(
                f"{name}: bands and frames must be at least 16, got {bands} and {frames}; four "
                "layers halve both, give longer sounds"
            )
        self.sound_shape, self.num_classes = (1, bands, frames), num_classes
        layers: list[nn.Module] = []
        maps = [1, *(width * 2**stage for stage in range(4))]
        for inputs, outputs in zip(maps[:-1], maps[1:], strict=True):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
                normalization_layer(normalization, outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.code_dim = maps[-1]
        self.classifier = nn.Linear(self.code_dim, num_classes)

    def forward(self, sound: Tensor) -> Tensor:
        """Spectrograms ``(N, 1, bands, frames)`` to codes ``(N, code_dim)``."""
        require_shape(type(self).__name__, sound, self.sound_shape)
        code: Tensor = self.layers(sound).mean(dim=(2, 3))
        return code


class SoundImageGenerator(nn.Module):
    """Latents and sounds to images: the sound's code stands where a sentence's embedding would.

    The encoder is part of it, so that an average of G is one of both.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        latent_dim: length of a latent.
        width: maps at half the image's size; each stage inwards doubles it.
        bands: mel bands of the sounds.
        frames: of the sounds.
        encoder_width: see :class:`AudioEncoder`.
        num_classes: K, of the encoder's classifier.
        normalization: in both parts.

    Raises:
        ValueError: see :class:`AudioEncoder` and
            :class:`~gan_modules.networks.text_image.TextImageGenerator`.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent_dim: int = 100,
        width: int = 128,
        bands: int = 64,
        frames: int = 251,
        encoder_width: int = 32,
        num_classes: int = 10,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        self.encoder = AudioEncoder(bands, frames, encoder_width, num_classes, normalization)
        dim = self.encoder.code_dim
        self.images = TextImageGenerator(
            size, channels, latent_dim, dim, min(256, dim), width, normalization
        )
        self.latent_dim, self.told_shape = latent_dim, self.encoder.sound_shape
        self.code_dim = dim

    def forward(self, z: Tensor, sound: Tensor) -> Tensor:
        """Latents ``(N, latent_dim)``, and sounds or their codes, to images in [-1, 1].

        Args:
            z: latents.
            sound: spectrograms ``(N, 1, bands, frames)``, or codes ``(N, code_dim)``.
        """
        images: Tensor = self.images(z, self.encoder(sound) if sound.dim() == 4 else sound)
        return images


class SoundImageDiscriminator(ResNetDiscriminator):
    """Images and codes of sounds to raw scores and class logits.

    The score is ``head(h) + <V c, h>`` with h the pooled features of SNGAN's residual net; the
    classifier reads h alone.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps of the first block; None is 128 at 32 px, 64 above.
        code_dim: length of a code.
        num_classes: K.
        normalization: as in :class:`ResNetDiscriminator`; ``"spectral"`` is of V and the classifier
            too.
        pool: ``"sum"`` or ``"mean"`` over space.

    Raises:
        ValueError: see :class:`ResNetDiscriminator`, or if a count is not positive.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int | None = None,
        code_dim: int = 256,
        num_classes: int = 10,
        normalization: DiscriminatorNormalization = "spectral",
        pool: Pool = "sum",
    ) -> None:
        super().__init__(size, channels, width, normalization, pool)
        require_positive(type(self).__name__, code_dim=code_dim, num_classes=num_classes)
        self.code_dim, self.num_classes = code_dim, num_classes
        features = self.head.in_features
        self.projection = initialize_xavier(nn.Linear(code_dim, features, bias=False))
        self.classifier = initialize_xavier(nn.Linear(features, num_classes))
        if normalization == "spectral":
            spectral(self.projection)
            spectral(self.classifier)

    def forward(  # type: ignore[override]  # Told more, and says more.
        self, x: Tensor, code: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Images ``(N, channels, size, size)``, codes ``(N, code_dim)``: scores, logits."""
        features = self.features(x)
        scores = self.head(features).squeeze(1) + (self.projection(code) * features).sum(1)
        return scores, self.classifier(features)

"""CoGAN's networks: two domains from one latent, which share all but their outermost layers.

Liu, Tuzel, "Coupled Generative Adversarial Networks", 2016, arXiv:1606.07536, and the authors'
code, which are for digits of 28 px. Shared layers are shared by being one: both networks have them
once, whatever the number of domains.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal
from gan_modules.networks.checks import require_choice, require_positive, require_shape

CoGANNormalization = Literal["batch", "none"]


class _Kernels(NamedTuple):
    """Of the shared layers that double 4x4 maps three times, and of the last one."""

    shared: int
    last: int
    last_padding: int


# 4, 7, 13, 25, 28 px and 4, 8, 16, 32, 32 px.
_KERNELS = {28: _Kernels(3, 6, 1), 32: _Kernels(4, 5, 2)}


class CoGANGenerator(nn.Module):
    """Latents to one image of each domain; what the two have in common is in the shared layers.

    Args:
        size: height and width of the images in pixels: 28, the paper's, or 32.
        channels: of the images.
        latent_dim: length of a latent, the paper's 100.
        width: maps of the last shared layer; each layer inwards doubles them.
        domains: how many images a latent has.
        normalization: after the shared layers; the authors' is ``"batch"``, without gain and bias.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent_dim: int = 100,
        width: int = 128,
        domains: int = 2,
        normalization: CoGANNormalization = "batch",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_choice(name, "size", size, tuple(_KERNELS))
        require_choice(name, "normalization", normalization, ("batch", "none"))
        require_positive(name, channels=channels, latent_dim=latent_dim, width=width)
        require_positive(name, domains=domains)
        self.latent_dim, self.out_channels, self.domains = latent_dim, channels, domains
        kernels = _KERNELS[size]
        stack: list[nn.Module] = [nn.Unflatten(1, (latent_dim, 1, 1))]
        inputs = latent_dim
        for multiple in (8, 4, 2, 1):
            outputs = width * multiple
            # Biases that a normalisation without one of its own would only take out again.
            bias = normalization == "none"
            if multiple == 8:
                stack.append(nn.ConvTranspose2d(inputs, outputs, 4, bias=bias))
            else:
                stack.append(
                    nn.ConvTranspose2d(
                        inputs, outputs, kernels.shared, stride=2, padding=1, bias=bias
                    )
                )
            if normalization == "batch":
                stack.append(nn.BatchNorm2d(outputs, affine=False))
            stack.append(nn.PReLU())
            inputs = outputs
        self.shared = nn.Sequential(*stack)
        self.heads = nn.ModuleList(
            nn.ConvTranspose2d(width, channels, kernels.last, padding=kernels.last_padding)
            for _ in range(domains)
        )
        _initialize(self)

    def forward(self, z: Tensor) -> list[Tensor]:
        """Latents ``(N, latent_dim)`` to images ``(N, channels, size, size)`` of each domain."""
        maps = self.shared(z)
        return [head(maps).tanh() for head in self.heads]


class CoGANDiscriminator(nn.Module):
    """Images and their domain to raw scores; the first layer is the domain's own.

    Args:
        size: height and width of the images in pixels, at least 20.
        channels: of the images.
        widths: maps of the domains' layers, of the shared convolution, and length of the features.
        domains: how many.

    Raises:
        ValueError: for sizes that leave nothing of the image, or counts that are not positive.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        widths: tuple[int, int, int] = (20, 50, 500),
        domains: int = 2,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, size=size, channels=channels, domains=domains)
        if len(widths) != 3:
            raise ValueError(
                f"{name}: widths must be three numbers, got {list(widths)}; the paper's are "
                "[20, 50, 500]"
            )
        own, shared, features = widths
        require_positive(name, own=own, shared=shared, features=features)
        side = ((size - 4) // 2 - 4) // 2  # each 5x5 convolution without padding takes 4 pixels
        if side < 2:
            raise ValueError(
                f"{name}: size must be at least 20, got {size}; two pools would leave {side} px"
            )
        self.image_shape, self.num_features = (channels, size, size), features
        self.tails = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, own, 5), nn.MaxPool2d(2)) for _ in range(domains)
        )
        self.shared = nn.Sequential(
            nn.Conv2d(own, shared, 5),
            nn.MaxPool2d(2),
            nn.Conv2d(shared, features, side),
            nn.PReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(features, 1)
        _initialize(self)

    def features(self, x: Tensor, domain: int) -> Tensor:
        """What the shared layers make of images of one domain, ``(N, num_features)``.

        Digits are classified by a linear layer on them, and adaptation compares those of a pair.
        """
        name = type(self).__name__
        require_choice(name, "domain", domain, range(len(self.tails)))
        require_shape(name, x, self.image_shape)
        features: Tensor = self.shared(self.tails[domain](x))
        return features

    def forward(self, x: Tensor, domain: int) -> Tensor:
        """Images ``(N, channels, size, size)`` of one domain to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x, domain))
        return scores.squeeze(1)


def _initialize(network: nn.Module) -> None:
    # Layer by layer: batch normalisation has no gain here to be initialised.
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            initialize_normal(layer)

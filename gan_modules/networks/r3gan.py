"""Inverted residual bottlenecks without normalisation, style mapping, noise or tanh.

Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline",
2025, arXiv:2501.05441, section 3 and the authors' code. What normalisation did elsewhere is left to
the start: each block begins as the identity, because its last convolution is zero, and the others
are scaled down by the number of blocks (fix-up initialisation, arXiv:1901.09321).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.filters import downsample, upsample

_SLOPE = 0.2
_EDGE = 4


class BiasedLeakyReLU(nn.Module):
    """A bias per channel, 0 at the start, then a leaky ReLU of slope 0.2.

    Args:
        channels: of the maps ``(N, channels, H, W)``.
    """

    #: Keeps the variance of a normal signal.
    gain = math.sqrt(2.0 / (1.0 + _SLOPE**2))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """The shape stays."""
        return F.leaky_relu(maps + self.bias, _SLOPE)


class InvertedBottleneck(nn.Module):
    """1 x 1 to ``expansion`` times the channels, grouped 3 x 3, 1 x 1 back; the input is added.

    Args:
        channels: of the maps, in and out.
        groups: of the 3 x 3 convolution.
        expansion: factor of the channels between.
        blocks: of the whole network, L: the first two convolutions start He normal times
            ``L ** -0.25``, the last one 0.
    """

    def __init__(self, channels: int, groups: int, expansion: int, blocks: int) -> None:
        super().__init__()
        inner = channels * expansion
        gain = BiasedLeakyReLU.gain * blocks**-0.25
        self.layers = nn.Sequential(
            _convolution(channels, inner, 1, gain=gain),
            BiasedLeakyReLU(inner),
            _convolution(inner, inner, 3, groups=groups, gain=gain),
            BiasedLeakyReLU(inner),
            _convolution(inner, channels, 1, gain=0.0),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """The shape stays."""
        residual: Tensor = self.layers(maps)
        return maps + residual


class R3GANGenerator(nn.Module):
    """Latents to images: a learned 4 x 4 basis, then blocks, doubled in size between the stages.

    Args:
        size: height and width of the images in pixels: ``4 * 2 ** (stages - 1)``.
        channels: of the images.
        latent_dim: length of a latent.
        widths: maps of each stage, from 4 x 4 upwards.
        blocks: residual blocks in each stage.
        groups: of the 3 x 3 convolutions; must divide ``expansion`` times each width.
        expansion: factor of the maps inside a block.
        num_classes: above 0 the generator is called with labels ``(N,)`` as well, whose embedding
            is put behind the latent.
        embedding_dim: length of that embedding.

    Raises:
        ValueError: if size and widths do not agree, or groups do not divide the maps.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent_dim: int = 64,
        widths: Sequence[int] = (768, 768, 768, 768),
        blocks: int = 2,
        groups: int = 96,
        expansion: int = 2,
        num_classes: int = 0,
        embedding_dim: int = 768,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check_plan(name, size, widths, groups, expansion)
        require_positive(
            name,
            channels=channels,
            latent_dim=latent_dim,
            blocks=blocks,
            embedding_dim=embedding_dim,
        )
        _check_classes(name, num_classes)
        self.latent_dim, self.num_classes = latent_dim, num_classes
        inputs = latent_dim
        if num_classes:
            self.embedding = _embedding(num_classes, embedding_dim, 1.0)
            inputs += embedding_dim
        self.start = _linear(inputs, widths[0])
        self.basis = nn.Parameter(torch.randn(widths[0], _EDGE, _EDGE))
        self.stages = _stages(widths, blocks, groups, expansion)
        self.transitions = _transitions(widths)
        self.to_image = _convolution(widths[-1], channels, 1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Latents ``(N, latent_dim)``, and labels, to images ``(N, channels, size, size)``.

        Nothing bounds the values: they lie around [-1, 1] because the data do.
        """
        if self.num_classes:
            z = torch.cat([z, self.embedding(label)], 1)
        maps = self.start(z)[:, :, None, None] * self.basis
        maps = self.stages[0](maps)
        for transition, stage in zip(self.transitions, self.stages[1:], strict=True):
            maps = stage(upsample(transition(maps)))
        images: Tensor = self.to_image(maps)
        return images


class R3GANDiscriminator(nn.Module):
    """Images to raw scores: the generator's mirror image.

    Args:
        size: height and width of the images in pixels: ``4 * 2 ** (stages - 1)``.
        channels: of the images.
        widths: maps of each stage, from the images' size down to 4 x 4.
        blocks: residual blocks in each stage.
        groups: of the 3 x 3 convolutions; must divide ``expansion`` times each width.
        expansion: factor of the maps inside a block.
        num_classes: above 0 the discriminator is called with labels ``(N,)`` as well; the score is
            the inner product of the image's ``embedding_dim`` features and the label's embedding.
        embedding_dim: length of that embedding.

    Raises:
        ValueError: if size and widths do not agree, or groups do not divide the maps.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        widths: Sequence[int] = (768, 768, 768, 768),
        blocks: int = 2,
        groups: int = 96,
        expansion: int = 2,
        num_classes: int = 0,
        embedding_dim: int = 768,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check_plan(name, size, widths, groups, expansion)
        require_positive(name, channels=channels, blocks=blocks, embedding_dim=embedding_dim)
        _check_classes(name, num_classes)
        self.image_shape, self.num_classes = (channels, size, size), num_classes
        self.from_image = _convolution(channels, widths[0], 1)
        self.stages = _stages(widths, blocks, groups, expansion)
        self.transitions = _transitions(widths)
        # 4 x 4 maps to one number each, every map by its own weights.
        self.basis = _convolution(widths[-1], widths[-1], _EDGE, groups=widths[-1], padding=0)
        self.head = _linear(widths[-1], embedding_dim if num_classes else 1)
        if num_classes:
            # An inner product with a unit-variance vector keeps the scale of a score.
            self.embedding = _embedding(num_classes, embedding_dim, embedding_dim**-0.5)

    def features(self, x: Tensor) -> Tensor:
        """Each of the last maps as one number: ``(N, widths[-1])``."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps = self.stages[0](self.from_image(x))
        for transition, stage in zip(self.transitions, self.stages[1:], strict=True):
            maps = stage(transition(downsample(maps)))
        numbers: Tensor = self.basis(maps)
        return numbers.flatten(1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Images ``(N, channels, size, size)``, and labels ``(N,)``, to raw scores ``(N,)``."""
        scores: Tensor = self.head(self.features(x))
        if self.num_classes:
            return (scores * self.embedding(label)).sum(1)
        return scores.squeeze(1)


def _stages(widths: Sequence[int], blocks: int, groups: int, expansion: int) -> nn.ModuleList:
    total = blocks * len(widths)
    return nn.ModuleList(
        nn.Sequential(*(InvertedBottleneck(width, groups, expansion, total) for _ in range(blocks)))
        for width in widths
    )


def _transitions(widths: Sequence[int]) -> nn.ModuleList:
    """From each stage to the next: a 1 x 1 convolution where the widths differ."""
    return nn.ModuleList(
        _convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
    )


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    groups: int = 1,
    gain: float = 1.0,
    padding: int | None = None,
) -> nn.Conv2d:
    """Without bias; weights normal with a variance of ``gain ** 2 / fan_in``."""
    padding = kernel // 2 if padding is None else padding
    layer = nn.Conv2d(inputs, outputs, kernel, padding=padding, groups=groups, bias=False)
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    return layer


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, 0.0, 1.0 / math.sqrt(inputs))
    return layer


def _embedding(classes: int, dim: int, gain: float) -> nn.Embedding:
    """As the authors' linear layer on one-hot labels, whose fan-in is the number of classes."""
    layer = nn.Embedding(classes, dim)
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(classes))
    return layer


def _check_plan(owner: str, size: int, widths: Sequence[int], groups: int, expansion: int) -> None:
    require_positive(owner, size=size, groups=groups, expansion=expansion)
    require_positive(owner, **{f"widths[{stage}]": width for stage, width in enumerate(widths)})
    if not widths or size != _EDGE * 2 ** (len(widths) - 1):
        made = _EDGE * 2 ** (len(widths) - 1) if widths else 0
        raise ValueError(
            f"{owner}: size must be {made} for the {len(widths)} widths, got {size}; "
            "each further width doubles 4 x 4 once more"
        )
    if bad := [width for width in widths if width * expansion % groups]:
        raise ValueError(
            f"{owner}: groups must divide expansion x width, got {groups} for {expansion} x "
            f"{bad[0]}; choose a divisor of all of them"
        )


def _check_classes(owner: str, num_classes: int) -> None:
    if num_classes < 0:
        raise ValueError(
            f"{owner}: num_classes must not be negative, got {num_classes}; 0 is without labels"
        )

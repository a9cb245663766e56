"""A classifier of label sets, and a discriminator that judges whether a set is one of an image.

For Tsai, Lee, "Adversarial Learning of Label Dependency: A Novel Framework for Multi-class
Classification", 2018, arXiv:1811.04689; its backbones are VGG and ResNet, these are small.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.blocks import Normalization
from gan_modules.networks.checks import require_positive, require_shape
from gan_modules.networks.dcgan import DCGANDiscriminator


class LabelSetClassifier(nn.Module):
    """Images to a logit for each label, through the maps of DCGAN's discriminator.

    Args:
        size: height and width of the images in pixels: 32, 64 or 128.
        channels: of the images.
        width: maps after the first layer; each stage doubles it.
        num_labels: K.
        normalization: after every layer but the first and the last.

    Raises:
        ValueError: for another size or normalisation, or a count that is not positive.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int = 32,
        num_labels: int = 10,
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        require_positive(type(self).__name__, num_labels=num_labels)
        trunk = DCGANDiscriminator(size, channels, width, normalization)
        self.image_shape, self.num_labels = trunk.image_shape, num_labels
        self.feature_dim = trunk.head.in_features
        self.layers = trunk.layers
        self.head = nn.Linear(self.feature_dim, num_labels)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor) -> Tensor:
        """The last maps, flattened: ``(N, feature_dim)``."""
        require_shape(type(self).__name__, x, self.image_shape)
        maps: Tensor = self.layers(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(N, channels, size, size)`` in [-1, 1] to logits ``(N, K)``."""
        logits: Tensor = self.head(self.features(x))
        return logits


class LabelSetDiscriminator(nn.Module):
    """Features of an image and a label set to a raw score, by fully connected layers.

    Args:
        feature_dim: length of the features, that of the classifier.
        num_labels: K.
        hidden: units of both hidden layers.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(self, feature_dim: int = 2048, num_labels: int = 10, hidden: int = 512) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(name, feature_dim=feature_dim, num_labels=num_labels, hidden=hidden)
        self.feature_dim, self.num_labels = feature_dim, num_labels
        self.layers = nn.Sequential(
            nn.Linear(feature_dim + num_labels, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features ``(N, feature_dim)`` and label sets ``(N, K)`` in [0, 1] to scores ``(N,)``."""
        scores: Tensor = self.layers(torch.cat([features, labels], dim=1))
        return scores.squeeze(1)

"""Attention from a classifier: what tells two kinds of images apart says which maps count.

Zhou et al., "Learning Deep Features for Discriminative Localization", 2015, arXiv:1512.04150; as in
U-GAT-IT, Kim, Kim, Kang, Lee, 2019, arXiv:1907.10830, section 2.1, and its authors' code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.blocks import initialize_normal, spectral


class Attended(NamedTuple):
    """What an attending network gives beside its output."""

    #: Images ``(N, C, H, W)`` of a generator; raw scores ``(N, 1, h, w)`` of a discriminator.
    output: Tensor
    #: Raw scores ``(N, 2)`` of the classifier: on the mean of each map, and on its maximum.
    cam_scores: Tensor
    #: ``(N, 1, h, w)``: the sum of the weighted maps, for pictures.
    heatmap: Tensor


class ClassActivation(nn.Module):
    """Maps weighted by two linear classifiers of their pooled values, and mixed by a 1x1 layer.

    Args:
        channels: of the maps, in and out.
        activation: after the 1x1 layer.
        shared: one classifier for means and maxima, as in the code that made the paper's results;
            the authors' other code has two.
        normalized: spectral normalisation of the classifiers, whose weights then count normalised,
            where the authors' code takes them as they are.
    """

    def __init__(
        self, channels: int, activation: nn.Module, *, shared: bool, normalized: bool
    ) -> None:
        super().__init__()
        count = 1 if shared else 2
        self.classifiers = nn.ModuleList(nn.Linear(channels, 1, bias=False) for _ in range(count))
        self.mix = nn.Conv2d(2 * channels, channels, 1)
        self.activation = activation
        initialize_normal(self)
        if normalized:
            for classifier in self.classifiers:
                spectral(classifier)

    def _linear(self) -> list[nn.Linear]:
        return [layer for layer in self.classifiers if isinstance(layer, nn.Linear)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps ``(N, channels, h, w)`` to maps, scores ``(N, 2)`` and a heat map."""
        # Each weight once: under spectral normalisation it is made anew at each look.
        weights: list[Tensor] = [layer.weight for layer in self._linear()]
        of_means, of_maxima = weights[0], weights[-1]
        scores = [F.linear(x.mean((2, 3)), of_means), F.linear(x.amax((2, 3)), of_maxima)]
        weighted = [x * weight[:, :, None, None] for weight in (of_means, of_maxima)]
        maps = self.activation(self.mix(torch.cat(weighted, 1)))
        return maps, torch.cat(scores, 1), maps.sum(1, keepdim=True)

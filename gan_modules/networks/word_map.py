"""The generator of word alignment: a linear map between two spaces of word vectors.

Lample et al., "Word Translation Without Parallel Data", 2017, arXiv:1710.04087, section 2.1.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_choice, require_positive, require_shape

Start = Literal["identity", "random"]


class WordMap(nn.Module):
    """``x`` to ``W x``, square and without a bias.

    A map that stays orthogonal keeps the sign of its determinant, and both starts have determinant
    1: mirror one coordinate of one language to look for a reflection.

    Args:
        dim: length d of a word vector.
        start: ``"identity"``, the paper's, or ``"random"``: a rotation out of torch's generator,
            for restarts.

    Raises:
        ValueError: unless ``dim`` is positive and ``start`` one of the two.
    """

    def __init__(self, dim: int = 300, start: Start = "identity") -> None:
        super().__init__()
        require_positive("WordMap", dim=dim)
        require_choice("WordMap", "start", start, get_args(Start))
        self.dim = dim
        self.weight = nn.Parameter(torch.eye(dim))
        if start == "random":
            nn.init.orthogonal_(self.weight)
            with torch.no_grad():
                self.weight[0] *= torch.linalg.det(self.weight).sign()

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors ``(N, d)`` of one language to ``(N, d)`` in the space of the other."""
        require_shape("WordMap", vectors, (self.dim,))
        return nn.functional.linear(vectors, self.weight)

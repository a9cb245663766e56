"""Sentences as rows of word vectors: a network that rewrites them, and one that judges them.

Networks of the CycleGAN of arXiv:1804.02504 as its authors' code has them, but for the attention,
which theirs lacks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive


def before(vectors: Tensor) -> Tensor:
    """The vector before each of ``(N, T, d)``; 0 before the first."""
    return torch.cat([torch.zeros_like(vectors[:, :1]), vectors[:, :-1]], 1)


class EmbeddingRewriter(nn.Module):
    """Word vectors ``(N, T, d)`` to word vectors ``(N, T, d)``, one after the other, unbounded.

    Args:
        vocabulary_size: V of both domains, special tokens included.
        length: T of the sentences.
        dim: d of the word vectors; the authors have 200.
        width: of the states, even.

    Raises:
        ValueError: if a count is not positive, or the width is odd.
    """

    special_tokens, styles = True, 0

    def __init__(self, vocabulary_size: int, length: int, dim: int = 200, width: int = 64) -> None:
        super().__init__()
        require_positive(
            "EmbeddingRewriter",
            vocabulary_size=vocabulary_size,
            length=length,
            dim=dim,
            width=width,
        )
        if width % 2:
            raise ValueError(
                f"EmbeddingRewriter: width must be even, got {width}; half of it reads in each "
                "direction"
            )
        self.vocabulary_size, self.length, self.dim = vocabulary_size, length, dim
        self.encoder = nn.GRU(dim, width // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(dim, width, batch_first=True)
        self.places = nn.Parameter(torch.randn(2, length, width) * width**-0.5)
        self.bridge, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.query, self.mix = nn.Linear(width, width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, dim)

    def forward(self, vectors: Tensor, heard: Tensor | None = None) -> Tensor:
        """What becomes of sentences.

        Args:
            vectors: ``(N, T, d)``.
            heard: ``(N, T, d)`` what it hears of its own answer, such as the vectors of the words
                before each; None: it hears nothing, and is as fast as one pass.
        """
        values, _ = self.encoder(vectors)
        keys = self.key(values) + self.places[0]
        begun = torch.tanh(self.bridge(values.mean(1)))[None]
        said, _ = self.decoder(torch.zeros_like(vectors) if heard is None else heard, begun)
        query = self.query(said) + self.places[1]
        fit = (query @ keys.transpose(1, 2) * keys.shape[2] ** -0.5).softmax(2)
        answer: Tensor = self.head(torch.tanh(self.mix(torch.cat([said, fit @ values], 2))))
        return answer


class ResidualTextJudge(nn.Module):
    """Residual convolutions over word vectors ``(N, T, d)``, to raw scores ``(N,)``.

    Differentiable twice, and without normalisation, so that a gradient penalty may be taken of it.

    Args:
        length: T of the sentences.
        dim: d of the word vectors.
        width: of the convolutions; the authors have 512.
        blocks: of two convolutions each.
        scale: of what a block adds.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(
        self, length: int, dim: int = 200, width: int = 512, blocks: int = 4, scale: float = 0.3
    ) -> None:
        super().__init__()
        require_positive("ResidualTextJudge", length=length, dim=dim, width=width, blocks=blocks)
        self.scale = scale
        self.first = nn.Conv1d(dim, width, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv1d(width, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv1d(width, width, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(width * length, 1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Scores ``(N,)``."""
        rows = self.first(vectors.transpose(1, 2))
        for block in self.blocks:
            rows = rows + self.scale * block(rows)
        scores: Tensor = self.head(rows.flatten(1))
        return scores[:, 0]

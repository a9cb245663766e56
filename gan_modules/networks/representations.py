"""A discriminator of several opinions: each reads the sentence in an embedding of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive
from gan_modules.networks.token_embedding import TokenEmbedding


class RepresentationDiscriminator(nn.Module):
    """The discriminator of RelGAN (OpenReview:rJedV3R5tm).

    Each of the representations gives every token a vector of its own; all are read by the same
    filters, highway layer and head. Two linear layers without anything in between, which end the
    authors' network, are one here.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences; filters that are longer are left out.
        representations: how many opinions; the authors have 64.
        embedding: width of the token vectors in each; the authors have 1.
        channels: filters of each width; the authors have 300.
        sizes: widths of the filters, in tokens.
        dropout: before the head; each rank draws its own.

    Raises:
        ValueError: if a count is not positive, no filter fits, or the dropout is not in [0, 1).
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        representations: int = 64,
        embedding: int = 1,
        channels: int = 64,
        sizes: Sequence[int] = (2, 3, 4, 5),
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_positive(
            name,
            vocabulary_size=vocabulary_size,
            length=length,
            representations=representations,
            embedding=embedding,
            channels=channels,
        )
        fitting = [size for size in sizes if 1 <= size <= length]
        if not fitting:
            raise ValueError(
                f"{name}: sizes must hold a width of 1..{length}, the length of the sentences, "
                f"got {list(sizes)}; give [2, 3]"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"{name}: dropout must lie in [0, 1), got {dropout}; 0 is off")
        self.vocabulary_size, self.representations = vocabulary_size, representations
        self.embedding = TokenEmbedding(vocabulary_size, representations * embedding)
        self.filters = nn.ModuleList(nn.Conv1d(embedding, channels, size) for size in fitting)
        width = channels * len(fitting)
        self.gate, self.carried = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 1)

    def forward(self, sentences: Tensor) -> Tensor:
        """Scores ``(N, R)`` of token ids ``(N, T)`` or of weights of tokens ``(N, T, V)``."""
        embedded = self.embedding(sentences)
        n, length = embedded.shape[:2]
        rows = embedded.view(n, length, self.representations, -1).permute(0, 2, 3, 1).flatten(0, 1)
        strongest = torch.cat([layer(rows).relu().amax(2) for layer in self.filters], 1)
        gate = torch.sigmoid(self.gate(strongest))
        mixed = gate * self.carried(strongest).relu() + (1.0 - gate) * strongest
        scores: Tensor = self.head(self.dropout(mixed))
        return scores.view(n, self.representations)

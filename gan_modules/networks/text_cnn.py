"""A convolutional discriminator of sentences: filters of several widths, the strongest answer each.

Kim, "Convolutional Neural Networks for Sentence Classification", 2014, arXiv:1408.5882; with the
highway layer of SeqGAN (arXiv:1609.05473).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan_modules.language.pretrained import WordVectorSource, token_embedding
from gan_modules.networks.checks import require_positive


class TextCNN(nn.Module):
    """Sentences to raw scores ``(N,)``.

    Differentiable twice, so that a gradient penalty may be taken of it.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences; filters that are longer are left out.
        embedding: width of the token vectors.
        channels: filters of each width.
        sizes: widths of the filters, in tokens; SeqGAN's are 1 to 10, 15 and 20.
        dropout: before the last layer; each rank draws its own.
        highway: a highway layer after the filters, as SeqGAN has; False: none.
        pretrained: token vectors to begin with; None: random ones.

    Raises:
        ValueError: if a count is not positive, no filter fits, or the dropout is not in [0, 1).
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        embedding: int = 64,
        channels: int = 64,
        sizes: Sequence[int] = (1, 2, 3, 4, 5),
        dropout: float = 0.0,
        highway: bool = True,
        pretrained: WordVectorSource | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            "TextCNN",
            vocabulary_size=vocabulary_size,
            length=length,
            embedding=embedding,
            channels=channels,
        )
        fitting = [size for size in sizes if 1 <= size <= length]
        if not fitting:
            raise ValueError(
                f"TextCNN: sizes must hold a width of 1..{length}, the length of the sentences, "
                f"got {list(sizes)}; give [2, 3, 4]"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"TextCNN: dropout must lie in [0, 1), got {dropout}; 0 is off")
        self.vocabulary_size, self.length = vocabulary_size, length
        self.embedding = token_embedding(vocabulary_size, embedding, pretrained)
        self.filters = nn.ModuleList(nn.Conv1d(embedding, channels, size) for size in fitting)
        self.features = width = channels * len(fitting)
        self.gate = nn.Linear(width, width) if highway else None
        self.carried = nn.Linear(width, width) if highway else None
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 1)

    def forward(self, sentences: Tensor) -> Tensor:
        """Scores ``(N,)`` of token ids ``(N, T)`` or of weights of tokens ``(N, T, V)``."""
        scores: Tensor = self.head(self.dropout(self.describe(sentences)))
        return scores[:, 0]

    def describe(self, sentences: Tensor) -> Tensor:
        """Features ``(N, F)`` before the last layer."""
        rows = self.embedding(sentences).transpose(1, 2)
        strongest = torch.cat([layer(rows).relu().amax(2) for layer in self.filters], 1)
        if self.gate is None or self.carried is None:
            return strongest
        gate = torch.sigmoid(self.gate(strongest))
        return gate * self.carried(strongest).relu() + (1.0 - gate) * strongest

"""A Transformer that judges sentences: classes of them, or whether they are of a style."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.attending import AttendingBlock, require_heads
from gan_modules.networks.checks import require_positive
from gan_modules.networks.reading import kept_of


class TransformerJudge(nn.Module):
    """Sentences to raw scores ``(N,)``, or to scores of classes ``(N, C)``.

    One vector of its own stands in front of the sentence and is what is read off at the end, as in
    arXiv:1905.05621.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences.
        width: of all vectors.
        heads: of the attention, which divide the width.
        layers: of it.
        classes: C; 0: one score for each sentence.
        styles: how many styles it is asked about, in front of the sentence; 0: none.
        special_tokens: whether sentences end; what is behind the end is not seen.

    Raises:
        ValueError: if a count is not positive, or the heads do not divide the width.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        classes: int = 0,
        styles: int = 0,
        special_tokens: bool = True,
    ) -> None:
        super().__init__()
        require_positive("TransformerJudge", vocabulary_size=vocabulary_size, length=length)
        require_heads("TransformerJudge", width, heads, layers)
        self.classes, self.styles, self.special_tokens = classes, styles, special_tokens
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.style = nn.Embedding(styles, width) if styles else None
        self.asked = nn.Parameter(torch.randn(1, width))
        self.places = nn.Parameter(torch.randn(length, width))
        self.blocks = nn.ModuleList(AttendingBlock(width, heads) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes or 1))

    def forward(self, sentences: Tensor, style: Tensor | None = None) -> Tensor:
        """Scores of token ids ``(N, T)`` or of weights of tokens ``(N, T, V)``.

        Args:
            sentences: what is judged.
            style: int64 ``(N,)``, which is asked about; given exactly if there are styles.
        """
        assert (style is None) == (self.style is None)
        if sentences.is_floating_point():
            vectors = sentences @ self.embedding.weight
        else:
            vectors = self.embedding(sentences)
        asked = self.asked.expand(len(vectors), 1, -1)
        if style is not None and self.style is not None:
            asked = asked + self.style(style)[:, None]
        vectors = torch.cat([asked, vectors + self.places[: vectors.shape[1]]], 1)
        mask = kept_of(sentences, self.special_tokens)
        seen = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)[:, None, None]
        for block in self.blocks:
            vectors, _ = block(vectors, seen)
        scores: Tensor = self.head(vectors[:, 0])
        return scores if self.classes else scores[:, 0]

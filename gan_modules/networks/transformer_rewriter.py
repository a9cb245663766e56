"""A Transformer that reads a sentence and writes another, in a style that it is told.

Vaswani et al., arXiv:1706.03762, with learned places; the style is a token in front of what is
read, as in arXiv:1905.05621.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import greedy
from gan_modules.networks.attending import AttendingBlock, Attention, KeysValues, require_heads
from gan_modules.networks.checks import require_positive
from gan_modules.networks.reading import Reading, kept_of


class Memory(NamedTuple):
    """What was read: keys and values for each layer of the decoder, and which count."""

    offered: list[KeysValues]
    mask: Tensor


class State(NamedTuple):
    """How far it is: keys and values of what was said, for each layer, and the next place."""

    said: list[KeysValues | None]
    place: int


class TransformerRewriter(nn.Module):
    """Sentences to sentences; see ``gan_modules/networks/reading.py`` for how it is used.

    Without dropout, so that what is drawn and what is judged are one distribution.

    Args:
        vocabulary_size: V of all domains, special tokens included.
        length: T of the sentences.
        width: of all vectors.
        heads: of the attention, which divide the width.
        styles: how many styles of writing it is told apart; 0: it is told none.
        layers: of the encoder, and as many of the decoder.
        special_tokens: whether sentences end with ``EOS``; False: T raw numbers below V.

    Raises:
        ValueError: if a count is not positive, or the heads do not divide the width.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        width: int = 128,
        heads: int = 4,
        styles: int = 0,
        layers: int = 2,
        special_tokens: bool = True,
    ) -> None:
        super().__init__()
        require_positive("TransformerRewriter", vocabulary_size=vocabulary_size, length=length)
        require_heads("TransformerRewriter", width, heads, layers)
        self.vocabulary_size, self.length = vocabulary_size, length
        self.styles, self.special_tokens = styles, special_tokens
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.style = nn.Embedding(styles, width) if styles else None
        self.places = nn.Parameter(torch.randn(2, length, width))
        self.encoder = nn.ModuleList(AttendingBlock(width, heads) for _ in range(layers))
        self.decoder = nn.ModuleList(AttendingBlock(width, heads, True) for _ in range(layers))
        self.read_norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, vocabulary_size))

    def forward(self, symbols: Tensor, style: Tensor | None = None) -> Tensor:
        """The most likely rewriting ``(N, T)``; see :meth:`reading`."""
        return greedy(self.reading(symbols, style), len(symbols))

    def reading(self, symbols: Tensor, style: Tensor | None = None) -> Reading:
        """A speaker that has read these sentences.

        Args:
            symbols: token ids ``(N, T)``, or weights of the tokens ``(N, T, V)``.
            style: int64 ``(N,)`` which to write in; given exactly if there are styles.
        """
        assert (style is None) == (self.style is None)
        mask, vectors = kept_of(symbols, self.special_tokens), self.embed(symbols) + self.places[0]
        if style is not None and self.style is not None:
            vectors = torch.cat([self.style(style)[:, None], vectors], 1)
            mask = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        seen = mask[:, None, None]
        for block in self.encoder:
            vectors, _ = block(vectors, seen)
        read = self.read_norm(vectors)
        offered = [cross.offers(read) for cross in self.crosses()]
        return Reading(self, Memory(offered, seen), len(symbols))

    def crosses(self) -> list[Attention]:
        """The attention of each layer of the decoder to what was read."""
        found = [getattr(block, "cross", None) for block in self.decoder]
        return [cross for cross in found if isinstance(cross, Attention)]

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids, or of weights whose last axis is V."""
        if symbols.is_floating_point():
            return symbols @ self.embedding.weight
        vectors: Tensor = self.embedding(symbols)
        return vectors

    # -- what a reading asks for -------------------------------------------------------------------

    def begun(self, memory: Memory) -> State:
        """The state before the first token."""
        return State([None] * len(self.decoder), 0)

    def continued(self, embedded: Tensor, state: State, memory: Memory) -> tuple[Tensor, State]:
        """Logits ``(N, V)`` of the next token, and the state then."""
        vectors, said = embedded[:, None] + self.places[1, state.place], []
        for block, before, read in zip(self.decoder, state.said, memory.offered, strict=True):
            vectors, offered = block(vectors, None, before, read, memory.mask)
            said.append(offered)
        return self.head(vectors)[:, 0], State(said, state.place + 1)

    def judged(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Logits ``(N, T, V)`` of each token, the ones before it given."""
        length = tokens.shape[1]
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        vectors = self.embed(torch.cat([start, tokens[:, :-1]], 1)) + self.places[1, :length]
        past = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
        for block, read in zip(self.decoder, memory.offered, strict=True):
            vectors, _ = block(vectors, past, None, read, memory.mask)
        logits: Tensor = self.head(vectors)
        return logits

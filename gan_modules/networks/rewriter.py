"""A recurrent network that reads a sentence and writes another, with attention to what it read.

Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
2014, arXiv:1409.0473, with the attention behind the recurrence of Luong et al., arXiv:1508.04025:
so a given sentence is judged in one pass. Every place has a vector of its own, as in a Transformer.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import greedy
from gan_modules.networks.checks import require_choice, require_positive
from gan_modules.networks.reading import Reading, kept_of


class Memory(NamedTuple):
    """What was read: keys ``(N, S, W)``, values ``(N, S, W)``, bool mask ``(N, S)``, a summary.

    ``symbols`` are those that were read, and ``style`` is what the writer is told, ``(N, E)``.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor
    summary: Tensor
    symbols: Tensor
    style: Tensor | None


class GRURewriter(nn.Module):
    """Sentences to sentences; see ``gan_modules/networks/reading.py`` for how it is used.

    Without dropout, so that what is drawn and what is judged are one distribution.

    Args:
        vocabulary_size: V of both languages, special tokens included.
        length: T of the sentences.
        embedding: width of the token vectors.
        width: of the states, even.
        styles: how many styles of writing it is told apart; 0: it is told none.
        special_tokens: whether sentences end with ``EOS``; False: T raw numbers below V.
        source_length: T of the sentences that it reads; None: ``length``.
        told: which half is told the style. Where it is the writer, what was read does not depend
            on the style that is asked for.

    Raises:
        ValueError: if a count is not positive, or the width is odd, or for another half.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        embedding: int = 64,
        width: int = 64,
        styles: int = 0,
        special_tokens: bool = True,
        source_length: int | None = None,
        told: Literal["reader", "writer"] = "reader",
    ) -> None:
        super().__init__()
        source_length = length if source_length is None else source_length
        counts = {"vocabulary_size": vocabulary_size, "length": length}
        counts |= {"source_length": source_length}
        require_positive("GRURewriter", **counts, embedding=embedding, width=width)
        require_choice("GRURewriter", "told", told, ("reader", "writer"))
        if width % 2 or styles < 0:
            raise ValueError(
                f"GRURewriter: width must be even and styles not negative, got {width} and "
                f"{styles}; half of the width reads in each direction"
            )
        self.vocabulary_size, self.length = vocabulary_size, length
        self.styles, self.special_tokens = styles, special_tokens
        self.source_length, self.told, self.width = source_length, told, width
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.style = nn.Embedding(styles, embedding) if styles else None
        self.encoder = nn.GRU(embedding, width // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(embedding, width, batch_first=True)
        self.places = nn.Parameter(torch.randn(source_length + length, width) * width**-0.5)
        reads_style = styles > 0 and told == "reader"
        self.style_place = nn.Parameter(torch.zeros(1, width)) if reads_style else None
        self.bridge = nn.Linear(width, width)
        self.key, self.query = nn.Linear(width, width), nn.Linear(width, width)
        self.mix = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, vocabulary_size)

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
        mask, embedded = kept_of(symbols, self.special_tokens), self.embed(symbols)
        places = self.places[: self.source_length]
        written = None if style is None or self.style is None else self.style(style)
        if written is not None and self.style_place is not None:
            embedded = torch.cat([written[:, None], embedded], 1)
            mask = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
            places, written = torch.cat([self.style_place, places]), None
        values, _ = self.encoder(embedded)
        counts = mask[..., None].to(values.dtype)
        summary = (values * counts).sum(1) / counts.sum(1)
        keys = self.key(values) + places
        memory = Memory(keys, values, mask, summary, symbols, written)
        return Reading(self, memory, len(symbols))

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids, or of weights whose last axis is V."""
        if symbols.is_floating_point():
            return symbols @ self.embedding.weight
        vectors: Tensor = self.embedding(symbols)
        return vectors

    # -- what a reading asks for -------------------------------------------------------------------

    def begun(self, memory: Memory) -> tuple[Tensor, int]:
        """The state before the first token: the decoder's, and the place that comes next."""
        return torch.tanh(self.bridge(memory.summary))[None], 0

    def continued(
        self, embedded: Tensor, state: tuple[Tensor, int], memory: Memory
    ) -> tuple[Tensor, tuple[Tensor, int]]:
        """Logits ``(N, V)`` of the next token, and the state then."""
        hidden, place = state
        said, hidden = self.decoder(self._told(embedded[:, None], memory), hidden)
        logits = self._answer(said, self._looks(said, place, memory), memory)
        return logits[:, 0], (hidden, place + 1)

    def judged(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Logits ``(N, T, V)`` of each token, the ones before it given."""
        said = self._said(tokens, memory)
        return self._answer(said, self._looks(said, 0, memory), memory)

    def attended(self, tokens: Tensor, memory: Memory) -> Tensor:
        """How far it looks at what it read, ``(N, T, S)``, when it writes each token."""
        return self._looks(self._said(tokens, memory), 0, memory)

    # -- the decoder -------------------------------------------------------------------------------

    def _said(self, tokens: Tensor, memory: Memory) -> Tensor:
        """States ``(N, T, W)`` before each token."""
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        heard = torch.cat([start, tokens[:, :-1]], 1)
        hidden, _ = self.begun(memory)
        said: Tensor = self.decoder(self._told(self.embedding(heard), memory), hidden)[0]
        return said

    def _told(self, embedded: Tensor, memory: Memory) -> Tensor:
        """Vectors ``(N, L, E)`` that are heard, together with the style to write in."""
        return embedded if memory.style is None else embedded + memory.style[:, None]

    def _looks(self, said: Tensor, place: int, memory: Memory) -> Tensor:
        """Attention ``(N, L, S)`` of states ``(N, L, W)``, the first of which is at a place."""
        first = self.source_length + place
        query = self.query(said) + self.places[first : first + said.shape[1]]
        fit = query @ memory.keys.transpose(1, 2) * self.width**-0.5
        return fit.masked_fill(~memory.mask[:, None], float("-inf")).softmax(2)

    def _answer(self, said: Tensor, looks: Tensor, memory: Memory) -> Tensor:
        """Logits ``(N, L, V)`` of states and their attention."""
        logits: Tensor = self.head(self._mixed(said, looks, memory))
        return logits

    def _mixed(self, said: Tensor, looks: Tensor, memory: Memory) -> Tensor:
        """States ``(N, L, W)`` that know what they looked at."""
        return torch.tanh(self.mix(torch.cat([said, looks @ memory.values], 2)))

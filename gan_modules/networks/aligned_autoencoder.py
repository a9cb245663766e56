"""A recurrent autoencoder of sentences whose code keeps the content apart from the style.

Shen, Lei, Barzilay, Jaakkola, "Style Transfer from Non-Parallel Text by Cross-Alignment", 2017,
arXiv:1705.09655, section 5. There is no attention: all that is said goes through the code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import greedy
from gan_modules.networks.checks import require_positive
from gan_modules.networks.reading import Reading, kept_of


class AlignedAutoencoder(nn.Module):
    """Sentences to sentences; see ``gan_modules/networks/reading.py`` for how it is used.

    The encoder begins in a state of the style that the sentence has, and its last state, less the
    part of the style, is the content; the decoder begins with the content beside the style that
    shall be written. Without dropout, so that what is drawn and what is judged are one
    distribution; the paper drops half.

    Args:
        vocabulary_size: V of both domains, special tokens included.
        length: T of the sentences.
        embedding: width of the token vectors.
        style: width of the style; the paper has 200.
        content: width of the content; the paper has 500.
        styles: how many there are.
        special_tokens: whether sentences end with ``EOS``; False: T raw numbers below V.

    Attributes:
        width: of the states of the decoder: style and content.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        embedding: int = 100,
        style: int = 200,
        content: int = 500,
        styles: int = 2,
        special_tokens: bool = True,
    ) -> None:
        super().__init__()
        counts = {"vocabulary_size": vocabulary_size, "length": length, "styles": styles}
        widths = {"embedding": embedding, "style": style, "content": content}
        require_positive("AlignedAutoencoder", **counts, **widths)
        self.vocabulary_size, self.length = vocabulary_size, length
        self.styles, self.special_tokens = styles, special_tokens
        self.content, self.width = content, style + content
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.read_style, self.write_style = nn.Embedding(styles, style), nn.Embedding(styles, style)
        self.encoder = nn.GRU(embedding, self.width, batch_first=True)
        self.decoder = nn.GRU(embedding, self.width, batch_first=True)
        self.head = nn.Linear(self.width, vocabulary_size)

    def forward(self, symbols: Tensor, read: Tensor, write: Tensor) -> Tensor:
        """The most likely rewriting ``(N, T)``; see :meth:`reading`."""
        return greedy(self.reading(symbols, write, read), len(symbols))

    def reading(self, symbols: Tensor, style: Tensor, read: Tensor) -> Reading:
        """A speaker that has read these sentences; its memory is its first state ``(1, N, W)``.

        Args:
            symbols: token ids ``(N, T)``, or weights of the tokens ``(N, T, V)``.
            style: int64 ``(N,)`` which to write in.
            read: int64 ``(N,)`` which they are in.
        """
        return self.speaking(self.code(symbols, read), style)

    def code(self, symbols: Tensor, read: Tensor) -> Tensor:
        """The content ``(N, C)`` of sentences in a style; see :meth:`reading`."""
        style = self.read_style(read)
        begun = torch.cat([style, style.new_zeros(len(style), self.content)], 1)
        states, _ = self.encoder(self.embed(symbols), begun[None])
        # Filling behind the end is not read.
        last = kept_of(symbols, self.special_tokens).sum(1) - 1
        return states[torch.arange(len(states), device=last.device), last, -self.content :]

    def speaking(self, code: Tensor, style: Tensor) -> Reading:
        """A speaker of contents ``(N, C)`` in styles ``(N,)``."""
        memory = torch.cat([self.write_style(style), code], 1)[None]
        return Reading(self, memory, len(code))

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids, or of weights whose last axis is V."""
        if symbols.is_floating_point():
            return symbols @ self.embedding.weight
        vectors: Tensor = self.embedding(symbols)
        return vectors

    # -- what a reading asks for -------------------------------------------------------------------

    def begun(self, memory: Tensor) -> Tensor:
        """The state before the first token."""
        return memory

    def continued(self, embedded: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(N, V)`` of the next token, and the state then."""
        said, state = self.decoder(embedded[:, None], state)
        return self.head(said[:, 0]), state

    def judged(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """Logits ``(N, T, V)`` of each token, the ones before it given."""
        logits: Tensor = self.head(self.states(tokens, memory)[:, 1:])
        return logits

    def states(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """States ``(N, T + 1, W)``: before the first token, and where each is said."""
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        heard = torch.cat([start, tokens[:, :-1]], 1)
        said, _ = self.decoder(self.embedding(heard), memory)
        return torch.cat([memory.transpose(0, 1), said], 1)

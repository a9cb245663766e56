"""A recurrent generator of sentences, one token after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.language.pretrained import WordVectorSource, token_embedding
from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import drawn
from gan_modules.networks.checks import require_positive

State = tuple[Tensor, Tensor]


class LSTMSpeaker(nn.Module):
    """An LSTM (Hochreiter, Schmidhuber, 1997) over embeddings; see ``language/speaking.py``.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences.
        embedding: width of the token vectors.
        width: of the state.
        special_tokens: whether sentences end with ``EOS``; False: T raw numbers below V.
        pretrained: token vectors to begin with; None: random ones.

    Attributes:
        latent_dim: T: a sentence is drawn from so many uniform numbers.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        embedding: int = 32,
        width: int = 32,
        special_tokens: bool = True,
        pretrained: WordVectorSource | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            "LSTMSpeaker",
            vocabulary_size=vocabulary_size,
            length=length,
            embedding=embedding,
            width=width,
        )
        self.vocabulary_size, self.length, self.latent_dim = vocabulary_size, length, length
        self.special_tokens = special_tokens
        self.embedding = token_embedding(vocabulary_size, embedding, pretrained)
        self.lstm = nn.LSTM(embedding, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary_size)

    def forward(self, uniforms: Tensor) -> Tensor:
        """Draw sentences ``(N, T)`` of uniform numbers ``(N, T)`` in [0, 1)."""
        return drawn(self, uniforms)

    def initial(self, n: int) -> State:
        """The state before the first token."""
        zeros = self.head.weight.new_zeros(n, self.lstm.hidden_size)
        return zeros, zeros

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids ``(N,)`` or of weights ``(N, V)``."""
        vectors: Tensor = self.embedding(symbols)
        return vectors

    def step(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``(N, V)`` of the next token, and the state then."""
        _, (hidden, cell) = self.lstm(embedded[:, None], (state[0][None], state[1][None]))
        return self.head(hidden[0]), (hidden[0], cell[0])

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits ``(N, T, V)`` of each token of ``(N, T)``, the ones before it given."""
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        heard = torch.cat([start, tokens[:, :-1]], 1)
        # Without a state it starts from zeros, as :meth:`initial` gives them.
        hidden, _ = self.lstm(self.embedding(heard))
        scores: Tensor = self.head(hidden)
        return scores

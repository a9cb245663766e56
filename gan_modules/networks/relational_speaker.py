"""A recurrent generator of sentences whose state is a memory of slots that attend to each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.language.pretrained import WordVectorSource, token_embedding
from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import drawn
from gan_modules.networks.checks import require_positive

#: What a slot keeps of itself at first: the sigmoid of it.
_KEEPING = 1.0


class RelationalMemory(nn.Module):
    """Slots of memory that attend to each other and to what is heard.

    Santoro et al., "Relational recurrent neural networks", 2018, arXiv:1806.01822, with gates of
    single numbers. Each slot m attends to all slots and to what is heard, x:
    ``A = LN(m + attention(m, [M; x]))``, ``B = LN(A + MLP(A))``, and is gated as in an LSTM:
    ``m' = sigmoid(W x + U tanh(m)) tanh(B) + sigmoid(W' x + U' tanh(m) + 1) m``. Queries, keys and
    values are normalised together, as in the authors' code.

    Args:
        slots: S.
        heads: of the attention.
        head_width: numbers of a head; a slot has ``D = heads * head_width``.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(self, slots: int, heads: int, head_width: int) -> None:
        super().__init__()
        require_positive("RelationalMemory", slots=slots, heads=heads, head_width=head_width)
        self.slots, self.heads, self.head_width = slots, heads, head_width
        self.width = width = heads * head_width
        self.asked = nn.Linear(width, 3 * width, bias=False)
        self.asked_norm = nn.LayerNorm(3 * width)
        self.attended_norm, self.mixed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.gate_heard = nn.Linear(width, 2 * width, bias=False)
        self.gate_kept = nn.Linear(width, 2 * width, bias=False)

    def initial(self, n: int) -> Tensor:
        """Memories ``(n, S, D)``: rows of the identity, so that slots differ."""
        eye = torch.eye(self.slots, self.width).to(self.gate_kept.weight)
        return eye.expand(n, self.slots, self.width)

    def forward(self, heard: Tensor, memory: Tensor) -> Tensor:
        """The next memory ``(N, S, D)``, of what is heard ``(N, D)`` and the last one."""
        rows = torch.cat([memory, heard[:, None]], 1)
        attended = self.attended_norm(memory + self.attention(rows)[:, : self.slots])
        mixed = self.mixed_norm(attended + self.mixed(attended))
        let_in, keep = (self.gate_heard(heard)[:, None] + self.gate_kept(memory.tanh())).chunk(2, 2)
        return torch.sigmoid(let_in) * mixed.tanh() + torch.sigmoid(keep + _KEEPING) * memory

    def attention(self, rows: Tensor) -> Tensor:
        """What each of the rows ``(N, S + 1, D)`` sees in all of them."""
        n, count, _ = rows.shape
        asked = self.asked_norm(self.asked(rows))
        # A head's query, key and value stand together.
        heads = asked.view(n, count, self.heads, 3 * self.head_width).transpose(1, 2)
        query, key, value = heads.split(self.head_width, 3)
        weights = torch.softmax(query @ key.mT * self.head_width**-0.5, 3)
        return (weights @ value).transpose(1, 2).flatten(2)


class RelationalSpeaker(nn.Module):
    """The generator of RelGAN (OpenReview:rJedV3R5tm); see ``language/speaking.py``.

    The memory is the state, and all of it is what the next token is read from.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences.
        embedding: width of the token vectors; the authors have 32.
        slots: of the memory; the authors have 1.
        heads: of the attention; the authors have 2.
        head_width: numbers of a head; the authors have 256.
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
        slots: int = 1,
        heads: int = 2,
        head_width: int = 32,
        special_tokens: bool = True,
        pretrained: WordVectorSource | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            "RelationalSpeaker",
            vocabulary_size=vocabulary_size,
            length=length,
            embedding=embedding,
        )
        self.vocabulary_size, self.length, self.latent_dim = vocabulary_size, length, length
        self.special_tokens = special_tokens
        self.embedding = token_embedding(vocabulary_size, embedding, pretrained)
        self.memory = RelationalMemory(slots, heads, head_width)
        self.heard = nn.Linear(embedding, self.memory.width)
        self.head = nn.Linear(slots * self.memory.width, vocabulary_size)

    def forward(self, uniforms: Tensor) -> Tensor:
        """Draw sentences ``(N, T)`` of uniform numbers ``(N, T)`` in [0, 1)."""
        return drawn(self, uniforms)

    def initial(self, n: int) -> tuple[Tensor]:
        """The memory before the first token."""
        return (self.memory.initial(n),)

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids ``(N,)`` or of weights ``(N, V)``."""
        vectors: Tensor = self.embedding(symbols)
        return vectors

    def step(self, embedded: Tensor, state: tuple[Tensor]) -> tuple[Tensor, tuple[Tensor]]:
        """Logits ``(N, V)`` of the next token, and the memory then."""
        memory: Tensor = self.memory(self.heard(embedded), state[0])
        return self.head(memory.flatten(1)), (memory,)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits ``(N, T, V)`` of each token of ``(N, T)``, the ones before it given."""
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        heard = self.heard(self.embedding(torch.cat([start, tokens[:, :-1]], 1)))
        memory, memories = self.memory.initial(len(tokens)), []
        for row in heard.unbind(1):
            memory = self.memory(row, memory)
            memories.append(memory.flatten(1))
        scores: Tensor = self.head(torch.stack(memories, 1))
        return scores

"""A discriminator that judges each token after those before it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan_modules.language.pretrained import WordVectorSource, token_embedding
from gan_modules.networks.checks import require_positive


class StepDiscriminator(nn.Module):
    """A causal LSTM with normalised gates (arXiv:1607.06450), one score a token (arXiv:1905.09922).

    Each vector is told its place too, as cosines of periods 2, 4, 8, ... tokens.

    Args:
        vocabulary_size: V, special tokens included.
        embedding: width of the token vectors; ScratchGAN has 64 beside 300 frozen ones.
        width: of the state.
        positions: how many cosines; 0: none.
        dropout: of the table of token vectors; each rank draws its own.
        pretrained: token vectors to begin with, frozen in ScratchGAN; None: random ones.

    Raises:
        ValueError: if a count is not positive, or the dropout is not in [0, 1).
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding: int = 64,
        width: int = 128,
        positions: int = 8,
        dropout: float = 0.1,
        pretrained: WordVectorSource | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            "StepDiscriminator", vocabulary_size=vocabulary_size, embedding=embedding, width=width
        )
        if not isinstance(positions, int) or positions < 0:
            raise ValueError(
                f"StepDiscriminator: positions must be a count, got {positions}; 0 is none"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"StepDiscriminator: dropout must lie in [0, 1), got {dropout}; 0 is off"
            )
        self.vocabulary_size, self.width, self.positions = vocabulary_size, width, positions
        self.embedding = token_embedding(vocabulary_size, embedding, pretrained)
        self.dropout = nn.Dropout(dropout)
        self.heard = nn.Linear(embedding + positions, 4 * width)
        self.kept = nn.Linear(width, 4 * width, bias=False)
        # Four groups: each gate is normalised by itself.
        self.norm = nn.GroupNorm(4, 4 * width)
        self.head = nn.Linear(width, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Raw scores ``(N, T)`` of token ids ``(N, T)``; each knows its token and those before."""
        vectors = nn.functional.embedding(tokens, self.dropout(self.embedding.weight))
        places = self._places(tokens.shape[1]).to(vectors).expand(len(tokens), -1, -1)
        told = self.heard(torch.cat([vectors, places], 2))
        hidden = cell = told.new_zeros(len(tokens), self.width)
        states = []
        for step in told.unbind(1):
            gates = self.norm(step + self.kept(hidden)).chunk(4, 1)
            let_in, keep, show = (torch.sigmoid(gate) for gate in gates[:3])
            cell = keep * cell + let_in * torch.tanh(gates[3])
            hidden = show * torch.tanh(cell)
            states.append(hidden)
        scores: Tensor = self.head(torch.stack(states, 1))
        return scores[..., 0]

    def _places(self, length: int) -> Tensor:
        """Cosines ``(T, positions)``."""
        periods = 2.0 ** torch.arange(1, self.positions + 1)
        return torch.cos(2.0 * math.pi * torch.arange(length)[:, None] / periods)

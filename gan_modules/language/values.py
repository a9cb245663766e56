"""A learned baseline: what a beginning usually earns, by the words that were said so far.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement
learning", 1992 (no arXiv id), section 9; with a recurrent network Ranzato et al., "Sequence Level
Training with Recurrent Neural Networks", 2015, arXiv:1511.06732, section 3.2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.language.policy_gradient import Baseline
from gan_modules.language.sentences import masked_mean
from gan_modules.networks.checks import require_positive
from gan_modules.networks.token_embedding import TokenEmbedding


class ValueBaseline(Baseline):
    """An LSTM of its own, which reads the words before each place and learns the returns there.

    It shares nothing with the speaker: its squared error does not move that, and the policy's loss
    does not move it. A value knows the words before the token that earns, never that token: so the
    policy gradient stays what it is, and loses the part of its noise that those words explain. It
    learns in the generator's steps, with that optimizer, and counts in its gradient's norm.

    Args:
        vocabulary_size: V, special tokens included.
        embedding: width of the token vectors.
        width: of the state.
        value_weight: of the squared error.

    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding: int = 32,
        width: int = 32,
        value_weight: float = 1.0,
    ) -> None:
        super().__init__()
        require_positive(
            "ValueBaseline", vocabulary_size=vocabulary_size, embedding=embedding, width=width
        )
        if not value_weight > 0:
            raise ValueError(
                f"ValueBaseline: value_weight must be positive, got {value_weight}; leave the "
                "baseline out to have none"
            )
        self.vocabulary_size, self.value_weight = vocabulary_size, value_weight
        self.embedding = TokenEmbedding(vocabulary_size, embedding)
        self.start = nn.Parameter(torch.zeros(embedding))
        self.lstm = nn.LSTM(embedding, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, returns: Tensor, mask: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Values ``(N, T)``, with their graph to this network.

        Raises:
            ValueError: without tokens.
        """
        if tokens is None:
            raise ValueError(
                "ValueBaseline: tokens must be given, got None; it reads the sentences, choose "
                "MovingAverage where there are none"
            )
        start = self.start.expand(len(tokens), 1, -1)
        hidden, _ = self.lstm(torch.cat([start, self.embedding(tokens[:, :-1])], 1))
        values: Tensor = self.head(hidden)
        return values[..., 0].to(returns.dtype)

    def losses(self, values: Tensor, returns: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The mean squared error of what counts, over all ranks."""
        error = masked_mean((values - returns.detach()).square(), mask)
        return {"value": self.value_weight * error}

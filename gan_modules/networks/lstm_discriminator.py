"""A discriminator that reads a sentence from its beginning to its end, then judges."""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.language.pretrained import WordVectorSource, token_embedding
from gan_modules.networks.checks import require_positive


class LSTMDiscriminator(nn.Module):
    """An LSTM over all T tokens, and a score of its last state (arXiv:1611.04051).

    Not for gradient penalties on CUDA, whose LSTM is not differentiable twice: take ``TextCNN``.

    Args:
        vocabulary_size: V, special tokens included.
        embedding: width of the token vectors.
        width: of the state.
        pretrained: token vectors to begin with; None: random ones.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding: int = 32,
        width: int = 64,
        pretrained: WordVectorSource | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            "LSTMDiscriminator", vocabulary_size=vocabulary_size, embedding=embedding, width=width
        )
        self.vocabulary_size = vocabulary_size
        self.embedding = token_embedding(vocabulary_size, embedding, pretrained)
        self.lstm = nn.LSTM(embedding, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, sentences: Tensor) -> Tensor:
        """Scores ``(N,)`` of token ids ``(N, T)`` or of weights of tokens ``(N, T, V)``."""
        hidden, _ = self.lstm(self.embedding(sentences))
        scores: Tensor = self.head(hidden[:, -1])
        return scores[:, 0]

"""Networks of unsupervised speech recognition: pieces of speech to phonemes, and their judge."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.networks.checks import require_positive


class Recognizer(nn.Module):
    """One convolution from features to logits of phonemes (arXiv:2105.11084, section 3.3).

    With ``kernel`` 1 and one-hot features of clusters it is the lookup table of arXiv:1804.00316.

    Args:
        features: F, width of a piece of speech.
        vocabulary_size: V, number of phonemes.
        kernel: pieces that a sound is heard from; the paper's is 4.
        dropout: of the features; each rank draws its own.

    Raises:
        ValueError: if a count is not positive, or the dropout is not in [0, 1).
    """

    def __init__(
        self, features: int, vocabulary_size: int, kernel: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        require_positive(
            "Recognizer", features=features, vocabulary_size=vocabulary_size, kernel=kernel
        )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"Recognizer: dropout must lie in [0, 1), got {dropout}; 0 is off")
        self.features, self.vocabulary_size = features, vocabulary_size
        self.before = (kernel - 1) // 2
        self.after = kernel - 1 - self.before
        self.dropout = nn.Dropout(dropout)
        self.convolution = nn.Conv1d(features, vocabulary_size, kernel, bias=False)

    def forward(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Logits ``(N, S, V)`` of features ``(N, S, F)`` where ``mask`` ``(N, S)`` is True."""
        rows = self.dropout(speech * mask[..., None]).transpose(1, 2)
        rows = nn.functional.pad(rows, (self.before, self.after))
        logits: Tensor = self.convolution(rows).transpose(1, 2)
        return logits * mask[..., None]


class PhonemeDiscriminator(nn.Module):
    """Rows of phonemes to raw scores: the mean of a causal convolutional network's answers.

    What lies behind the end of an utterance changes nothing, however much of it there is.
    Differentiable twice.

    Args:
        vocabulary_size: V.
        width: of the hidden layers; the paper's is 384.
        kernel: the paper's is 6.
        depth: layers before the last; the paper's is 2.

    Raises:
        ValueError: if a count is not positive.
    """

    def __init__(
        self, vocabulary_size: int, width: int = 384, kernel: int = 6, depth: int = 2
    ) -> None:
        super().__init__()
        require_positive(
            "PhonemeDiscriminator",
            vocabulary_size=vocabulary_size,
            width=width,
            kernel=kernel,
            depth=depth,
        )
        self.vocabulary_size = vocabulary_size
        widths = [vocabulary_size, *[width] * depth, 1]
        self.kernel = kernel
        self.layers = nn.ModuleList(
            nn.Conv1d(given, made, kernel)
            for given, made in zip(widths[:-1], widths[1:], strict=True)
        )

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Scores ``(N,)`` of rows ``(N, T, V)`` where ``mask`` ``(N, T)`` is True."""
        present = mask[:, None].to(rows.dtype)
        hidden = rows.transpose(1, 2) * present
        for number, layer in enumerate(self.layers):
            if number:
                hidden = nn.functional.gelu(hidden)
            hidden = layer(nn.functional.pad(hidden, (self.kernel - 1, 0))) * present
        return hidden[:, 0].sum(1) / torch.clamp_min(present[:, 0].sum(1), 1.0)

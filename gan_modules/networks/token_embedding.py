"""Vectors of tokens that are known, and of tokens that are only weighed."""

from __future__ import annotations

from torch import Tensor, nn


class TokenEmbedding(nn.Embedding):
    """An embedding that also takes weights of all tokens; one-hot rows give what their ids give."""

    def forward(self, symbols: Tensor) -> Tensor:
        """Vectors ``(..., E)`` of token ids ``(...)`` or of weights ``(..., V)``."""
        return symbols @ self.weight if symbols.is_floating_point() else super().forward(symbols)

"""A network that rewrites, once it has read: a speaker as ``language/speaking.py`` leads them.

A rewriter is a network with

- ``vocabulary_size``, ``length``, ``special_tokens``, and ``styles``, 0 where it is told none;
  ``source_length`` where what it reads has another length than what it writes;
- ``reading(symbols, style=None) -> Reading``: of token ids ``(N, T)`` or weights ``(N, T, V)``;
- ``attended(tokens, memory) -> (N, T, S)`` where it looks at single words of what it read;
- ``embed(symbols)``; ``begun(memory)``, ``continued(embedded, state, memory)`` and
  ``judged(tokens, memory)``: what a speaker's ``initial``, ``step`` and ``logits`` are, with
  whatever it read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from datamodules.batches import PAD
from gan_modules.language.sentences import one_hot, sentence_mask


class Reading:
    """Sentences that a rewriter has read: it speaks of each row what becomes of that sentence.

    Args:
        rewriter: see the top of this file.
        memory: what it keeps of them.
        n: how many there are.
    """

    def __init__(self, rewriter: Any, memory: Any, n: int) -> None:
        self.rewriter, self.memory, self.n = rewriter, memory, n
        self.vocabulary_size: int = rewriter.vocabulary_size
        self.length: int = rewriter.length
        self.special_tokens: bool = rewriter.special_tokens

    def parameters(self) -> Iterator[nn.Parameter]:
        """Those of the rewriter."""
        return self.rewriter.parameters()

    def initial(self, n: int) -> Any:
        """The state before the first token; n must be the number of sentences."""
        assert n == self.n
        return self.rewriter.begun(self.memory)

    def embed(self, symbols: Tensor) -> Tensor:
        """Vectors of token ids ``(N,)`` or of weights ``(N, V)``."""
        return self.rewriter.embed(symbols)

    def step(self, embedded: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Logits ``(N, V)`` of the next token, and the state then."""
        return self.rewriter.continued(embedded, state, self.memory)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits ``(N, T, V)`` of each token of ``(N, T)``, the ones before it given."""
        return self.rewriter.judged(tokens, self.memory)

    def attention(self, tokens: Tensor) -> Tensor:
        """How far each token of ``(N, T)`` looks at each one that was read: ``(N, T, S)``."""
        return self.rewriter.attended(tokens, self.memory)


def kept_of(symbols: Tensor, special_tokens: bool) -> Tensor:
    """What counts of token ids ``(N, T)``, or of weights ``(N, T, V)``, by their largest each."""
    tokens = symbols.argmax(2) if symbols.is_floating_point() else symbols
    return sentence_mask(tokens, special_tokens)


def closed_weights(weights: Tensor, special_tokens: bool) -> Tensor:
    """Weights ``(N, T, V)`` with nothing but ``PAD`` behind the first end among the largest."""
    if not special_tokens:
        return weights
    kept = kept_of(weights, special_tokens)
    filling = one_hot(kept.new_full((), PAD).long(), weights.shape[2], weights.dtype)
    return weights.where(kept[..., None], filling)

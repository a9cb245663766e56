"""Speakers and judges of three words, small enough that every sentence can be listed."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from gan_modules.language.sentences import first_token
from gan_modules.language.speaking import drawn


class Bigram(nn.Module):
    """A speaker whose next token depends on the last one alone, by a table of logits."""

    def __init__(self, table: Tensor, length: int, special_tokens: bool = False) -> None:
        super().__init__()
        self.table = nn.Parameter(table.clone())
        self.vocabulary_size, self.length, self.latent_dim = len(table), length, length
        self.special_tokens = special_tokens

    def forward(self, uniforms: Tensor) -> Tensor:
        return drawn(self, uniforms)

    def initial(self, n: int) -> tuple[Tensor]:
        return (torch.zeros(n),)

    def embed(self, symbols: Tensor) -> Tensor:
        if symbols.is_floating_point():
            return symbols
        return nn.functional.one_hot(symbols, self.vocabulary_size).to(self.table.dtype)

    def step(self, embedded: Tensor, state: tuple[Tensor]) -> tuple[Tensor, tuple[Tensor]]:
        return embedded @ self.table, (state[0] + 1,)

    def logits(self, tokens: Tensor) -> Tensor:
        start = torch.full_like(tokens[:, :1], first_token(self.special_tokens))
        return self.table[torch.cat([start, tokens[:, :-1]], 1)]


class Listed(nn.Module):
    """A judge that looks each sentence up; it has a weight, as a player must, that adds nothing."""

    def __init__(self, scores: Tensor, vocabulary_size: int) -> None:
        super().__init__()
        self.scores, self.vocabulary_size = scores, vocabulary_size
        self.weight = nn.Parameter(torch.zeros(()))
        self.judged = 0

    def forward(self, sentences: Tensor) -> Tensor:
        self.judged += len(sentences)
        return self.scores[places(sentences, self.vocabulary_size)] + 0 * self.weight


def places(sentences: Tensor, vocabulary_size: int) -> Tensor:
    """Numbers of sentences in :func:`everything`."""
    powers = vocabulary_size ** torch.arange(sentences.shape[1] - 1, -1, -1)
    return (sentences * powers).sum(1)


def everything(vocabulary_size: int, length: int) -> Tensor:
    """All sentences ``(V ** T, T)``."""
    return torch.tensor(list(product(range(vocabulary_size), repeat=length)))


def certain(successors: list[int]) -> Tensor:
    """A table after which each token has one successor."""
    return 100.0 * nn.functional.one_hot(torch.tensor(successors)).double() - 50.0

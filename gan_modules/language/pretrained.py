"""Tables of token vectors that begin with word vectors that were learned elsewhere.

A network that takes them has a source of them among its arguments, such as
``datamodules.pretrained_vectors.PretrainedVectors``. It is read once, when training begins and the
words of the data are known; from then on the vectors are weights like others, and a checkpoint
holds them: it is opened and resumed without the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from gan_modules.networks.token_embedding import TokenEmbedding


class WordVectorSource(Protocol):
    """What knows vectors of words.

    Attributes:
        frozen: whether the table that begins with them is not trained.
    """

    frozen: bool

    def read(self, vocabulary: Sequence[str], dim: int) -> tuple[Tensor, Tensor]:
        """Numbers of the words that it has, int64 ``(K,)``, and their vectors ``(K, dim)``.

        Args:
            vocabulary: words by number.
            dim: numbers of a vector.
        """


class AwaitingEmbedding(TokenEmbedding):
    """A table of token vectors whose known words are filled in once the vocabulary is known.

    Args:
        source: of the vectors.
        vocabulary_size: V.
        dim: of a vector.
    """

    def __init__(self, source: WordVectorSource, vocabulary_size: int, dim: int) -> None:
        super().__init__(vocabulary_size, dim)
        self.source = source
        self.weight.requires_grad_(not source.frozen)

    @torch.no_grad()
    def fill(self, vocabulary: Sequence[str]) -> None:
        """Take the vectors of the words; see :meth:`WordVectorSource.read`."""
        numbers, vectors = self.source.read(vocabulary, self.embedding_dim)
        self.weight[numbers.to(self.weight.device)] = vectors.to(self.weight)


def token_embedding(
    vocabulary_size: int, dim: int, pretrained: WordVectorSource | None
) -> TokenEmbedding:
    """A table of token vectors: random, or one that waits for pretrained ones.

    Args:
        vocabulary_size: V.
        dim: of a vector.
        pretrained: None: random.
    """
    if pretrained is None:
        return TokenEmbedding(vocabulary_size, dim)
    return AwaitingEmbedding(pretrained, vocabulary_size, dim)


def fill_pretrained(networks: nn.Module, vocabulary: Sequence[str]) -> None:
    """Fill every table that waits, copies and averages too.

    Args:
        networks: wherever in them.
        vocabulary: words by number.

    Raises:
        ValueError: where the words are not known, or are none; see also
            :meth:`WordVectorSource.read`.
    """
    waiting = [layer for layer in networks.modules() if isinstance(layer, AwaitingEmbedding)]
    for layer in waiting:
        if not vocabulary:
            raise ValueError(
                f"{type(layer.source).__name__}: data must have words, got numbers alone; choose a "
                "data module of text, or leave pretrained out"
            )
        layer.fill(vocabulary)

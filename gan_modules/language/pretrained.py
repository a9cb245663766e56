"""Word vectors that were learned elsewhere, as the start of a network's own table of words.

A network that takes them has a ``PretrainedVectors`` among its arguments. Its file is read once,
when training begins and the words of the data are known; from then on the vectors are weights like
others, and a checkpoint holds them: it is opened and resumed without the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from datamodules.source import refusal
from datamodules.word_files import read_vectors
from gan_modules.networks.token_embedding import TokenEmbedding


class PretrainedVectors:
    """A text file of word vectors, as word2vec and GloVe write them: ``word v1 v2 ...`` a line.

    Words of the data that the file lacks, as special tokens mostly, keep their random vectors.

    Args:
        path: UTF-8 text, the most frequent word first; word2vec's first line ``count dim`` may
            stand before them.
        frozen: the table, random vectors and all, is not trained.
        max_words: lines after so many words are not read.

    Raises:
        ValueError: if max_words is not positive.
    """

    def __init__(self, path: str, frozen: bool = True, max_words: int = 400_000) -> None:
        if max_words < 1:
            raise ValueError(
                f"PretrainedVectors: max_words must be at least 1, got {max_words}; 400000 are all "
                "of GloVe's"
            )
        self.path, self.frozen, self.max_words = path, frozen, max_words

    def embedding(self, vocabulary_size: int, dim: int) -> TokenEmbedding:
        """A random table ``(V, dim)`` that waits for the vectors."""
        return AwaitingEmbedding(self, vocabulary_size, dim)

    def read(self, vocabulary: Sequence[str], dim: int) -> tuple[Tensor, Tensor]:
        """The words of the data that the file has.

        Args:
            vocabulary: words by number.
            dim: numbers of a vector.

        Returns:
            int64 ``(K,)`` numbers of words, and their vectors ``(K, dim)``.

        Raises:
            FileNotFoundError: when there is no such file.
            ValueError: when the file cannot be read, its vectors have another length, or it has
                none of the words.
        """
        owner = type(self).__name__
        words, vectors = read_vectors(owner, "path", Path(self.path), self.max_words)
        if vectors.shape[1] != dim:
            raise refusal(
                owner,
                "path",
                f"hold vectors of {dim} numbers, as the network's embedding",
                vectors.shape[1],
                f"set embedding of the network to {vectors.shape[1]}",
            )
        places = {word: place for place, word in enumerate(words)}
        shared = [number for number, word in enumerate(vocabulary) if word in places]
        if not shared:
            raise refusal(
                owner,
                "path",
                f"hold words of the data, such as {', '.join(vocabulary[-3:])}",
                ", ".join(words[:3]),
                "check language, upper and lower case, and max_words",
            )
        rows = [places[vocabulary[number]] for number in shared]
        return torch.tensor(shared), torch.from_numpy(vectors[rows])


class AwaitingEmbedding(TokenEmbedding):
    """A table of token vectors whose known words are filled in once the vocabulary is known.

    Args:
        source: of the vectors.
        vocabulary_size: V.
        dim: of a vector.
    """

    def __init__(self, source: PretrainedVectors, vocabulary_size: int, dim: int) -> None:
        super().__init__(vocabulary_size, dim)
        self.source = source
        self.weight.requires_grad_(not source.frozen)

    @torch.no_grad()
    def fill(self, vocabulary: Sequence[str]) -> None:
        """Take the vectors of the words; see :meth:`PretrainedVectors.read`."""
        numbers, vectors = self.source.read(vocabulary, self.embedding_dim)
        self.weight[numbers.to(self.weight.device)] = vectors.to(self.weight)


def token_embedding(
    vocabulary_size: int, dim: int, pretrained: PretrainedVectors | None
) -> TokenEmbedding:
    """A table of token vectors: random, or one that waits for pretrained ones.

    Args:
        vocabulary_size: V.
        dim: of a vector.
        pretrained: None: random.
    """
    if pretrained is None:
        return TokenEmbedding(vocabulary_size, dim)
    return pretrained.embedding(vocabulary_size, dim)


def fill_pretrained(networks: nn.Module, vocabulary: Sequence[str]) -> None:
    """Fill every table that waits, copies and averages too.

    Args:
        networks: wherever in them.
        vocabulary: words by number.

    Raises:
        ValueError: where the words are not known, or are none; see also
            :meth:`PretrainedVectors.read`.
    """
    waiting = [layer for layer in networks.modules() if isinstance(layer, AwaitingEmbedding)]
    for layer in waiting:
        if not vocabulary:
            raise ValueError(
                "PretrainedVectors: data must have words, got numbers alone; choose a data module "
                "of text, or leave pretrained out"
            )
        layer.fill(vocabulary)

"""Word vectors that were learned elsewhere, in a user's own file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from datamodules.source import refusal
from datamodules.word_files import read_vectors


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

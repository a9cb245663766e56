"""Translation word by word, from a small dictionary: where unsupervised translation may begin."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Words of the first language, and of the second, that stand for each other.
WordPairs = Sequence[tuple[str, str]]


class WordByWord(nn.Module):
    """Tokens of one of two languages to tokens of the other; a word that it lacks stays.

    Of several translations of a word the first counts. Its tables are in the checkpoint.

    Args:
        pairs: words of both languages.
        vocabulary_size: V of the vocabulary that both share.
    """

    words_a: Tensor
    words_b: Tensor

    def __init__(self, pairs: WordPairs, vocabulary_size: int) -> None:
        super().__init__()
        self.pairs = [(one, other) for one, other in pairs]
        for domain in ("a", "b"):
            self.register_buffer(f"words_{domain}", torch.arange(vocabulary_size))

    def learn(self, vocabulary: Sequence[str]) -> None:
        """Look the words up.

        Args:
            vocabulary: words by number.

        Raises:
            ValueError: if it lacks one of them.
        """
        places = {word: number for number, word in reversed(list(enumerate(vocabulary)))}
        missing = [word for pair in self.pairs for word in pair if word not in places]
        if missing:
            raise ValueError(
                f"WordByWord: pairs must be words of the data, got {missing[0]!r}, which it lacks; "
                "write words as the data do, special tokens and capitals included"
            )
        for one, other in reversed(self.pairs):
            self.words_a[places[one]] = places[other]
            self.words_b[places[other]] = places[one]

    def forward(self, tokens: Tensor, source: str) -> Tensor:
        """Sentences ``(N, T)`` of ``source`` in words of the other language."""
        table: Tensor = getattr(self, f"words_{source}")
        return table[tokens]

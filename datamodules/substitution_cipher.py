"""A generated language and the same language with its symbols exchanged: decipherment.

The word substitution task of cross-aligned auto-encoders (arXiv:1705.09655), on a language of which
everything is known: each symbol follows from the one before it, by probabilities that are drawn
once. They are peaky, so that the statistics of the two domains tell which symbol stands for which;
of a language whose symbols are all alike, nobody could.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.corpora import LoadedCorpora
from datamodules.sequences import SPECIAL, padded
from datamodules.unpaired_sequences import UnpairedSentences

_DRAW_SEED = 20170526
#: Of the Dirichlet distribution of what follows a symbol: below 1, a few symbols have most of it.
_CONCENTRATION = 0.25
#: Distinct sentences are asked for; a language that repeats itself more often has too few of them.
_DRAWS_PER_SENTENCE = 50
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


class SubstitutionCipher(UnpairedSentences):
    """a = the language, b = other sentences of it in cipher; no sentence is trained on in both.

    Args:
        symbols: of the language, 3 to 26; b uses the same ones.
        samples: distinct sentences, held-out ones included; at least 4.
        length: T, the end of the sentence included; sentences have ``length // 2`` to
            ``length - 1`` symbols, each number equally likely.
        language_seed: of the language and the key, not of its sentences.
        **kwargs: see :class:`datamodules.unpaired_sequences.UnpairedSentences`.

    Raises:
        ValueError: when an argument is out of range, or the language has too few sentences.
    """

    def __init__(
        self,
        symbols: int = 16,
        samples: int = 4000,
        length: int = 16,
        language_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 3 <= symbols <= len(_ALPHABET):
            raise self._refusal(
                "symbols", f"lie in 3..{len(_ALPHABET)}", symbols, "set symbols: 16"
            )
        self._check_least("samples", samples, 4, 4000)
        self._check_least("length", length, 3, 16)
        self._check_least("language_seed", language_seed, 0, 0)
        self.symbols, self.samples, self.length = symbols, samples, length
        self.language_seed = language_seed
        source = np.random.Generator(np.random.PCG64(language_seed))
        self._following = _language(symbols, source)
        self._key = _key(symbols, source)

    def slug(self) -> str:
        """cipher-<symbols>-<length>."""
        return f"cipher-{self.symbols}-{self.length}"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Plain and cipher."""
        return {"a": "plain", "b": "cipher"}

    @property
    def key(self) -> Tensor:
        """int64 ``(V,)``: ``key[tokens]`` is the cipher of plain text; for scores alone.

        No symbol stands for itself, so that copying the input is never right; special tokens do.
        """
        return torch.from_numpy(self._key.copy())

    @property
    def transitions(self) -> Tensor:
        """float64 ``(symbols, symbols)``: probability of each symbol behind each, row by row."""
        return torch.from_numpy(self._following.copy())

    def load_corpora(self) -> LoadedCorpora:
        """Draw the sentences and write them in cipher; see the base."""
        plain = padded(self._sentences(), self.length)
        return LoadedCorpora(
            {"a": plain, "b": self._key[plain]},
            (*SPECIAL, *_ALPHABET[: self.symbols]),
            paired=True,
        )

    def _sentences(self) -> list[tuple[int, ...]]:
        source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        cumulative = self._following.cumsum(1)
        shortest = max(1, self.length // 2)
        found: dict[tuple[int, ...], None] = {}
        for _ in range(_DRAWS_PER_SENTENCE * self.samples):
            count = source.integers(shortest, self.length)
            # The first symbol is any; the language is at home after a few.
            symbol, sentence = int(source.integers(self.symbols)), []
            for uniform in source.random(count).tolist():
                sentence.append(len(SPECIAL) + symbol)
                row = cumulative[symbol]
                symbol = int(np.searchsorted(row, uniform * row[-1], side="right"))
            found[tuple(sentence)] = None
            if len(found) == self.samples:
                return list(found)
        raise self._refusal(
            "samples",
            f"be at most the {len(found)} sentences that were found",
            self.samples,
            f"set samples: {len(found)}, or more symbols or a greater length",
        )


def _language(symbols: int, source: np.random.Generator) -> NDArray[np.float64]:
    """Draw what follows each symbol: rows ``(symbols, symbols)`` that sum to 1; never itself."""
    following = np.zeros((symbols, symbols))
    for symbol, row in enumerate(following):
        others = np.arange(symbols) != symbol
        row[others] = source.dirichlet(np.full(symbols - 1, _CONCENTRATION))
    return following


def _key(symbols: int, source: np.random.Generator) -> NDArray[np.int64]:
    """Draw a permutation of all numbers that moves every symbol and no special token."""
    own = np.arange(symbols)
    drawn = source.permutation(own)
    while (drawn == own).any():
        drawn = source.permutation(own)
    return np.concatenate([np.arange(len(SPECIAL)), len(SPECIAL) + drawn]).astype(np.int64)

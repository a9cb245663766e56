"""Generated languages of phonemes, and speech in them: the first two rungs of hearing unaided.

Each phoneme follows from the one before it, and the first of an utterance is drawn, by
probabilities that are drawn once. They are peaky and differ from phoneme to phoneme: this is what
tells which sound is which. Of a language whose phonemes all behave alike, nobody could.

Where nothing marks the beginning of an utterance, descent even on the exact statistics of pairs
finds the right reading from one start in five, and from the others wrong ones, which are worse but
have no better neighbour. A beginning that few phonemes make, in short utterances, takes most of
these away; how many depends on the language. That of the default ``language_seed`` is one of the
easier ones.
"""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.speech_and_text import SpeechAndTextData, SpeechCorpus, padded_speech

_DRAW_SEED = 18040316
#: Of the Dirichlet distributions: below 1, a few phonemes have most of the probability.
_CONCENTRATION = 0.25
#: Rounds in which distinct sentences are looked for.
_ROUNDS = 20
#: Least total variation between the statistics of a language and those of any other reading.
_LEAST_RIVAL = 0.02
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


class PhonemeLanguage(SpeechAndTextData):
    """A language of ``symbols`` phonemes, half of its sentences spoken and half of them written.

    No sentence is on both sides. Sentences have ``length // 2`` to ``length`` phonemes, each number
    equally likely, and no phoneme stands twice in a row.

    Args:
        symbols: V, 3 to 26.
        samples: distinct sentences of each side, held-out ones included.
        length: phonemes of the longest sentence, at least 2.
        language_seed: of the language and how it sounds, not of its sentences.
        **kwargs: see :class:`datamodules.speech_and_text.SpeechAndTextData`.

    Raises:
        ValueError: when an argument is out of range, or the language has too few sentences or
            another reading that is nearly as good.
    """

    def __init__(
        self,
        symbols: int = 12,
        samples: int = 2000,
        length: int = 12,
        language_seed: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._check_range(
            symbols=(symbols, 3, len(_ALPHABET), 12),
            samples=(samples, 2, np.inf, 2000),
            length=(length, 2, np.inf, 12),
            language_seed=(language_seed, 0, np.inf, 3),
        )
        self.symbols, self.samples, self.length = symbols, samples, length
        self.language_seed = language_seed
        source = np.random.Generator(np.random.PCG64(language_seed))
        self.following = np.zeros((symbols, symbols))
        for symbol, row in enumerate(self.following):
            row[np.arange(symbols) != symbol] = source.dirichlet(
                np.full(symbols - 1, _CONCENTRATION)
            )
        self.first = source.dirichlet(np.full(symbols, _CONCENTRATION))
        self._sound_source = source
        rival = nearest_swap(self.first, self.following)
        if rival < _LEAST_RIVAL:
            raise self._refusal(
                "language_seed",
                f"give a language without two phonemes that behave alike, {_LEAST_RIVAL} apart",
                f"{language_seed}, {rival:.3f} apart",
                f"set language_seed: {language_seed + 1}",
            )

    def load_corpus(self) -> SpeechCorpus:
        """Draw the sentences, and let one half sound; see the base."""
        sentences = self._sentences(2 * self.samples)
        spoken, written = sentences[: self.samples], sentences[self.samples :]
        speech, pieces = padded_speech(self._sounds(spoken))
        return SpeechCorpus(speech, pieces, written, tuple(_ALPHABET[: self.symbols]), spoken)

    def _sounds(self, spoken: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
        """How sentences sound: ``(S_i, F)`` of each."""
        raise NotImplementedError

    def _sentences(self, count: int) -> list[tuple[int, ...]]:
        source = np.random.Generator(np.random.PCG64([_DRAW_SEED, self.language_seed]))
        begin, follow = self.first.cumsum(), self.following.cumsum(1)
        found: dict[tuple[int, ...], None] = {}
        for _ in range(_ROUNDS):
            lengths = source.integers(max(1, self.length // 2), self.length + 1, count)
            uniform = source.random((self.length, count))
            drawn = np.zeros((self.length, count), np.int64)
            drawn[0] = np.searchsorted(begin, uniform[0] * begin[-1], side="right")
            for place in range(1, self.length):
                rows = follow[drawn[place - 1]]
                drawn[place] = (uniform[place][:, None] * rows[:, -1:] >= rows).sum(1)
            for sentence, size in zip(drawn.T.tolist(), lengths.tolist(), strict=True):
                found[tuple(sentence[:size])] = None
            if len(found) >= count:
                return list(found)[:count]
        raise self._refusal(
            "samples",
            f"be at most half of the {len(found)} sentences that were found",
            self.samples,
            f"set samples: {len(found) // 2}, or more symbols or a greater length",
        )


class Decipherment(PhonemeLanguage):
    """Speech is text in cipher: each phoneme is a symbol of its own, one-hot, by a hidden key.

    Args:
        **kwargs: see :class:`PhonemeLanguage`.

    Raises:
        ValueError: as :class:`PhonemeLanguage`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        own = np.arange(self.symbols)
        drawn = self._sound_source.permutation(own)
        # No symbol stands for itself: a table that copies is never right.
        while (drawn == own).any():
            drawn = self._sound_source.permutation(own)
        #: int64 ``(V,)``: the symbol of each phoneme, for scores alone.
        self.key: NDArray[np.int64] = drawn

    def slug(self) -> str:
        """decipherment-<symbols>-<length>."""
        return f"decipherment-{self.symbols}-{self.length}"

    def _sounds(self, spoken: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
        one_hot = np.eye(self.symbols, dtype=np.float32)
        return [one_hot[self.key[list(sentence)]] for sentence in spoken]


class PrototypeSpeech(PhonemeLanguage):
    """Each phoneme sounds like a vector of its own, with noise; boundaries are known, or frames.

    Args:
        dim: F, length of the vectors, whose coordinates are N(0, 1).
        noise: standard deviation of what is added in each coordinate.
        frames: pieces of a phoneme are 1 to so many, each number equally likely; with 1, pieces are
            phonemes, and with more, a recogniser has to join them.
        **kwargs: see :class:`PhonemeLanguage`.

    Raises:
        ValueError: when an argument is out of range, and as :class:`PhonemeLanguage`.
    """

    def __init__(self, dim: int = 16, noise: float = 0.4, frames: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check_range(
            dim=(dim, 1, np.inf, 16), noise=(noise, 0.0, 100.0, 0.4), frames=(frames, 1, 100, 1)
        )
        self.dim, self.noise, self.frames = dim, noise, frames
        #: float64 ``(V, F)``: how each phoneme sounds, for scores alone.
        self.prototypes = self._sound_source.standard_normal((self.symbols, dim))

    def slug(self) -> str:
        """prototype-speech-<symbols>-<length>-<dim>."""
        return f"prototype-speech-{self.symbols}-{self.length}-{self.dim}"

    def _sounds(self, spoken: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
        source = np.random.Generator(np.random.PCG64([_DRAW_SEED, self.language_seed, 1]))
        heard = []
        for sentence in spoken:
            times = source.integers(1, self.frames + 1, len(sentence))
            clean = self.prototypes[np.repeat(sentence, times)]
            heard.append(clean + self.noise * source.standard_normal(clean.shape))
        return [one.astype(np.float32) for one in heard]


def pair_statistics(first: NDArray[np.float64], following: NDArray[np.float64]) -> NDArray[Any]:
    """Probabilities of neighbours in long sentences, ``(V, V)``, which sum to 1.

    Args:
        first: ``(V,)``, of the first phoneme.
        following: ``(V, V)``, of each phoneme behind each, row by row.
    """
    here = first
    for _ in range(1000):
        # Half a step each time: languages may be periodic.
        here = (here + here @ following) / 2.0
    pairs: NDArray[Any] = here[:, None] * following
    return pairs


def nearest_swap(first: NDArray[np.float64], following: NDArray[np.float64]) -> float:
    """How well two phonemes can be told apart at least, by what stands where.

    Args:
        first: ``(V,)``, of the first phoneme.
        following: ``(V, V)``, of each phoneme behind each, row by row.

    Returns:
        Least change of the statistics of pairs, or of the first phoneme, when any two phonemes
        change places: a distance in total variation, in [0, 1].
    """
    pairs, own = pair_statistics(first, following), np.arange(len(first))
    least = 1.0
    for one, other in combinations(own.tolist(), 2):
        swapped = own.copy()
        swapped[[one, other]] = other, one
        change = np.abs(pairs - pairs[np.ix_(swapped, swapped)]).sum()
        least = min(least, max(float(change), float(np.abs(first - first[swapped]).sum())) / 2.0)
    return least

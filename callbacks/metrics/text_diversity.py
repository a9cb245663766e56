"""Diversity of a set of sentences by counting: what a collapse of a text generator shows first.

Distinct-n: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models",
2015, arXiv:1510.03055, section 5.1.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

from callbacks.metrics.sentences import Words, ngrams


class TextDiversity(NamedTuple):
    """Counts of a set of sentences; shares are in [0, 1].

    Attributes:
        distinct1: share of different words among all words.
        distinct2: share of different pairs of neighbours among all of them.
        unique_share: different sentences among all sentences. It falls with their number.
        vocabulary_use: share of the real words that appear.
        mean_length: words in a sentence.
        top_share: share of the most frequent sentence.
        copy_rate: share of sentences that are in the training part, word by word.
    """

    distinct1: float
    distinct2: float
    unique_share: float
    vocabulary_use: float
    mean_length: float
    top_share: float
    copy_rate: float

    @classmethod
    def of(
        cls,
        sentences: Sequence[Words],
        real_words: Collection[Hashable],
        train: Sequence[Words],
    ) -> "TextDiversity":
        """Count everything.

        Args:
            sentences: generated ones, at least 1.
            real_words: words of the training part, at least 1.
            train: sentences of the training part.

        Raises:
            ValueError: for no sentence or no real word.
        """
        return cls(
            distinct1=distinct(sentences, 1),
            distinct2=distinct(sentences, 2),
            unique_share=unique_share(sentences),
            vocabulary_use=vocabulary_use(sentences, real_words),
            mean_length=mean_length(sentences),
            top_share=top_share(sentences),
            copy_rate=copy_rate(sentences, train),
        )


def distinct(sentences: Sequence[Words], order: int) -> float:
    """Different runs of words as a share of all runs, over the whole set.

    It falls with the number of words: compare equally many sentences of like length.

    Args:
        sentences: at least 1.
        order: length of a run.

    Returns:
        In [0, 1]; 0 where no sentence is that long.

    Raises:
        ValueError: for no sentence.
    """
    _check("distinct", sentences)
    counts = Counter(run for sentence in sentences for run in ngrams(sentence, order))
    return len(counts) / max(1, counts.total())


def unique_share(sentences: Sequence[Words]) -> float:
    """Number of different sentences as a share of all, in (0, 1].

    Args:
        sentences: at least 1.

    Raises:
        ValueError: for no sentence.
    """
    _check("unique_share", sentences)
    return len({tuple(sentence) for sentence in sentences}) / len(sentences)


def vocabulary_use(sentences: Sequence[Words], real_words: Collection[Hashable]) -> float:
    """Share of the real words that appear in the sentences, in [0, 1].

    Args:
        sentences: at least 1.
        real_words: words of the training part, at least 1; repeats count once.

    Raises:
        ValueError: for no sentence or no real word.
    """
    _check("vocabulary_use", sentences)
    real = set(real_words)
    if not real:
        raise ValueError(
            "vocabulary_use: real_words must hold at least 1 word, got 0; give those of the "
            "training part"
        )
    used: set[Hashable] = set().union(*sentences)
    return len(real & used) / len(real)


def mean_length(sentences: Sequence[Words]) -> float:
    """Mean number of words in a sentence.

    Args:
        sentences: at least 1.

    Raises:
        ValueError: for no sentence.
    """
    _check("mean_length", sentences)
    return sum(len(sentence) for sentence in sentences) / len(sentences)


def top_share(sentences: Sequence[Words]) -> float:
    """Share of the most frequent sentence, in (0, 1]: 1 is a collapse onto one sentence.

    Args:
        sentences: at least 1.

    Raises:
        ValueError: for no sentence.
    """
    _check("top_share", sentences)
    counts = Counter(tuple(sentence) for sentence in sentences)
    return max(counts.values()) / len(sentences)


def copy_rate(sentences: Sequence[Words], train: Sequence[Words]) -> float:
    """Share of sentences that are in the training part, word by word, in [0, 1].

    Short sentences of a small language are met again by chance: compare with held-out reals.

    Args:
        sentences: at least 1.
        train: the training part.

    Raises:
        ValueError: for no sentence.
    """
    _check("copy_rate", sentences)
    known = {tuple(sentence) for sentence in train}
    return sum(tuple(sentence) in known for sentence in sentences) / len(sentences)


def _check(owner: str, sentences: Sequence[Words]) -> None:
    if not sentences:
        raise ValueError(f"{owner}: sentences must hold at least 1, got 0; generate some")

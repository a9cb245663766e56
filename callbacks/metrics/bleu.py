"""BLEU of sentences against many references, and of a set against itself.

Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002 (no
arXiv id); self-BLEU: Zhu et al., "Texygen", 2018, arXiv:1802.01886. Sentence BLEU with uniform
weights; an order that finds nothing counts 0.1 finds ("method 1" of Chen and Cherry, 2014), and a
sentence that shares no word with any reference scores 0. BLEU is quality without diversity,
self-BLEU the lack of diversity: neither says much without the other.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from callbacks.metrics.sentences import Words, ngrams, some

# Matches that an order without any is given, so that one short sentence does not score 0.
_EPSILON = 0.1


class References:
    """What BLEU needs to know of a set of references, found out once.

    For each run of words it keeps the largest count in one reference, which reference that is, and
    the largest count in any other: so one reference can be left out at no cost.

    Args:
        sentences: the references, at least 1.
        order: longest run of words that scores will ask for.

    Raises:
        ValueError: for no reference, or an order below 1.
    """

    def __init__(self, sentences: Sequence[Words], order: int = 5) -> None:
        if not sentences:
            raise ValueError(
                "References: sentences must hold at least 1 reference, got 0; give some"
            )
        if order < 1:
            raise ValueError(f"References: order must be at least 1, got {order}; 4 is common")
        self.order = order
        self._lengths = Counter(len(sentence) for sentence in sentences)
        self._length_of = [len(sentence) for sentence in sentences]
        # Run of words: (largest count, its reference, largest count of the others).
        self._most: dict[tuple[Hashable, ...], tuple[int, int, int]] = {}
        for place, sentence in enumerate(sentences):
            for n in range(1, order + 1):
                for run, count in Counter(ngrams(sentence, n)).items():
                    first, owner, second = self._most.get(run, (0, -1, 0))
                    if count > first:
                        self._most[run] = (count, place, first)
                    elif count > second:
                        self._most[run] = (first, owner, count)

    def bleu(self, hypothesis: Words, without: int | None = None) -> list[float]:
        """Return BLEU-1 to BLEU-``order`` of a sentence, each in [0, 1].

        Args:
            hypothesis: words.
            without: place of a reference to leave out; None for none.

        Raises:
            ValueError: when no reference is left.
        """
        if without is not None and len(self._length_of) < 2:
            raise ValueError(
                "References: without must leave at least 1 reference, got 1 in all; give more"
            )
        logarithms: list[float] = []
        for n in range(1, self.order + 1):
            counts = Counter(ngrams(hypothesis, n))
            found = sum(min(count, self._count(run, without)) for run, count in counts.items())
            if n == 1 and found == 0:
                return [0.0] * self.order
            # A sentence shorter than n has no run at all; it counts as one without a match.
            logarithms.append(math.log((found or _EPSILON) / max(1, counts.total())))
        length = len(hypothesis)
        penalty = min(0.0, 1.0 - self._closest(length, without) / length)
        return [math.exp(penalty + math.fsum(logarithms[:n]) / n) for n in range(1, self.order + 1)]

    def _count(self, run: tuple[Hashable, ...], without: int | None) -> int:
        first, owner, second = self._most.get(run, (0, -1, 0))
        return second if owner == without else first

    def _closest(self, length: int, without: int | None) -> int:
        own = None if without is None else self._length_of[without]
        lengths = (n for n, count in self._lengths.items() if n != own or count > 1)
        return min(lengths, key=lambda n: (abs(n - length), n))


def sentence_bleu(hypothesis: Words, references: Sequence[Words], order: int = 4) -> float:
    """BLEU of one sentence, in [0, 1].

    Args:
        hypothesis: words.
        references: at least 1.
        order: longest run of words.

    Raises:
        ValueError: for no reference, or an order below 1.
    """
    return References(references, order).bleu(hypothesis)[-1]


def mean_bleu(
    hypotheses: Sequence[Words],
    references: Sequence[Words],
    order: int = 5,
    most_hypotheses: int = 500,
    most_references: int = 2000,
    seed: int = 0,
) -> dict[int, float]:
    """Mean sentence BLEU of a set, each sentence against all references.

    More references find more matches: scores compare only at equal numbers of them.

    Args:
        hypotheses: generated sentences, at least 1.
        references: real ones, held out and not from the training part.
        order: longest run of words.
        most_hypotheses: of more, so many are chosen.
        most_references: of more, so many are chosen.
        seed: of both choices.

    Returns:
        BLEU-n under n, from 1 to ``order``.

    Raises:
        ValueError: when either side is empty, or the order below 1.
    """
    if not hypotheses:
        raise ValueError("mean_bleu: hypotheses must hold at least 1 sentence, got 0; give some")
    known = References(some(references, most_references, seed), order)
    return _means([known.bleu(each) for each in some(hypotheses, most_hypotheses, seed)])


def self_bleu(
    sentences: Sequence[Words],
    order: int = 5,
    most_hypotheses: int = 500,
    most_references: int = 2000,
    seed: int = 0,
) -> dict[int, float]:
    """Mean BLEU of each sentence against the others, never itself: 1 is a set of one sentence.

    Args:
        sentences: at least 2.
        order: longest run of words.
        most_hypotheses: of more, so many are scored.
        most_references: of more, so many are chosen to be scored against.
        seed: of the choice.

    Returns:
        Self-BLEU-n under n, from 1 to ``order``.

    Raises:
        ValueError: for fewer than 2 sentences or hypotheses below 1, or an order below 1.
    """
    if min(len(sentences), most_references) < 2 or most_hypotheses < 1:
        raise ValueError(
            f"self_bleu: sentences must hold at least 2, got {len(sentences)} (at most "
            f"{most_references}, {most_hypotheses} scored); each is scored against the others"
        )
    chosen = some(sentences, most_references, seed)
    # Sentences that come in order of a class must not be scored class by class.
    places = some(range(len(chosen)), most_hypotheses, seed)
    known = References(chosen, order)
    return _means([known.bleu(chosen[i], without=i) for i in places])


def _means(scores: list[list[float]]) -> dict[int, float]:
    columns = zip(*scores, strict=True)
    return {n: math.fsum(column) / len(scores) for n, column in enumerate(columns, start=1)}

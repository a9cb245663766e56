"""A language model by counting: interpolated Kneser-Ney, a judge of fluency that no GAN trains.

Kneser and Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995, in the
interpolated form of Chen and Goodman, 1998 (no arXiv ids). A word after a known context has its
discounted count, and what the discount frees goes to shorter contexts, where not occurrences count
but how many different words a run has followed.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from enum import Enum

from callbacks.metrics.sentences import Words

Run = tuple[Hashable, ...]


class _Mark(Enum):
    """Symbols that equal no word."""

    BEGIN = 1
    END = 2
    UNKNOWN = 3


class KneserNey:
    """Probabilities of words after words, and of a sentence's end.

    A word that the training part lacks counts as one class of its own, so that the probabilities of
    the known words, of the end and of that class sum to 1 after any context.

    Args:
        sentences: training part, at least 1 word; words without end marks or filling.
        order: words in the longest run, 1 to 4.

    Raises:
        ValueError: for another order, or no word at all.
    """

    def __init__(self, sentences: Sequence[Words], order: int = 4) -> None:
        if not 1 <= order <= 4:
            raise ValueError(f"KneserNey: order must be 1 to 4, got {order}; 4 is common")
        self.order = order
        self.vocabulary = frozenset(word for sentence in sentences for word in sentence)
        if not self.vocabulary:
            raise ValueError(
                "KneserNey: sentences must hold at least 1 word, got 0; give the training part"
            )
        # Per length of the context: context -> word -> count.
        self._tables: list[dict[Run, Counter[Hashable]]] = [{} for _ in range(order)]
        for sentence in sentences:
            padded = (_Mark.BEGIN, *sentence, _Mark.END)
            for end in range(1, len(padded)):
                start = max(0, end + 1 - order)
                self._table_of(padded[start:end])[padded[end]] += 1
        # Longest first: each different run is one predecessor of the run without its first word.
        for length in range(order - 1, 0, -1):
            for context, followers in self._tables[length].items():
                for word in followers:
                    self._table_of(context[1:])[word] += 1
        self._discounts = [_discount(table) for table in self._tables]
        self._totals = [
            {context: followers.total() for context, followers in table.items()}
            for table in self._tables
        ]

    def probability(self, word: Hashable, context: Words) -> float:
        """Probability that a word follows others in a sentence, in (0, 1).

        Args:
            word: any word, known or not.
            context: all words of the sentence before it; none at its beginning.
        """
        return self._probability(self._known(word), self._context([*map(self._known, context)]))

    def end_probability(self, context: Words) -> float:
        """Probability that a sentence ends here, in (0, 1).

        Args:
            context: all words of the sentence.
        """
        return self._probability(_Mark.END, self._context([*map(self._known, context)]))

    def unknown_probability(self, context: Words) -> float:
        """Probability that some word follows which the training part lacks, in (0, 1).

        Args:
            context: all words of the sentence before it.
        """
        return self._probability(_Mark.UNKNOWN, self._context([*map(self._known, context)]))

    def log_probability(self, sentence: Words) -> float:
        """Log-probability of a whole sentence with its end, in nats.

        Args:
            sentence: words.
        """
        words = [*map(self._known, sentence), _Mark.END]
        return math.fsum(
            math.log(self._probability(word, self._context(words[:place])))
            for place, word in enumerate(words)
        )

    def nll(self, sentences: Sequence[Words]) -> float:
        """Mean negative log-probability of a word, in nats; ends count as words.

        Args:
            sentences: at least 1.

        Raises:
            ValueError: for no sentence.
        """
        if not sentences:
            raise ValueError("KneserNey: sentences must hold at least 1, got 0; generate some")
        words = sum(len(sentence) + 1 for sentence in sentences)
        return -math.fsum(map(self.log_probability, sentences)) / words

    def perplexity(self, sentences: Sequence[Words]) -> float:
        """Return ``exp(nll)``: among how many equally likely words the model hesitates.

        Args:
            sentences: at least 1.

        Raises:
            ValueError: for no sentence.
        """
        return math.exp(self.nll(sentences))

    def _table_of(self, context: Run) -> Counter[Hashable]:
        return self._tables[len(context)].setdefault(context, Counter())

    def _known(self, word: Hashable) -> Hashable:
        return word if word in self.vocabulary else _Mark.UNKNOWN

    def _context(self, words: Words) -> Run:
        # The beginning is a word of the context, as in the counts.
        padded = (_Mark.BEGIN, *words)
        return padded[max(0, len(padded) + 1 - self.order) :]

    def _probability(self, word: Hashable, context: Run) -> float:
        # Known words, the end, and the class of all unknown words.
        value = 1.0 / (len(self.vocabulary) + 2)
        for length in range(len(context) + 1):
            short = context[len(context) - length :]
            followers = self._tables[length].get(short)
            if followers is None:
                # No longer context is known either.
                break
            discount, total = self._discounts[length], self._totals[length][short]
            own = max(followers.get(word, 0) - discount, 0.0)
            value = (own + discount * len(followers) * value) / total
        return value


def _discount(table: dict[Run, Counter[Hashable]]) -> float:
    """Ney's estimate ``n1 / (n1 + 2 n2)`` from runs that count once and twice."""
    counts = Counter(count for followers in table.values() for count in followers.values())
    once, twice = counts[1], counts[2]
    # Small corpora may lack either: without a discount unknown words would be impossible, and with
    # a discount of 1 no context would say anything.
    return min(max(once / max(1, once + 2 * twice), 0.1), 0.9)

"""Transcripts and summaries against their references: error rates by kind, and ROUGE.

Error rates count the fewest insertions, deletions and substitutions that lead from the reference to
the transcript (Levenshtein), over phonemes (PER) or words (WER). ROUGE: Lin, "ROUGE: A Package for
Automatic Evaluation of Summaries", ACL 2004 workshop (no arXiv id), as torchmetrics computes it.
"""

from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import NamedTuple

from torchmetrics.functional.text import rouge_score

from callbacks.metrics.sentences import Words


class Errors(NamedTuple):
    """Errors of a set of transcripts; those of two sets add up by :meth:`plus`.

    Attributes:
        insertions: words of a transcript that its reference lacks.
        deletions: words of a reference that its transcript lacks.
        substitutions: words in place of others.
        length: words of all references together.
    """

    insertions: int
    deletions: int
    substitutions: int
    length: int

    @property
    def rate(self) -> float:
        """Errors per word of the references: 0 or more, and above 1 for long transcripts.

        Raises:
            ValueError: when the references hold no word.
        """
        if self.length == 0:
            raise ValueError("Errors: length must be at least 1, got 0; the references are empty")
        return (self.insertions + self.deletions + self.substitutions) / self.length

    def plus(self, other: "Errors") -> "Errors":
        """Return the errors of both sets together.

        Args:
            other: of another set.
        """
        return Errors(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def collapse_repeats(symbols: Words) -> list[Hashable]:
    """Replace each run of one symbol by the symbol.

    Args:
        symbols: such as one phoneme for each segment of sound.
    """
    return [symbol for symbol, _ in groupby(symbols)]


def strip(symbols: Words, silence: Hashable) -> list[Hashable]:
    """Remove a symbol wherever it stands.

    Args:
        symbols: such as phonemes.
        silence: what to remove.
    """
    return [symbol for symbol in symbols if symbol != silence]


def transcript(symbols: Words, silence: Hashable) -> list[Hashable]:
    """Collapse repeats, then remove silence: a phoneme on both sides of silence counts twice.

    Treat references alike: a language may double a phoneme across words without silence.

    Args:
        symbols: such as one phoneme for each segment of sound.
        silence: the symbol of silence.
    """
    return strip(collapse_repeats(symbols), silence)


def errors(reference: Words, hypothesis: Words) -> Errors:
    """Count the fewest errors of one transcript, by kind.

    Among ways with equally many errors that with most substitutions counts: this settles the kinds.

    Args:
        reference: what was said.
        hypothesis: what was understood.
    """
    # An error costs `unit`, and a gap 1 more: fewest errors first, fewest gaps among those.
    unit = len(reference) + len(hypothesis) + 1
    above = [j * (unit + 1) for j in range(len(hypothesis) + 1)]
    for i, said in enumerate(reference, start=1):
        row = [i * (unit + 1)]
        for j, heard in enumerate(hypothesis, start=1):
            gap = min(above[j], row[-1]) + unit + 1
            row.append(min(gap, above[j - 1] + (0 if said == heard else unit)))
        above = row
    total, gaps = divmod(above[-1], unit)
    surplus = len(hypothesis) - len(reference)
    return Errors((gaps + surplus) // 2, (gaps - surplus) // 2, total - gaps, len(reference))


def error_counts(references: Sequence[Words], hypotheses: Sequence[Words]) -> Errors:
    """Count the errors of a set of transcripts; its rate weighs each word alike.

    Args:
        references: what was said, one for each transcript.
        hypotheses: what was understood.

    Raises:
        ValueError: for unlike numbers of both, or none.
    """
    _check("error_counts", references, hypotheses)
    total = Errors(0, 0, 0, 0)
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        total = total.plus(errors(reference, hypothesis))
    return total


def rouge(references: Sequence[Words], hypotheses: Sequence[Words]) -> dict[str, float]:
    """Mean ROUGE F of summaries: shared words, shared pairs, longest common subsequence.

    Words count as they are: no stemming, no lower case.

    Args:
        references: one for each summary.
        hypotheses: the summaries.

    Returns:
        ``rouge1``, ``rouge2`` and ``rougeL``, each in [0, 1].

    Raises:
        ValueError: for unlike numbers of both, or none.
    """
    _check("rouge", references, hypotheses)
    # Numbers of words as text: words may be of any kind, and hold blanks.
    names: dict[Hashable, str] = {}

    def texts(side: Sequence[Words]) -> list[str]:
        return [" ".join(names.setdefault(w, str(len(names))) for w in words) for words in side]

    keys = ("rouge1", "rouge2", "rougeL")
    found = rouge_score(
        texts(hypotheses), texts(references), normalizer=str, tokenizer=str.split, rouge_keys=keys
    )
    return {key: float(found[f"{key}_fmeasure"]) for key in keys}


def _check(owner: str, references: Sequence[Words], hypotheses: Sequence[Words]) -> None:
    if not references or len(references) != len(hypotheses):
        raise ValueError(
            f"{owner}: references and hypotheses must be equally many and not none, got "
            f"{len(references)} and {len(hypotheses)}; give one reference for each"
        )

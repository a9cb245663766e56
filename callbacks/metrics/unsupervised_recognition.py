"""Choosing among speech recognisers without a transcript: fluency, held against variety.

Baevski et al., "Unsupervised Speech Recognition", 2021, arXiv:2105.11084, section 4.3. A language
model alone would choose the recogniser that always says one likely phoneme; the share of phonemes
in use, log U, is set against it.
"""

import math
from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

from callbacks.metrics.language_model import KneserNey
from callbacks.metrics.sentences import Words

# How much less fluent than the anchor a configuration may be, as a factor of the perplexity.
_TOLERATED = 1.2


class UnsupervisedASRScore(NamedTuple):
    """What a language model says about the transcripts of one configuration.

    Attributes:
        nll: mean negative log-probability of a phoneme, in nats.
        usage: share of the phonemes that appear, the paper's U, in [0, 1].
        log_probability: of all transcripts together, in nats.
    """

    nll: float
    usage: float
    log_probability: float

    @property
    def value(self) -> float:
        """``nll - log U``, the less the better; infinite where no phoneme appears."""
        return self.nll - math.log(self.usage) if self.usage > 0 else math.inf

    @classmethod
    def of(
        cls, transcripts: Sequence[Words], model: KneserNey, phonemes: Collection[Hashable]
    ) -> "UnsupervisedASRScore":
        """Score transcripts of unheard sound.

        Args:
            transcripts: phonemes, at least 1 transcript; without silence where the model's training
                part has none.
            model: of the phonemes of text.
            phonemes: all that there are, at least 1.

        Raises:
            ValueError: for no transcript or no phoneme.
        """
        inventory = set(phonemes)
        if not inventory:
            raise ValueError(
                "UnsupervisedASRScore: phonemes must hold at least 1, got 0; give the inventory"
            )
        used: set[Hashable] = set().union(*transcripts)
        return cls(
            nll=model.nll(transcripts),
            usage=len(used & inventory) / len(inventory),
            log_probability=math.fsum(map(model.log_probability, transcripts)),
        )


class Choice(NamedTuple):
    """Places of configurations.

    Attributes:
        anchor: of the least value.
        kept: fluent enough for how many phonemes they use; the anchor is among them.
        best: of those, the one with the most likely transcripts.
    """

    anchor: int
    kept: tuple[int, ...]
    best: int


def choose(scores: Sequence[UnsupervisedASRScore]) -> Choice:
    """Choose among configurations by their scores on the same sound.

    Kept is P with ``NLL(P) < NLL(anchor) + log(U(P) / U(anchor)) + log 1.2``: fewer phonemes must
    be paid for by fluency. Among those the total log-probability decides, which is not per phoneme.

    Args:
        scores: one for each configuration, at least 1.

    Raises:
        ValueError: for no score, or where no configuration uses any phoneme.
    """
    anchor = min(range(len(scores)), key=lambda i: scores[i].value, default=None)
    if anchor is None or not math.isfinite(scores[anchor].value):
        raise ValueError(
            f"choose: scores must hold a configuration that uses a phoneme, got none of "
            f"{len(scores)}; train longer"
        )
    # The bound in the form of the scores' values: NLL(P) - log U(P) < that of the anchor + log 1.2.
    bound = scores[anchor].value + math.log(_TOLERATED)
    kept = tuple(i for i, score in enumerate(scores) if score.value < bound)
    return Choice(anchor, kept, max(kept, key=lambda i: scores[i].log_probability))

"""What an evaluation scores of a module: one place for the callback and for ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from callbacks.metrics.names import Protocol as ScoreProtocol
from callbacks.offers import maps_words, rewrites, transcribes
from callbacks.recognition import Transcriptions
from callbacks.sentence_translation import rewriting_subject
from callbacks.word_translation import WordTranslations


class Subject(Protocol):
    """Something of a module that is scored, by the name of each score.

    Attributes:
        space: what describes it; has an ``id``.
        floor: scores of real samples in place of generated ones.
        floor_note: which.
    """

    space: Any
    floor: Mapping[str, float]
    floor_note: str

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Every rank calls it and gets the same."""

    def protocol(self, weights: Literal["raw", "ema"]) -> ScoreProtocol:
        """Without which the scores say nothing."""


def subject_without_features(module: Any, data: Any, samples: int) -> Subject | None:
    """What is scored of a module that is judged by its answers, not by the features of samples.

    Args:
        module: maps words, rewrites sentences or transcribes speech; any other gives None.
        data: its data module.
        samples: most answers that are looked at.
    """
    if maps_words(module):
        return WordTranslations(data)
    if rewrites(module):
        return rewriting_subject(module, data, samples)
    if transcribes(module):
        return Transcriptions(data, samples)
    return None

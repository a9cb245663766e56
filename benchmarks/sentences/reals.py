"""What needs no training: real sentences, and words by chance."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from benchmarks.sentences.scores import chosen, plain
from benchmarks.trained.task import Measures
from callbacks.metrics.scoring import ScoreSettings
from callbacks.metrics.spaces import choose_space
from callbacks.sentence_subject import Sentences

_SAMPLES = 2000


class UniformWords:
    """A generator that knows nothing: each word is as likely as any other, at every place.

    Args:
        words: V.
        length: T.
    """

    device = torch.device("cpu")

    def __init__(self, words: int, length: int) -> None:
        self.words_known, self.length = words, length

    def draw_latents(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Uniform numbers ``(n, T)``."""
        return torch.rand(n, self.length, generator=generator)

    def decode(self, z: Tensor) -> Tensor:
        """Words ``(N, T)`` of uniform numbers."""
        return (z * self.words_known).long().clamp_max(self.words_known - 1)

    def log_likelihood(self, tokens: Tensor) -> Tensor:
        """``-log V`` for each sentence."""
        return torch.full((len(tokens),), -math.log(self.words_known))


def subject_of(data: Any) -> Sentences:
    """What an evaluation of 2,000 sentences scores."""
    return Sentences(data, choose_space(data), _SAMPLES, "train", ScoreSettings())


def untrained(data: Any, *names: str) -> dict[str, Measures]:
    """Scores of real training sentences and of uniform words, as an evaluation has them.

    Args:
        data: of sentences, set up.
        *names: of the scores, see :func:`benchmarks.sentences.scores.chosen`.
    """
    subject = subject_of(data)
    words = UniformWords(len(data.vocabulary), data.image_shape[0])
    return {
        "real sentences": chosen(plain(subject.floor), names),
        "words by chance": chosen(plain(subject.scores(words, 0)), names),
    }

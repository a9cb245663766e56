"""What is scored and shown of a recogniser of speech: what it hears in held-out utterances.

Checkpoints are ranked without a transcript, by how fluent the recognised text is, held against how
many phonemes it uses (arXiv:2105.11084, section 4.3). Where transcripts are known, the errors are
told beside, and choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.language_model import KneserNey
from callbacks.metrics.names import Protocol, count_suffix
from callbacks.metrics.reading import strided_indices
from callbacks.metrics.recognition import error_counts, transcript
from callbacks.metrics.sentences import Words
from callbacks.metrics.unsupervised_recognition import UnsupervisedASRScore
from callbacks.rewritten import TextSpace

_STACK = 64
_ORDER = 4


class Transcriptions:
    """``nll_less_log_usage`` of recognised speech, its parts, and the rate of wrong phonemes.

    ``nll_text`` is the mean negative log-probability of a phoneme, in nats, by a model that counts
    the text side, and ``phoneme_usage`` the share of the phonemes that are used. ``per``, errors
    per phoneme of the true transcripts, is the sum of ``per_insertions``, ``per_deletions`` and
    ``per_substitutions``. Pauses do not count: where the set has a phoneme for them, repeats become
    one phoneme and then pauses are left out, in the transcripts, the truth and the text. The floor
    is that of the true transcripts.

    Args:
        data: of speech and text, with something held out.
        samples: utterances that are recognised, if so many are held out.

    Attributes:
        floor: scores of the true transcripts; empty where nobody knows them.
        floor_note: what the floor is.

    Raises:
        ValueError: when nothing is held out.
    """

    space = TextSpace("phonemes")

    def __init__(self, data: Any, samples: int) -> None:
        self.data, self.silence = data, data.silence
        speech, mask = data.utterances("held_out")
        chosen = strided_indices(len(speech), samples)
        self.speech, self.mask = speech[chosen], mask[chosen]
        text = [self._plain(row) for row in data.text()]
        self.n_text = len(text)
        self.model = KneserNey(text, _ORDER)
        self.inventory = [n for n in range(len(data.vocabulary)) if n != self.silence]
        known = data.transcripts("held_out")
        self.truth = None if known is None else [self._plain(known[i]) for i in chosen]
        self.floor: Mapping[str, float] = {} if self.truth is None else self._scored(self.truth)
        self.floor_note = "" if self.truth is None else "true transcripts"

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Recognise and score; every rank calls it and gets the same. Nothing is drawn."""
        return on_rank_zero(lambda: self._scored([self._plain(row) for row in self._heard(module)]))

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """Without which the scores say nothing."""
        return Protocol(
            space=self.space.id,
            sha256="",
            resize="none",
            dim=int(self.speech.shape[2]),
            n_fake=len(self.speech),
            n_real=self.n_text,
            split="held_out",
            data=self.data.fingerprint(),
            generator=weights,
            quantised=False,
            settings=f"lm=kn{_ORDER} pauses=left out",
        )

    def _heard(self, module: Any) -> list[list[int]]:
        parts = zip(self.speech.split(_STACK), self.mask.split(_STACK), strict=True)
        return [row for speech, mask in parts for row in module.transcribe(speech, mask)]

    def _plain(self, row: Sequence[int]) -> Words:
        return list(row) if self.silence is None else transcript(row, self.silence)

    def _scored(self, said: Sequence[Words]) -> dict[str, float]:
        own = UnsupervisedASRScore.of(said, self.model, self.inventory)
        found = {
            "nll_less_log_usage": own.value,
            "nll_text": own.nll,
            "phoneme_usage": own.usage,
        }
        if self.truth is not None:
            errors = error_counts(self.truth, said)
            found["per"] = errors.rate
            kinds = ("insertions", "deletions", "substitutions")
            found |= {f"per_{kind}": getattr(errors, kind) / errors.length for kind in kinds}
        suffix = count_suffix(len(said))
        return {f"{name}@{suffix}": value for name, value in found.items()}


def transcript_columns(module: Any, data: Any, count: int) -> dict[str, list[str]]:
    """Fixed held-out utterances as they are recognised, as columns of a table.

    Args:
        module: has ``transcribe``.
        data: its data module; where nothing is held out utterances of the training part are shown.
        count: utterances.

    Returns:
        ``recognised``, and ``true`` where transcripts are known.
    """
    split: Literal["train", "held_out"] = "held_out" if data.held_out_share else "train"
    speech, mask = data.utterances(split)
    chosen = strided_indices(len(speech), count)
    with torch.no_grad():
        heard = module.transcribe(speech[chosen], mask[chosen])
    columns = {"recognised": data.decode(heard)}
    known = data.transcripts(split)
    if known is not None:
        columns["true"] = data.decode([known[i] for i in chosen])
    return columns

"""What an evaluation scores of a map between word vectors: the dictionary that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.names import Protocol, count_suffix
from callbacks.metrics.word_translation import translation_scores
from gan_modules.language.word_maps import criterion

#: Words of both languages that the criterion looks at, as in arXiv:1710.04087.
_MOST_FREQUENT = 10_000


class _WordSpace(NamedTuple):
    """Stands where other evaluations have the space of their features."""

    id: str


class WordTranslations:
    """The criterion that needs no dictionary, and P@1 and P@5 on held-out pairs where there are.

    ``csls_cosine@3k`` comes first: checkpoints are ranked by it, so that no dictionary chooses.

    Args:
        data: has ``vectors(side)``, ``pairs(split)`` and ``fingerprint()``.

    Attributes:
        floor: empty: words of one language cannot stand for those of the other.
        floor_note: empty.
    """

    space = _WordSpace("word_vectors")

    def __init__(self, data: Any) -> None:
        self.data = data
        self.a: Tensor = data.vectors("a")
        self.b: Tensor = data.vectors("b")
        self.pairs: Tensor | None = data.pairs("held_out")
        self.floor: Mapping[str, float] = {}
        self.floor_note = ""

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Map all words and score; every rank calls it and gets the same. Nothing is drawn."""
        return on_rank_zero(lambda: self._of_mapped(module.map_words(self.a)))

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """Without which the scores say nothing."""
        return Protocol(
            space=self.space.id,
            sha256="",
            resize="none",
            dim=self.a.shape[1],
            n_fake=len(self.a),
            n_real=len(self.b),
            split="train" if self.pairs is None else "held_out",
            data=self.data.fingerprint(),
            generator=weights,
            quantised=False,
            settings="csls k=10",
        )

    def _of_mapped(self, x: Tensor) -> dict[str, float]:
        y = self.b.to(x)
        name = f"csls_cosine@{count_suffix(min(_MOST_FREQUENT, len(x)))}"
        identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        found = {name: criterion(identity, x, y, _MOST_FREQUENT)}
        if self.pairs is not None:
            found |= translation_scores(x, y, self.pairs)
        return found

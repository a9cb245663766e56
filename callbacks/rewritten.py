"""What all scores of rewritten sentences share: the sentences, the protocol, the names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from statistics import fmean
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.names import Protocol, count_suffix
from callbacks.metrics.reading import read_all, strided_indices
from callbacks.metrics.sentences import word_lists

_STACK = 256


class TextSpace(NamedTuple):
    """Stands where other evaluations have the space of their features."""

    id: str


class RewrittenSentences(ABC):
    """Held-out sentences, rewritten and scored; nothing is drawn.

    Args:
        data: of two domains of sentences, with something held out.
        samples: sentences of each domain that are rewritten, if so many are held out.

    Attributes:
        floor: scores of the true counterparts in place of rewritten sentences; empty where nobody
            knows them.
        floor_note: what the floor is.

    Raises:
        ValueError: when nothing is held out.
    """

    space = TextSpace("words")
    #: One line of the protocol.
    settings: ClassVar[str]
    floor: Mapping[str, float]
    floor_note: str

    def __init__(self, data: Any, samples: int) -> None:
        self.data, self.special_tokens = data, bool(data.special_tokens)
        self.paired = data.paired_reference("held_out") is not None
        held_out = {side: read_all(data.reference("held_out", side)) for side in data.domains}
        self.inputs = {
            side: rows[strided_indices(len(rows), samples)] for side, rows in held_out.items()
        }
        self.n_train = min(len(data.reference("train", side)) for side in data.domains)
        self.floor_note = "true counterparts" if self.paired else "no true counterparts are known"

    @abstractmethod
    def scored(self, module: Any) -> dict[str, dict[str, float]]:
        """Scores by domain that is led to; the first of them ranks checkpoints."""

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Rewrite and score; every rank calls it and gets the same."""
        return on_rank_zero(lambda: self.named(self.scored(module)))

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """Without which the scores say nothing."""
        return Protocol(
            space=self.space.id,
            sha256="",
            resize="none",
            dim=0,
            n_fake=min(map(len, self.inputs.values())),
            n_real=self.n_train,
            split="held_out",
            data=self.data.fingerprint(),
            generator=weights,
            quantised=False,
            settings=self.settings,
        )

    def named(self, found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Means of the domains that are led to, then each."""
        suffix = count_suffix(min(map(len, self.inputs.values())))
        keys = list(next(iter(found.values())))
        means = {f"{key}@{suffix}/mean": fmean(of[key] for of in found.values()) for key in keys}
        each = {f"{k}@{suffix}/{target}": of[k] for k in keys for target, of in found.items()}
        return means | each

    def words(self, tokens: Tensor) -> list[list[int]]:
        """Rows ``(N, T)`` as lists of words."""
        return word_lists(tokens, self.special_tokens)


def rewritten(module: Any, rows: Tensor, source: str, target: str) -> Tensor:
    """What a module makes of sentences ``(N, T)``, on the CPU, in parts that fit the memory."""
    parts = [module.rewrite(part, source, target).cpu() for part in rows.split(_STACK)]
    return torch.cat(parts)

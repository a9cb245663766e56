"""Sentences to vectors, by encoders that are frozen: what text-to-image models are conditioned on.

A data module embeds its captions once, before training.
"""

import importlib
import zlib
from collections import Counter
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

_PROJECTION_SEED = 16050539


@runtime_checkable
class TextEncoder(Protocol):
    """What a data module asks of an encoder."""

    def embed(self, sentences: list[str]) -> Tensor:
        """Return float32 ``(N, E)``, the same for the same sentence whatever stands beside it."""


class HashingEncoder(TextEncoder):
    """Counts of character n-grams, hashed to buckets and projected by a fixed Gaussian matrix.

    Sentences that share words and parts of words lie near each other; nothing is learned and
    nothing downloaded. Case, and spaces beyond one, are ignored. The result has length 1, but for
    the empty sentence, which is 0; it is the same on every machine.

    Args:
        dim: length E of a vector.
        ngrams: shortest and longest n-gram, in characters; words are marked at both ends.
        buckets: different n-grams that are told apart, more or less.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self, dim: int = 256, ngrams: tuple[int, int] = (2, 4), buckets: int = 8192
    ) -> None:
        for name, value in (("dim", dim), ("buckets", buckets)):
            if value < 1:
                raise ValueError(
                    f"HashingEncoder: {name} must be at least 1, got {value}; set {name}: 256"
                )
        if not 1 <= ngrams[0] <= ngrams[1]:
            raise ValueError(
                f"HashingEncoder: ngrams must rise from at least 1, got {tuple(ngrams)}; "
                "set ngrams: [2, 4]"
            )
        self.dim, self.ngrams, self.buckets = dim, (ngrams[0], ngrams[1]), buckets
        # The legacy generator: its stream is frozen, that of newer ones is not promised.
        draws = np.random.RandomState(_PROJECTION_SEED)
        self._projection = draws.standard_normal((buckets, dim))

    def embed(self, sentences: list[str]) -> Tensor:
        """Return float32 ``(N, dim)``."""
        if not sentences:
            return torch.zeros(0, self.dim)
        return torch.from_numpy(np.stack([self._one(sentence) for sentence in sentences]))

    def _one(self, sentence: str) -> Any:
        counts: Counter[int] = Counter()
        for word in sentence.lower().split():
            marked = f" {word} "
            for length in range(self.ngrams[0], self.ngrams[1] + 1):
                for start in range(len(marked) - length + 1):
                    gram = marked[start : start + length].encode()
                    counts[zlib.crc32(gram) % self.buckets] += 1
        vector = np.zeros(self.dim)
        # One row after another and in double precision: no library decides the order of the sum.
        for bucket in sorted(counts):
            vector += counts[bucket] * self._projection[bucket]
        length = np.sqrt((vector**2).sum())
        return (vector / length if length else vector).astype(np.float32)


class CallableEncoder(TextEncoder):
    """Any function that embeds sentences, named by its import path.

    Args:
        function: such as ``my_package.my_module:model.encode``: a module, a colon, and the way from
            there to something that takes a list of N strings and returns ``(N, E)`` numbers.
        batch_size: sentences in one call.

    Raises:
        ValueError: when the path leads to nothing that can be called, or ``batch_size`` is below 1.
    """

    def __init__(self, function: str, batch_size: int = 256) -> None:
        if batch_size < 1:
            raise ValueError(
                f"CallableEncoder: batch_size must be at least 1, got {batch_size}; "
                "set batch_size: 256"
            )
        self.path, self.batch_size = function, batch_size
        module, _, way = function.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for name in way.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"CallableEncoder: function must be an import path module:name, got {function!r} "
                f"({error}); write it as my_package.my_module:encode"
            ) from error
        if not callable(found):
            raise ValueError(
                f"CallableEncoder: function must be callable, got {function!r} "
                f"({type(found).__name__}); name a function"
            )
        self._function = found

    def embed(self, sentences: list[str]) -> Tensor:
        """Return float32 ``(N, E)``.

        Raises:
            ValueError: when the function returns another shape, or NaN or infinity.
        """
        with torch.no_grad():
            parts = [
                torch.as_tensor(self._function(sentences[start : start + self.batch_size]))
                for start in range(0, len(sentences), self.batch_size)
            ]
        vectors = torch.cat([part.detach().float().cpu() for part in parts])
        if vectors.ndim != 2 or len(vectors) != len(sentences):
            raise ValueError(
                f"CallableEncoder: function must return one vector for each of {len(sentences)} "
                f"sentences, got shape {tuple(vectors.shape)} from {self.path}; return (N, E)"
            )
        if not torch.isfinite(vectors).all():
            raise ValueError(
                f"CallableEncoder: function must return finite numbers, got NaN or infinity from "
                f"{self.path}; check the encoder"
            )
        return vectors

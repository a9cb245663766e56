"""Features of sentences from word vectors that are fitted on the training part: nothing to load.

Positive pointwise mutual information with a truncated SVD: Levy and Goldberg, "Neural Word
Embedding as Implicit Matrix Factorization", NIPS 2014 (no arXiv id). A Frechet distance over
sentence embeddings judges quality and diversity together: de Masson d'Autume et al., 2019,
arXiv:1905.09922, with a network of others. Ours is ``fd_ppmi64``; no published number compares.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from callbacks.metrics.features import Features, FeatureSpace
from callbacks.metrics.sentences import word_mask
from gan_modules.language.word_counts import (
    factors,
    neighbour_counts,
    positive_information,
    rarity_of,
    sentence_counts,
)

WINDOW = 5
_MOST_DIMENSIONS = 64
# Rows that are looked up at a time: 20 words of 64 numbers each take 20 MB.
_CHUNK = 4096


class PpmiSpace(FeatureSpace):
    """Mean of the word vectors, weighted by how rare a word is, beside their largest entries.

    The id says how many dimensions the word vectors have: 64, or one less than the vocabulary
    where that is smaller. Make one with :meth:`fitted`.

    Args:
        vectors: float ``(V, d)``, one row for each word.
        rarity: float ``(V,)``, positive weights of words, larger for rare ones.
        special_tokens: whether sentences end before their first ``EOS`` or ``PAD``.
        sha256: hash of what the vectors were fitted on.
    """

    resize_id = "none"
    takes_images = False

    def __init__(self, vectors: Tensor, rarity: Tensor, special_tokens: bool, sha256: str) -> None:
        self.id = f"ppmi{vectors.shape[1]}"
        self.dim = 2 * vectors.shape[1]
        self.sha256 = sha256
        self.special_tokens = special_tokens
        self._vectors, self._rarity = vectors.float(), rarity.float()

    @classmethod
    def fitted(cls, tokens: Tensor, words: int, special_tokens: bool) -> Self:
        """Fit word vectors to the training part, on the CPU in float64.

        A vocabulary of 1,500 words takes about 3 seconds on one core; time grows with the cube of
        the words, and memory with the square. A word that never occurred has the vector 0.

        Args:
            tokens: int64 ``(N, T)`` training sentences, at least 1.
            words: size of the vocabulary V, with special tokens where there are those; 2 or more.
            special_tokens: whether sentences end before their first ``EOS`` or ``PAD``.

        Raises:
            ValueError: for no sentence, fewer than 2 words, a number outside of the vocabulary, or
                words that stand together by chance alone.
        """
        if words < 2 or len(tokens) == 0:
            raise ValueError(
                f"PpmiSpace: words must be at least 2 and tokens hold 1 sentence, got {words} and "
                f"{len(tokens)}; fit it to the training part"
            )
        tokens = tokens.cpu()
        mask = word_mask(tokens, special_tokens)
        _check_range(tokens, words)
        counts = neighbour_counts(tokens, mask, words, WINDOW)
        holders = sentence_counts(tokens, mask, words)
        vectors = factors(positive_information(counts), min(_MOST_DIMENSIONS, words - 1))
        if not bool(vectors.any()):
            raise ValueError(
                "PpmiSpace: tokens must hold words that stand together more often than by chance, "
                "got none; sentences of one word cannot tell words apart"
            )
        rarity = rarity_of(holders, len(tokens))
        digest = hashlib.sha256(f"ppmi v1 window={WINDOW} special={special_tokens}".encode())
        # Counts are the same on every machine, and the vectors only but for rounding.
        for part in (counts, holders, torch.tensor(len(tokens))):
            digest.update(part.numpy().tobytes())
        space = cls(vectors, rarity, special_tokens, digest.hexdigest())
        # The cubic kernel sees nothing but the largest values where features are not about 1.
        size = float(space(tokens).features.double().square().mean().sqrt())
        return cls(vectors / size, rarity, special_tokens, digest.hexdigest())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays for the cache."""
        return {
            "vectors": self._vectors.cpu().numpy(),
            "rarity": self._rarity.cpu().numpy(),
            "special_tokens": np.array(self.special_tokens),
            "sha256": np.array(self.sha256),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the space that :meth:`to_arrays` wrote.

        Args:
            arrays: by name.
        """
        vectors, rarity = (torch.from_numpy(arrays[name]) for name in ("vectors", "rarity"))
        return cls(vectors, rarity, bool(arrays["special_tokens"]), str(arrays["sha256"]))

    def to(self, device: torch.device | str) -> Self:
        """Move the word vectors to a device and return the space.

        Args:
            device: where the features shall be computed.
        """
        self._vectors, self._rarity = self._vectors.to(device), self._rarity.to(device)
        return self

    def __call__(self, samples: Tensor) -> Features:
        """Return float32 features ``(N, 2 d)`` on the space's device; a sentence of none is 0.

        Args:
            samples: int64 ``(N, T)``, on any device.

        Raises:
            ValueError: for anything else, or a number outside of the vocabulary.
        """
        return Features(torch.cat([self._describe(part) for part in samples.split(_CHUNK)]), None)

    def mean_vectors(self, samples: Tensor) -> Tensor:
        """Return the weighted means of the word vectors alone: the first half of the features.

        Args:
            samples: int64 ``(N, T)``, on any device.

        Returns:
            float32 ``(N, d)``.

        Raises:
            ValueError: as :meth:`__call__`.
        """
        return self(samples).features[:, : self.dim // 2]

    def _describe(self, samples: Tensor) -> Tensor:
        mask = word_mask(samples, self.special_tokens)
        _check_range(samples, len(self._vectors))
        device = self._vectors.device
        tokens, mask = samples.to(device), mask.to(device)
        vectors = self._vectors[tokens]
        weights = self._rarity[tokens] * mask
        total = weights.sum(dim=1, keepdim=True)
        mean = (weights[:, :, None] * vectors).sum(dim=1) / total.masked_fill(total == 0, 1.0)
        largest = vectors.masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)
        return torch.cat([mean, largest.masked_fill(total == 0, 0.0)], dim=1)


def _check_range(tokens: Tensor, words: int) -> None:
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < words:
        raise ValueError(
            f"PpmiSpace: tokens must be in 0 to {words - 1}, got {int(tokens.min())} to "
            f"{int(tokens.max())}; use the vocabulary that the space was fitted on"
        )

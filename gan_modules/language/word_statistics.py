"""Word vectors from counts of neighbours, for modules that need some before they train.

The same sentences give the same vectors in every process; :mod:`gan_modules.language.word_counts`
says how.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from datamodules.batches import BOS, EOS, PAD, UNK
from gan_modules.language.sentences import closed, ends, sentence_mask
from gan_modules.language.word_counts import (
    factors,
    neighbour_counts,
    positive_information,
    rarity_of,
    sentence_counts,
)


def word_vectors(
    tokens: Tensor, vocabulary_size: int, dim: int, special_tokens: bool, window: int = 2
) -> Tensor:
    """Vectors of words, near for words with like neighbours.

    Args:
        tokens: int64 ``(N, T)``; ends count as neighbours, fillings do not.
        vocabulary_size: V.
        dim: of a vector; at most V.
        special_tokens: whether sentences end.
        window: how far neighbours stand.

    Returns:
        float32 ``(V, dim)``, mean square 1 over what occurs; 0 for a word that has no neighbours.
    """
    counts = neighbour_counts(
        tokens, sentence_mask(tokens, special_tokens), vocabulary_size, window
    )
    vectors = factors(positive_information(counts), dim)
    size = vectors[counts.sum(1) > 0].square().mean().sqrt().clamp_min(1e-12)
    return (vectors / size).float()


def rarity(tokens: Tensor, vocabulary_size: int, special_tokens: bool) -> Tensor:
    """``1 + log((1 + N) / (1 + n))`` for a word in n of N sentences: float32 ``(V,)``.

    Args:
        tokens: int64 ``(N, T)``.
        vocabulary_size: V.
        special_tokens: whether sentences end.
    """
    words = sentence_mask(tokens, special_tokens) & ~ends(tokens, special_tokens)
    return rarity_of(sentence_counts(tokens, words, vocabulary_size), len(tokens)).float()


def sentences_of(owner: str, data: Any) -> Tensor:
    """The training sentences of both domains, ``(N_a + N_b, T)``.

    Args:
        owner: named in errors.
        data: the data module.

    Raises:
        ValueError: if it has no two domains of sentences, or they differ in length.
    """
    if not (hasattr(data, "reference") and hasattr(data, "vocabulary")):
        raise ValueError(
            f"{owner}: data must be a data module of two domains of sentences, got "
            f"{type(data).__name__}; its word vectors are fitted to them"
        )
    parts = []
    for domain in ("a", "b"):
        reference = data.reference("train", domain)
        parts.append(torch.from_numpy(reference.images.array[reference.rows]))
    if parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError(
            f"{owner}: sentences of both domains must have one length, got {parts[0].shape[1]} "
            f"and {parts[1].shape[1]}; set them alike"
        )
    return torch.cat(parts)


class SentenceVectors:
    """Sentences as means of their word vectors, rare words first.

    Args:
        vectors: ``(V, d)``.
        weights: ``(V,)``, positive.
        special_tokens: whether sentences end; the end is no word.
    """

    def __init__(self, vectors: Tensor, weights: Tensor, special_tokens: bool) -> None:
        self.vectors, self.weights, self.special_tokens = vectors, weights, special_tokens

    @classmethod
    def of_domains(cls, owner: str, data: Any, dim: int) -> SentenceVectors:
        """Fitted to the training sentences of both domains.

        Args:
            owner: named in errors.
            data: the data module.
            dim: of the word vectors.

        Raises:
            ValueError: see :func:`sentences_of`.
        """
        tokens, size = sentences_of(owner, data), len(data.vocabulary)
        special = bool(data.special_tokens)
        vectors = word_vectors(tokens, size, min(dim, size), special)
        return cls(vectors, rarity(tokens, size, special), special)

    def __call__(self, tokens: Tensor) -> Tensor:
        """``(N, d)`` of ``(N, T)``; a sentence without words is 0."""
        device = tokens.device
        self.vectors, self.weights = self.vectors.to(device), self.weights.to(device)
        words = sentence_mask(tokens, self.special_tokens) & ~ends(tokens, self.special_tokens)
        weights = self.weights[tokens] * words
        total = weights.sum(1, keepdim=True).clamp_min(1e-12)
        return (self.vectors[tokens] * weights[..., None]).sum(1) / total


class WordTable(nn.Module):
    """A vector for each word, which nobody trains: drawn at first, counted once there are data.

    What fills a row behind its end has the vector of the end.

    Args:
        owner: named in errors.
        vocabulary_size: V, special tokens included.
        *networks: that take such vectors, each with its ``dim``.

    Raises:
        ValueError: if the networks take vectors of unlike sizes, or larger ones than V.
    """

    vectors: Tensor

    def __init__(self, owner: str, vocabulary_size: int, *networks: Any) -> None:
        super().__init__()
        dims = {int(network.dim) for network in networks}
        if len(dims) > 1 or max(dims) > vocabulary_size:
            raise ValueError(
                f"{owner}: dim of the generators must be one number of at most {vocabulary_size}, "
                f"the vocabulary, got {sorted(dims)}; set it lower"
            )
        self.owner, self.size, self.dim = owner, vocabulary_size, dims.pop()
        own = torch.Generator().manual_seed(0)
        self.register_buffer("vectors", torch.randn(vocabulary_size, self.dim, generator=own))

    def fit(self, data: Any) -> None:
        """Count the vectors in the training sentences of both domains.

        Args:
            data: the data module; None leaves the table as it is.

        Raises:
            ValueError: if the vocabulary has another size; see also :func:`sentences_of`.
        """
        if data is None:
            return
        tokens = sentences_of(self.owner, data)
        if len(data.vocabulary) != self.size:
            raise ValueError(
                f"{self.owner}: vocabulary_size of the networks must be {len(data.vocabulary)}, "
                f"that of the data, got {self.size}; set it so"
            )
        found = word_vectors(tokens, self.size, self.dim, special_tokens=True)
        self.vectors.copy_(found)

    def vectors_of(self, tokens: Tensor) -> Tensor:
        """Vectors ``(N, T, d)`` of sentences ``(N, T)``."""
        return self.vectors[tokens.masked_fill(tokens == PAD, EOS)]

    def words_of(self, vectors: Tensor) -> Tensor:
        """The words with the greatest cosines, ``(N, T)``, with ``PAD`` behind the first end."""
        known = self.vectors / self.vectors.norm(dim=1, keepdim=True).clamp_min(1e-12)
        fit = vectors @ known.T
        fit[..., [PAD, BOS, UNK]] = -torch.inf
        return closed(fit.argmax(2), True)

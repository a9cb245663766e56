"""How much of a sentence a rewriting keeps, judged by the way back: a number for each sentence.

Rewards, so none of them has a gradient. They are not on one scale: choose weights for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gan_modules.language.sentences import ends, sentence_mask
from gan_modules.language.speaking import greedy, likelihoods
from gan_modules.language.word_statistics import SentenceVectors
from gan_modules.networks.reading import Reading

#: The way back: sentences of the target domain to what their rewriter makes of them.
WayBack = Callable[[Tensor], Reading]


class CycleSimilarity(ABC):
    """Originals and rewritings to similarities ``(N,)``, larger is better."""

    def prepare(self, data: Any) -> None:  # noqa: B027 (most need nothing)
        """Called once the data are known, before training.

        Args:
            data: the data module, or None where batches come from elsewhere.
        """

    @abstractmethod
    def __call__(self, back: WayBack, original: Tensor, rewritten: Tensor) -> Tensor:
        """Similarities ``(N,)``.

        Args:
            back: the way back.
            original: int64 ``(N, T)``.
            rewritten: int64 ``(N, T)``.
        """


class LikelihoodSimilarity(CycleSimilarity):
    """Mean log-probability of the original's tokens on the way back, in nats a token, at most 0.

    Dense, and no sentence need be drawn for it.
    """

    @torch.no_grad()
    def __call__(self, back: WayBack, original: Tensor, rewritten: Tensor) -> Tensor:
        """``mean_t log p(x_t | x_<t, y)``."""
        told = likelihoods(back(rewritten), original)
        return told.log_probability.sum(1) / told.mask.sum(1)


class BleuSimilarity(CycleSimilarity):
    """Sentence BLEU, in [0, 1], of the likeliest way back against the original.

    Costs a sentence that is led token by token.

    Args:
        order: longest run of words.

    Raises:
        ValueError: unless it is positive.
    """

    def __init__(self, order: int = 4) -> None:
        if order < 1:
            raise ValueError(f"BleuSimilarity: order must be at least 1, got {order}; 4 is common")
        self.order = order

    @torch.no_grad()
    def __call__(self, back: WayBack, original: Tensor, rewritten: Tensor) -> Tensor:
        """BLEU of what comes back."""
        speaker = back(rewritten)
        returned = greedy(speaker, len(rewritten))
        return bleu(returned, original, self.order, speaker.special_tokens)


class EmbeddingSimilarity(CycleSimilarity):
    """Cosine, in [-1, 1], of the two sentences as means of word vectors; there is no way back.

    It tolerates a paraphrase, and does not see a negation. Vectors and weights of the words are
    those of the training sentences of both domains, the same whenever they are asked for.

    Args:
        dim: of the word vectors.
    """

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim
        self.vectors: SentenceVectors | None = None

    def prepare(self, data: Any) -> None:
        """Fit the word vectors.

        Raises:
            ValueError: without a data module of two domains of sentences.
        """
        self.vectors = SentenceVectors.of_domains("EmbeddingSimilarity", data, self.dim)

    @torch.no_grad()
    def __call__(self, back: WayBack, original: Tensor, rewritten: Tensor) -> Tensor:
        """Cosine of original and rewriting."""
        assert self.vectors is not None, "prepare() comes first"
        one, other = self.vectors(original), self.vectors(rewritten)
        return torch.cosine_similarity(one, other, dim=1)


def bleu(hypothesis: Tensor, reference: Tensor, order: int, special_tokens: bool) -> Tensor:
    """Sentence BLEU of each row against one reference, with uniform weights: ``(N,)`` in [0, 1].

    An order that finds nothing counts a tenth of a find ("method 1" of Chen and Cherry, 2014), and
    a sentence without a common word scores 0.

    Args:
        hypothesis: int64 ``(N, T)``.
        reference: int64 ``(N, U)``.
        order: longest run of words.
        special_tokens: whether sentences end; the end is no word.
    """
    words, others = (
        sentence_mask(tokens, special_tokens) & ~ends(tokens, special_tokens)
        for tokens in (hypothesis, reference)
    )
    length, wanted = words.sum(1).double(), others.sum(1).double()
    own = _equal(hypothesis, words, hypothesis, words)
    common = _equal(hypothesis, words, reference, others)
    logarithms, same_own, same_common = torch.zeros_like(length), own, common
    for n in range(1, order + 1):
        if n > 1:
            same_own, same_common = _longer(same_own, own), _longer(same_common, common)
        counts, most = same_own.sum(2).double(), same_common.sum(2).double()
        # Each run of the hypothesis stands for its share of the clipped count of its kind.
        found = (counts.minimum(most) / counts.clamp_min(1.0)).sum(1)
        total = (length - n + 1).clamp_min(1.0)
        logarithms += torch.log(found.where(found > 0, 0.1) / total) / order
    penalty = (1.0 - wanted / length.clamp_min(1.0)).clamp_max(0.0)
    return torch.exp(penalty + logarithms) * common.flatten(1).any(1)


def _equal(one: Tensor, words: Tensor, other: Tensor, others: Tensor) -> Tensor:
    """Where words are the same: bool ``(N, T, U)``."""
    return (one[:, :, None] == other[:, None]) & words[:, :, None] & others[:, None]


def _longer(runs: Tensor, words: Tensor) -> Tensor:
    """Where runs of one word more are the same: the first word, and the run behind it."""
    rows, columns = (max(0, size - 1) for size in runs.shape[1:])
    return words[:, :rows, :columns] & runs[:, 1:, 1:]

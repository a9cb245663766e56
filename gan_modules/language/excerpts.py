"""Excerpts of articles, found again in the scrambled article: what a summarizer learns first.

Wang, Lee, "Learning to Encode Text as Human-Readable Summaries using Generative Adversarial
Networks", 2018, arXiv:1810.02851; the numbers are those of the authors' code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from datamodules.batches import EOS, PAD
from gan_modules.engine.noise import Noise
from gan_modules.language.sentences import ends, sentence_mask
from gan_modules.language.word_noise import WordNoise


class Excerpts:
    """Articles to scrambled articles and an excerpt each.

    An excerpt is some words in a row. Words of the article are left out, it is cut into phrases
    where chance wants it, and the phrases change places: what is copied must be put in order.

    Args:
        words: the fewest and the most words of an excerpt, each number equally likely.
        latest: the last word that an excerpt may begin with, from 0.
        drop: probability that a word of the article is left out.
        phrase: words of a phrase, on average.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self,
        words: tuple[int, int] = (6, 11),
        latest: int = 10,
        drop: float = 1 / 16,
        phrase: float = 4.0,
    ) -> None:
        least, most = words
        if not 1 <= least <= most or latest < 0 or phrase < 1.0:
            raise ValueError(
                "Excerpts: words must rise from 1 on, latest must not be negative and phrase be at "
                f"least 1, got {list(words)}, {latest} and {phrase}; 6 to 11 words, 10 and 4 are "
                "those of news"
            )
        self.words, self.latest, self.phrase = (least, most), latest, phrase
        self.noise_on_words = WordNoise(drop, 0.0, 0)

    def __call__(self, tokens: Tensor, length: int, noise: Noise) -> tuple[Tensor, Tensor]:
        """Scrambled articles ``(N, T)`` and excerpts ``(N, length)``.

        Args:
            tokens: int64 ``(N, T)`` of articles.
            length: T of the excerpts, which are cut so that their end fits.
            noise: rows do not depend on the number of ranks.
        """
        options: dict[str, Any] = {"device": tokens.device, "dtype": torch.float64}
        excerpt = self._excerpt(tokens, length, noise.uniform(len(tokens), 2, **options))
        left = self.noise_on_words(tokens, noise)
        cuts, keys = (noise.uniform(*tokens.shape, **options) for _ in range(2))
        return self._scrambled(left, cuts, keys), excerpt

    def _excerpt(self, tokens: Tensor, length: int, uniforms: Tensor) -> Tensor:
        least, most = self.words
        there = (sentence_mask(tokens, True) & ~ends(tokens, True)).sum(1)
        count = (least + (uniforms[:, 0] * (most - least + 1)).long()).clamp_max(length - 1)
        count = count.minimum(there)
        starts = (there - count).clamp_max(self.latest) + 1
        start = (uniforms[:, 1] * starts).long()
        place = torch.arange(length, device=tokens.device)
        rows = (start[:, None] + place).clamp_max(tokens.shape[1] - 1)
        words = tokens.gather(1, rows)
        words = words.where(place < count[:, None], EOS)
        return words.where(place <= count[:, None], PAD)

    def _scrambled(self, tokens: Tensor, cuts: Tensor, keys: Tensor) -> Tensor:
        """Words of a phrase share a key, by which they are sorted; what is no word stays behind."""
        words = sentence_mask(tokens, True) & ~ends(tokens, True)
        phrase = (cuts[:, 1:] < 1.0 / self.phrase).long().cumsum(1)
        first = torch.zeros_like(phrase[:, :1])
        key = keys.gather(1, torch.cat([first, phrase], 1)).where(words, 2.0)
        return tokens.gather(1, key.argsort(dim=1, stable=True))

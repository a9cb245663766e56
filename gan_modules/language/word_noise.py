"""Noise on words, so that restoring a sentence teaches the language: dropped, hidden, moved.

Lample, Conneau, Denoyer, Ranzato, "Unsupervised Machine Translation Using Monolingual Corpora
Only", 2017, arXiv:1711.00043, section 2.3; hidden words are those of the authors' later code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from datamodules.batches import PAD, UNK
from gan_modules.engine.noise import Noise
from gan_modules.language.sentences import ends, sentence_mask


class WordNoise:
    """Noise on the words of sentences; their ends are no words and stay behind them.

    Args:
        drop: probability that a word is left out; one of each sentence stays.
        blank: probability that ``UNK`` takes the place of a word that is left.
        shuffle: no word moves by more places than this, the paper's k; 0 keeps the order.

    Raises:
        ValueError: if a probability is not in [0, 1), or k is negative.
    """

    def __init__(self, drop: float = 0.1, blank: float = 0.1, shuffle: int = 3) -> None:
        for name, value in (("drop", drop), ("blank", blank)):
            if not 0.0 <= value < 1.0:
                raise ValueError(
                    f"WordNoise: {name} must lie in [0, 1), got {value}; 0.1 is common, 0 is off"
                )
        if shuffle < 0:
            raise ValueError(
                f"WordNoise: shuffle must not be negative, got {shuffle}; 3 is common, 0 is off"
            )
        self.drop, self.blank, self.shuffle = drop, blank, shuffle

    def __call__(self, tokens: Tensor, noise: Noise, special_tokens: bool = True) -> Tensor:
        """Disturbed sentences; what is drawn does not depend on the number of ranks.

        Args:
            tokens: int64 ``(N, T)``.
            noise: three calls of it are made, whatever is switched off.
            special_tokens: whether sentences end; raw numbers are moved alone, since a shorter
                sentence or ``UNK`` would be none of theirs.
        """
        moves, drops, blanks = (
            noise.uniform(*tokens.shape, device=tokens.device, dtype=torch.float64)
            for _ in range(3)
        )
        words = sentence_mask(tokens, special_tokens) & ~ends(tokens, special_tokens)
        tokens = self._shuffled(tokens, words, moves)
        if not special_tokens:
            return tokens
        tokens = self._dropped(tokens, words, drops)
        words = sentence_mask(tokens, True) & ~ends(tokens, True)
        return tokens.masked_fill(words & (blanks < self.blank), UNK)

    def _shuffled(self, tokens: Tensor, words: Tensor, uniforms: Tensor) -> Tensor:
        """Sort by ``i + u (k + 1)``: a word is overtaken only by those of the next k places."""
        length = tokens.shape[1]
        place = torch.arange(length, device=tokens.device).expand_as(tokens)
        moved = place + uniforms * (self.shuffle + 1)
        keys = moved.where(words, place + length + self.shuffle + 1)
        return tokens.gather(1, keys.argsort(dim=1, stable=True))

    def _dropped(self, tokens: Tensor, words: Tensor, uniforms: Tensor) -> Tensor:
        """The rest moves up; where all would go, the luckiest stays."""
        luck = uniforms.where(words, -1.0)
        stays = (luck >= self.drop) | (luck == luck.amax(1, keepdim=True)) | ~words
        order = stays.logical_not().long().argsort(dim=1, stable=True)
        left = torch.arange(tokens.shape[1], device=tokens.device) < stays.sum(1, keepdim=True)
        return tokens.gather(1, order).where(left, PAD)

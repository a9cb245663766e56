"""Summaries as a game: how they are judged, token by token, and which networks can play it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.sampling import evaluating
from gan_modules.language.sentences import masked_mean, sentence_mask


class Judged(NamedTuple):
    """Scores ``(N, T)`` of tokens after those before them, and which of them count."""

    scores: Tensor
    mask: Tensor


def judged(discriminator: nn.Module, tokens: Tensor) -> Judged:
    """What a discriminator of tokens says of sentences ``(N, T)`` that end.

    Raises:
        ValueError: if there is not one score for each token.
    """
    scores = discriminator(tokens)
    if scores.shape != tokens.shape:
        raise ValueError(
            f"UnsupervisedSummarizer: discriminator must score each token {tuple(tokens.shape)}, "
            f"got scores {tuple(scores.shape)}; choose StepDiscriminator"
        )
    return Judged(scores, sentence_mask(tokens, True))


def told_apart(real: Judged, fake: Judged) -> Tensor:
    """The discriminator's loss: half the cross entropy of real tokens, half of written ones."""
    of_real = masked_mean(F.softplus(-real.scores), real.mask)
    return (of_real + masked_mean(F.softplus(fake.scores), fake.mask)) / 2.0


@torch.no_grad()
def centered_opinions(discriminator: nn.Module, tokens: Tensor, center: nn.Module) -> Tensor:
    """``2 D - 1`` of each token less its mean over the batch at that step; 0 behind the end.

    Args:
        discriminator: of tokens, asked in eval mode.
        tokens: int64 ``(N, T)``.
        center: rewards ``(N, T)`` and mask to the means ``(1, T)``, over all ranks.
    """
    with evaluating(discriminator):
        scores, mask = judged(discriminator, tokens)
    rewards = (2.0 * torch.sigmoid(scores) - 1.0) * mask
    return (rewards - center(rewards, mask)) * mask


def require_pair(owner: nn.Module, generator: Any, reconstructor: Any, gamma: float) -> None:
    """One network reads what the other writes, in words that end; gamma lies in [0, 1].

    Raises:
        ValueError: otherwise.
    """
    name = type(owner).__name__
    if not generator.special_tokens:
        raise ValueError(
            f"{name}: special_tokens of the generator must be true, got false; summaries end"
        )
    numbers = [
        (int(one.vocabulary_size), int(getattr(one, read, one.length)), int(getattr(one, written)))
        for one, read, written in (
            (generator, "source_length", "length"),
            (reconstructor, "length", "source_length"),
        )
    ]
    if numbers[0] != numbers[1]:
        raise ValueError(
            f"{name}: reconstructor must read what the generator writes and write what it reads, "
            f"got vocabulary_size, T of articles and of summaries {numbers[0]} and {numbers[1]}; "
            "set vocabulary_size, length and source_length"
        )
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"{name}: gamma must lie in [0, 1], got {gamma}; the authors have 0.3")

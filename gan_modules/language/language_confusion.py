"""Encoder states against a discriminator of languages: what was read shall not show its language.

Lample, Conneau, Denoyer, Ranzato, "Unsupervised Machine Translation Using Monolingual Corpora
Only", 2017, arXiv:1711.00043, section 2.4: D is asked about each state by itself.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.language.sentences import masked_mean
from gan_modules.networks.rewriter import Memory


def told_language(
    discriminator: nn.Module, memory: Memory, languages: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Cross entropy of answers, in nats a state, and the share of states that get them.

    States behind the ends of sentences do not count: from them D would learn lengths.

    Args:
        discriminator: states ``(M, W)`` to raw scores ``(M,)``, positive for the second language.
        memory: what an encoder made of sentences.
        languages: the answers ``(N,)``, 0 or 1.
        smoothing: answers are this much less than sure, below 0.5.
    """
    scores = discriminator(memory.values.flatten(0, 1)).view_as(memory.mask)
    answers = smoothing + (1.0 - 2.0 * smoothing) * languages.to(scores.dtype)[:, None]
    losses = F.binary_cross_entropy_with_logits(scores, answers.expand_as(scores), reduction="none")
    right = ((scores > 0) == languages.bool()[:, None]).to(scores.dtype)
    return masked_mean(losses, memory.mask), masked_mean(right, memory.mask).detach()


def require_language_game(owner: nn.Module, generator: Any, smoothing: float) -> None:
    """What is read may not depend on the language to write; the smoothing leaves an answer.

    Raises:
        ValueError: otherwise.
    """
    name = type(owner).__name__
    if getattr(generator, "told", None) != "writer":
        raise ValueError(
            f"{name}: generator must be told the language where it writes, got told: "
            f"{getattr(generator, 'told', None)}; choose GRURewriter with told: writer"
        )
    if not 0.0 <= smoothing < 0.5:
        raise ValueError(
            f"{name}: smoothing must lie in [0, 0.5), got {smoothing}; the paper has 0.1"
        )

"""What a recogniser hears as one sound: runs of pieces that are joined, and how rows are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.engine.reduction import mean_over_ranks


class Segmenter(ABC):
    """Logits of pieces to logits of sounds."""

    @abstractmethod
    def __call__(
        self, logits: Tensor, mask: Tensor, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits ``(N, K, V)`` and mask ``(N, K)`` of sounds.

        Args:
            logits: ``(N, S, V)`` of the pieces.
            mask: bool ``(N, S)``: which there are; the first ones of each row.
            noise: of a training step; None outside of training.
        """


class Apart(Segmenter):
    """Each piece is a sound of its own: boundaries are known."""

    def __call__(
        self, logits: Tensor, mask: Tensor, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """What was given."""
        return logits, mask


class Joined(Segmenter):
    """Neighbours with the same likeliest phoneme are one sound (arXiv:2105.11084, section 3.3).

    In training one random member stands for the run, otherwise the mean of all. The softmax comes
    after that.
    """

    def __call__(
        self, logits: Tensor, mask: Tensor, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """One row for each run; the other rows, up to the longest, are zero."""
        n, pieces, width = logits.shape
        named = logits.argmax(2)
        begins = torch.ones_like(mask)
        begins[:, 1:] = named[:, 1:] != named[:, :-1]
        begins &= mask
        run = (begins.cumsum(1) - 1).clamp_min(0)
        runs = begins.sum(1)
        longest = int(runs.max()) if n else 0
        if noise is None:
            weights = mask.to(logits.dtype)
        else:
            drawn = noise.uniform(n, pieces, device=logits.device, dtype=logits.dtype)
            drawn = drawn.masked_fill(~mask, -1.0)
            best = torch.full_like(drawn, -1.0).scatter_reduce(1, run, drawn, "amax")
            # Of equal numbers, which float32 seldom draws, the mean of their members is taken.
            weights = ((drawn == best.gather(1, run)) & mask).to(logits.dtype)
        place = run[..., None].expand(n, pieces, width)
        total = logits.new_zeros(n, pieces, width).scatter_add(
            1, place, logits * weights[..., None]
        )
        count = logits.new_zeros(n, pieces).scatter_add(1, run, weights)
        joined = (total / count.clamp_min(1.0)[..., None])[:, :longest]
        present = torch.arange(longest, device=mask.device) < runs[:, None]
        return joined * present[..., None], present


def unsmoothness(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of neighbouring logits, over all ranks: 0 for constant ones.

    arXiv:2105.11084 writes it of probabilities; the authors' code, and this, take logits.

    Args:
        logits: ``(N, S, V)``.
        mask: bool ``(N, S)``.
    """
    both = mask[:, 1:] & mask[:, :-1]
    steps = (logits[:, 1:] - logits[:, :-1]).square().mean(2)
    count = mean_over_ranks(both.sum().to(steps.dtype)).clamp_min(1.0)
    return (steps * both).sum() / count


def monotony(rows: Tensor, mask: Tensor) -> Tensor:
    """How few phonemes a batch uses, ``(V - exp H) / V`` with H the entropy of the mean row.

    0 where all phonemes are used alike, and ``(V - 1) / V`` for a single one. The mean is over the
    joined batch of all ranks.

    Args:
        rows: ``(N, K, V)`` probabilities.
        mask: bool ``(N, K)``.
    """
    total = mean_over_ranks((rows * mask[..., None]).sum((0, 1)))
    mean = total / mean_over_ranks(mask.sum().to(rows.dtype))
    # Where a phoneme is gone, its probability is 0: the slope of p log p there is not finite.
    entropy = -(mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum()
    return (rows.shape[2] - entropy.exp()) / rows.shape[2]


def heard(logits: Tensor, mask: Tensor) -> list[list[int]]:
    """The likeliest phoneme of each sound: a list for each utterance."""
    named = logits.argmax(2).cpu()
    return [row[present].tolist() for row, present in zip(named, mask.cpu(), strict=True)]


def rows_of(tokens: Tensor, mask: Tensor, vocabulary_size: int, dtype: torch.dtype) -> Tensor:
    """Text as a recogniser would say it with certainty: one-hot ``(N, T, V)``, 0 behind the end."""
    rows = nn.functional.one_hot(tokens, vocabulary_size).to(dtype)
    return rows * mask[..., None]

"""Which of two pictures is the reconstruction? A game against messages hidden in translations.

Bashkirova, Usman, Saenko, "Adversarial Self-Defense for Cycle-Consistent GANs", 2019,
arXiv:1908.01517: a guesser that can tell a perfect reconstruction from the input forces the
translators to reconstruct as honestly as the translation allows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_modules.engine.noise import Noise
from gan_modules.objectives import cross_entropy


def guess_loss(guesser: nn.Module, real: Tensor, back: Tensor, noise: Noise, right: bool) -> Tensor:
    """Cross entropy of the right, or of the wrong, answer to whether the reconstruction is first.

    Args:
        guesser: images of twice the channels ``(N, 2 C, H, W)`` to raw scores, high where the
            reconstruction comes first.
        real: ``(N, C, H, W)``.
        back: their reconstructions.
        noise: of the module: draws the order of each pair.
        right: what the guesser wants; its opponents want the wrong answer.
    """
    coins = noise.uniform(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    first = coins < 0.5
    pair = torch.cat([torch.where(first, back, real), torch.where(first, real, back)], 1)
    scores: Tensor = guesser(pair)
    answer = (first if right else ~first).to(scores.dtype)
    return cross_entropy(scores, answer.view(-1, *[1] * (scores.dim() - 1)))

"""Parts of the game of label sets, whose trap is that true ones are 0 and 1, and guesses are not.

The binary concrete distribution with a straight-through gradient: Maddison, Mnih, Teh, 2016,
arXiv:1611.00712; Jang, Gu, Poole, 2016, arXiv:1611.01144.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_modules.engine.noise import Noise
from gan_modules.objectives import NonSaturating, Objective, Wasserstein, raised
from gan_modules.regularizers import GradientPenalty

Relaxation = Literal["gumbel", "noise", "none"]

#: By how much a true label may move towards the middle.
_LARGEST_SHIFT = 0.3


def game_of(relax: Relaxation) -> tuple[Objective, GradientPenalty | None]:
    """What the two play for: the earth mover's distance where nothing hides the guesses."""
    if relax == "none":
        return Wasserstein(), GradientPenalty()
    return NonSaturating(), None


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy, a mean over images and labels."""
    return F.binary_cross_entropy_with_logits(raised(logits), labels)


def relaxed(logits: Tensor, relax: Relaxation, temperature: float, noise: Noise) -> Tensor:
    """A classifier's logits as a label set for the discriminator, differentiable.

    Args:
        logits: ``(N, K)``.
        relax: ``"gumbel"`` draws each label from its probability: exactly 0 or 1, with the gradient
            of the binary concrete sample; otherwise the probabilities themselves.
        temperature: of the binary concrete sample; low is close to 0 and 1, with steep gradients.
        noise: of the training step.

    Returns:
        ``(N, K)`` in [0, 1].
    """
    if relax != "gumbel":
        return torch.sigmoid(logits)
    uniform = noise.uniform(*logits.shape, device=logits.device, dtype=logits.dtype)
    logistic = torch.logit(uniform, eps=1e-6)
    soft = torch.sigmoid((logits + logistic) / temperature)
    # In this order the sum is exact: what is added to the hard labels is exactly 0.
    return (soft > 0.5).to(soft.dtype) + (soft - soft.detach())


def softened(labels: Tensor, relax: Relaxation, noise: Noise) -> Tensor:
    """True label sets as the discriminator sees them.

    Args:
        labels: ``(N, K)`` of 0 and 1.
        relax: ``"noise"`` moves each label towards the middle by up to 0.3; otherwise they stay.
        noise: of the training step.

    Returns:
        ``(N, K)`` in [0, 1].
    """
    if relax != "noise":
        return labels
    shift = noise.uniform(*labels.shape, device=labels.device, dtype=labels.dtype)
    return labels + _LARGEST_SHIFT * shift * (1 - 2 * labels)


def neighbours(n: int) -> Tensor:
    """Rows of the other images whose label sets are mismatched: 1 0 3 2, and an odd last row's 0.

    Neighbours and not a shuffle, so that a step does not depend on the number of ranks.
    """
    rows = torch.arange(n) ^ 1
    return torch.where(rows < n, rows, 0)


def check(batch: Mapping[str, Tensor], num_labels: int) -> None:
    """Label sets of 0 and 1, as long as the classifier's.

    Args:
        batch: the first of a run.
        num_labels: K of the classifier.

    Raises:
        ValueError: otherwise.
    """
    if "labels" not in batch:
        raise ValueError(
            f"MultiLabelGAN: batch must have the key labels, got {sorted(batch)}; choose data with "
            "label sets, 'ganagerie list' names what each variant takes"
        )
    labels = batch["labels"]
    if labels.shape[1:] != (num_labels,):
        raise ValueError(
            f"MultiLabelGAN: label sets have the shape {list(labels.shape[1:])} but the classifier "
            f"gives {num_labels} labels; set num_labels of both networks to that of the data"
        )
    if not labels.is_floating_point() or not bool(((labels == 0) | (labels == 1)).all()):
        raise ValueError(
            f"MultiLabelGAN: labels must be floats of 0 and 1, got {labels.dtype} in "
            f"[{labels.min().item():.3g}, {labels.max().item():.3g}]; mend the data module"
        )

"""What the class-conditional variants ask of their networks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.engine.checks import require_same_size
from gan_modules.objectives import raised


def require_classes_of_both(owner: str, generator: nn.Module, discriminator: nn.Module) -> int:
    """Both networks have classes, and as many.

    Args:
        owner: class name that opens the message.
        generator: has the attribute ``num_classes``.
        discriminator: has the attribute ``num_classes``.

    Returns:
        How many.

    Raises:
        ValueError: otherwise.
    """
    size = "the number of classes in the data"
    return require_same_size(owner, "num_classes", size, generator, discriminator)


def class_term(name: str, logits: Tensor, label: Tensor, weight: float) -> dict[str, Tensor]:
    """The weighted cross entropy of classes as a term of a loss; none for a weight of 0.

    Args:
        name: of the term.
        logits: ``(N, K)``, raw.
        label: ``(N,)``.
        weight: factor.
    """
    return {name: weight * F.cross_entropy(raised(logits), label)} if weight else {}


def accuracy(logits: Tensor, label: Tensor) -> Tensor:
    """The share of rows whose largest logit is that of the label."""
    return (logits.argmax(1) == label).float().mean()

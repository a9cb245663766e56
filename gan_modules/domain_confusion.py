"""Encoders against a classifier of their codes: which domain a code comes from shall not be seen.

Lample et al., "Fader Networks: Manipulating Images by Sliding Attributes", 2017, arXiv:1706.00409,
section 3.2; Royer et al., "XGAN", 2017, arXiv:1711.05139; Ganin, Lempitsky, "Unsupervised Domain
Adaptation by Backpropagation", 2014, arXiv:1409.7495.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.gradient_reversal import reverse_gradient

Fool = Literal["flip", "uniform", "reverse"]


def require_fool(owner: nn.Module, fool: str, classifier: nn.Module) -> None:
    """A way to fool that there is, and a classifier of two domains.

    Raises:
        ValueError: otherwise.
    """
    name = type(owner).__name__
    if fool not in get_args(Fool):
        raise ValueError(
            f"{name}: fool must be one of {', '.join(get_args(Fool))}, got {fool}; choose from "
            "these"
        )
    if (known := getattr(classifier, "num_domains", 2)) != 2:
        raise ValueError(
            f"{name}: latent_discriminator must tell 2 domains apart, got {known}; set "
            "num_domains: 2"
        )


def told_apart(classifier: nn.Module, codes_a: Tensor, codes_b: Tensor) -> tuple[Tensor, Tensor]:
    """The classifier's own side: its cross entropy, and the share of codes that it gets right.

    Args:
        classifier: codes to raw scores ``(N, 2)`` of the domains.
        codes_a: ``(N, ...)`` codes of domain a; their graph is not followed.
        codes_b: of domain b.
    """
    codes, owners = _joined(codes_a, codes_b)
    scores = classifier(codes.detach())
    return F.cross_entropy(scores, owners), (scores.argmax(1) == owners).to(scores.dtype).mean()


def fooled(
    classifier: nn.Module, codes_a: Tensor, codes_b: Tensor, fool: Fool, weight: float
) -> Tensor:
    """The encoders' side, weighted.

    Args:
        classifier: codes to raw scores ``(N, 2)`` of the domains; nothing of it moves.
        codes_a: ``(N, ...)`` codes of domain a, with the graph to their encoder.
        codes_b: of domain b.
        fool: the cross entropy of the other domain (``"flip"``, Fader); of both to equal parts
            (``"uniform"``), at least log 2; or the classifier's own, whose value is not weighted
            and whose gradient comes back reversed and weighted (``"reverse"``, XGAN).
        weight: of the gradient, in each way.
    """
    codes, owners = _joined(codes_a, codes_b)
    if fool == "reverse":
        return F.cross_entropy(classifier(reverse_gradient(codes, weight)), owners)
    scores = classifier(codes)
    if fool == "uniform":
        return -weight * F.log_softmax(scores, 1).mean()
    return weight * F.cross_entropy(scores, 1 - owners)


def _joined(codes_a: Tensor, codes_b: Tensor) -> tuple[Tensor, Tensor]:
    codes = torch.cat([codes_a, codes_b])
    return codes, (torch.arange(len(codes), device=codes.device) >= len(codes_a)).long()

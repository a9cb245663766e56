"""Labels of many domains: what a network has to name, where some of it may be unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_modules.networks.checks import require_choice
from gan_modules.objectives import raised

Labels = Literal["exclusive", "independent"]

# Far below any logit, and still 0 times it is 0.
_NEVER = -1e9


def attribute_loss(logits: Tensor, attributes: Tensor, mask: Tensor, labels: Labels) -> Tensor:
    """Cross entropy of naming the attributes, those alone that are known.

    Args:
        logits: ``(N, K)``.
        attributes: ``(N, K)`` of 0 and 1.
        mask: ``(N, K)``, 1 where an attribute is known.
        labels: ``"exclusive"``: a softmax over the known attributes; ``"independent"``: one
            sigmoid each, summed over attributes.

    Returns:
        The mean over samples.
    """
    logits = raised(logits)
    if labels == "exclusive":
        known = torch.where(mask > 0, logits, _NEVER)
        return -(known.log_softmax(1) * attributes * mask).sum(1).mean()
    each = F.binary_cross_entropy_with_logits(logits, attributes.to(logits), reduction="none")
    return (each * mask).sum(1).mean()


def check_names(owner: nn.Module, names: Sequence[str], labels: Labels) -> tuple[str, ...]:
    """Two different names or more, and a kind of labels that there is.

    Returns:
        The names.

    Raises:
        ValueError: otherwise.
    """
    name = type(owner).__name__
    require_choice(name, "labels", labels, get_args(Labels))
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"{name}: domains must be two different names or more, got {list(names)}; give those "
            "of the data, in its order"
        )
    return tuple(names)


def check_attributes(owner: nn.Module, batch: Mapping[str, Tensor], count: int) -> None:
    """The attributes of a first batch.

    Args:
        owner: named in errors.
        batch: with ``attributes``, and perhaps ``attribute_mask``.
        count: of names.

    Raises:
        ValueError: on a missing key, another number of attributes, and values but 0 and 1.
    """
    name = type(owner).__name__
    if "attributes" not in batch:
        raise ValueError(
            f"{name}: batch must have the key attributes, got {sorted(batch)}; choose a data "
            "module of several domains, such as OpenMojiSkinTones"
        )
    for key in ("attributes", "attribute_mask"):
        values = batch.get(key)
        if values is None:
            continue
        if values.dim() != 2 or values.shape[1] != count:
            raise ValueError(
                f"{name}: {key} must have the shape (N, {count}), got {tuple(values.shape)}; set "
                "domains and the networks' attributes to those of the data"
            )
        if not ((values == 0) | (values == 1)).all():
            raise ValueError(
                f"{name}: {key} must be 0 or 1, got {values.min():.3g} to {values.max():.3g}; "
                "encode what is unknown in attribute_mask"
            )

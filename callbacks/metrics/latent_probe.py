"""Latent probe: can a fresh linear classifier tell from a code which domain it comes from?

A discriminator that played against the encoders was fooled by these very encoders; that it is wrong
does not say that the codes are free of the domain. Lample et al., "Fader Networks", 2017,
arXiv:1706.00409, measure attributes in codes in this way, with a classifier of their own.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from callbacks.metrics.scores import check_features, non_finite

#: Decay of the classifier's weights, for features whose mean square is 1 over a row.
_DECAY = 1e-3
_STEPS = 200


class LatentProbe(NamedTuple):
    """What the classifier reaches on codes that it was not trained on.

    Attributes:
        accuracy: share of codes whose domain it names, in [0, 1]; nan if a code is not finite.
        chance: what the most frequent domain alone would give. An accuracy that is no higher means
            that no linear function of the codes tells the domains apart; another one might.
        held_out: on how many codes.
    """

    accuracy: float
    chance: float
    held_out: int


def latent_probe(codes: Tensor, domains: Tensor, seed: int = 0) -> LatentProbe:
    """Train a linear classifier on half of the codes, and try it on the others.

    The classifier is a logistic regression on standardised codes with a little weight decay, from
    weights of 0 to its only minimum, in float64: the result is a function of the arguments. A faint
    trace of the domain takes more codes than a code has numbers to be found.

    Args:
        codes: ``(N, ...)`` of all domains, without a graph; each row is flattened.
        domains: ``(N,)`` int64 numbers from 0, at least 4 codes of each of 2 domains or more.
        seed: of the split, which halves each domain.

    Returns:
        A :class:`LatentProbe`.

    Raises:
        ValueError: for unequal lengths, or too few codes or domains.
    """
    rows = codes.detach().flatten(1).double().cpu()
    check_features("latent_probe", 8, codes=rows)
    owners = _checked(rows, domains.cpu())
    train, held_out = _halves(owners, seed)
    chance = float(owners[held_out].bincount().max()) / len(held_out)
    if non_finite(codes=rows):
        return LatentProbe(math.nan, chance, len(held_out))
    mean, spread = rows[train].mean(0), rows[train].std(0)
    scaled = (rows - mean) / torch.where(spread > 0, spread, 1.0) / math.sqrt(rows.shape[1])
    # The minimum lies in the span of the training rows: their coordinates are all that it needs,
    # at most as many as there are rows, however long the codes are.
    _, _, basis = torch.linalg.svd(scaled[train], full_matrices=False)
    features = torch.cat([scaled @ basis.T, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)
    weights = _fitted(features[train], owners[train])
    right = (features[held_out] @ weights).argmax(1) == owners[held_out]
    return LatentProbe(float(right.double().mean()), chance, len(held_out))


def _checked(rows: Tensor, domains: Tensor) -> Tensor:
    if domains.shape != (len(rows),):
        raise ValueError(
            f"latent_probe: domains must have shape ({len(rows)},), got {tuple(domains.shape)}; "
            "give one number for each code"
        )
    counts = domains.long().bincount()
    if len(counts) < 2 or int(counts.min()) < 4:
        raise ValueError(
            "latent_probe: domains must be 2 or more with at least 4 codes each, got "
            f"{counts.tolist()}; encode more images of each"
        )
    return domains.long()


def _halves(owners: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    own = torch.Generator().manual_seed(seed)
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for domain in range(int(owners.max()) + 1):
        places = (owners == domain).nonzero()[:, 0]
        places = places[torch.randperm(len(places), generator=own)]
        for part, half in zip(parts, places.tensor_split(2), strict=True):
            part.append(half)
    return torch.cat(parts[0]), torch.cat(parts[1])


def _fitted(features: Tensor, owners: Tensor) -> Tensor:
    """Weights ``(d + 1, K)``; the last row, of the constant, is not decayed."""
    weights = torch.zeros(features.shape[1], int(owners.max()) + 1, dtype=features.dtype)
    weights.requires_grad_()
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")
    targets = one_hot(owners).to(features.dtype)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = cross_entropy(features @ weights, targets)
        value = value + _DECAY * weights[:-1].square().sum() / 2
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    return weights.detach()

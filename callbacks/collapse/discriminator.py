"""What the discriminator and the spectra of the weights say: leading signs, never alarms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from callbacks.collapse.probes import Prober, SampleProber, to_network
from callbacks.drawing import labels_in_turn
from callbacks.offers import speaks
from callbacks.randomness import same_randomness

#: Weights whose smaller side is wider are left out: their spectrum costs more than a probe.
_WIDEST = 512


def discriminator_auc(module: Any, prober: Prober) -> float | None:
    """Chance that a real sample scores above a generated one: free of the objective's scale.

    It is asked as in training, where batch normalisation sees one kind of sample at a time; running
    statistics, spectral norms and random numbers are put back after.

    Args:
        module: a game with ``score(images) -> scores``; others have no answer.
        prober: after a probe of an unconditional generator.

    Returns:
        1/2 where the discriminator cannot tell them apart; None where there is none to ask, or it
        must be told what belongs to a sample.
    """
    if not hasattr(module, "score") or prober.latest is None:
        return None
    if not (type(prober) is SampleProber or speaks(module)):
        return None
    if labels_in_turn(module, torch.arange(1)):
        return None
    fake = prober.latest
    if speaks(module):
        sides = prober.real_samples, prober.latest
        real, fake = (module.real({"tokens": tokens.to(module.device)}) for tokens in sides)
    else:
        real = to_network(prober.real_samples).to(module.device, module.float_dtype)
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        with torch.no_grad(), same_randomness(0, module.device):
            above = module.score(real).flatten().double()
            below = module.score(fake).flatten().double()
    finally:
        for buffer, kept in buffers:
            buffer.copy_(kept)
    return area_under_curve(above, below)


def area_under_curve(above: Tensor, below: Tensor) -> float:
    """Chance that a member of the first set is larger than one of the second; ties count half."""
    larger = (above[:, None] > below[None, :]).double().mean()
    equal = (above[:, None] == below[None, :]).double().mean()
    return float(larger + 0.5 * equal)


def largest_singular_values(module: Any) -> dict[str, float]:
    """The largest singular value of each trained weight, as a matrix of outputs by the rest.

    Args:
        module: any module.

    Returns:
        By name of the parameter; without vectors and very wide weights.
    """
    found = {}
    for name, weight in module.named_parameters():
        if not weight.requires_grad or weight.dim() < 2 or not bool(torch.isfinite(weight).all()):
            continue
        matrix = weight.detach().flatten(1).double()
        gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
        if len(gram) <= _WIDEST:
            found[name] = float(torch.linalg.eigvalsh(gram)[-1].clamp(min=0.0).sqrt())
    return found

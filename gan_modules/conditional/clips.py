"""What video prediction is made of: windows of clips, errors over scales, frames one by one.

For Mathieu, Couprie, LeCun, 2015, arXiv:1511.05440; ``video_prediction.py`` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gan_modules.engine import checks
from gan_modules.engine.noise import Noise
from gan_modules.gradient_difference import gradient_difference
from gan_modules.networks.video import pyramid
from gan_modules.objectives import cross_entropy


def windows(batch: Mapping[str, Tensor], history: int, noise: Noise) -> Mapping[str, Tensor]:
    """Draw one window of each clip, so that all its frames are learned from in time.

    Args:
        batch: ``frames`` ``(N, T, C, H, W)`` and, where there are any, ``mismatched`` of that
            shape.
        history: frames before the one that is to be predicted.
        noise: where the beginning is drawn from.

    Returns:
        The batch and its keys ``history`` ``(N, history, C, H, W)``, ``next`` ``(N, C, H, W)`` and
        ``other``: the frame of the mismatched clip at the same time.
    """
    frames = batch["frames"]
    count = frames.shape[1] - history
    drawn = noise.uniform(len(frames), device=frames.device)
    # In float32 the product may round up to the count itself.
    starts = (drawn * count).long().clamp(max=count - 1)
    rows = torch.arange(len(frames), device=frames.device)
    places = starts[:, None] + torch.arange(history, device=frames.device)
    cut = {"history": frames[rows[:, None], places], "next": frames[rows, starts + history]}
    if "mismatched" in batch:
        cut["other"] = batch["mismatched"][rows, starts + history]
    return {**batch, **cut}


def judged(scores: Sequence[Tensor], target: float) -> Tensor:
    """The cross entropy of scores ``(N,)`` of each scale, summed over scales."""
    return torch.stack([cross_entropy(values, target) for values in scores]).sum()


def pixel_error(made: Sequence[Tensor], true: Tensor, power: float) -> Tensor:
    """``mean |y - y'|^power`` over pixels, summed over scales; ``true`` is the finest frame."""
    pairs = zip(made, pyramid(true, len(made)), strict=True)
    return torch.stack([(one - other).abs().pow(power).mean() for one, other in pairs]).sum()


def edge_error(made: Sequence[Tensor], true: Tensor, power: float) -> Tensor:
    """The gradient difference, means over pixels, summed over scales."""
    pairs = zip(made, pyramid(true, len(made)), strict=True)
    return torch.stack([gradient_difference(*pair, power) for pair in pairs]).sum()


def rolled_out(network: nn.Module, history: Tensor, given: int, steps: int) -> Tensor:
    """Frames one after another, each made of the ``given`` ones before it, made or true.

    Args:
        network: frames before to the next one, coarsest scale first.
        history: ``(N, T, C, H, W)``, T at least ``given``.
        given: how many the network reads.
        steps: how many to make.

    Returns:
        ``(N, steps, C, H, W)``.

    Raises:
        ValueError: if too few frames are given, or none are asked for.
    """
    if history.ndim != 5 or history.shape[1] < given or steps < 1:
        raise ValueError(
            f"predict: history must be (N, T, C, H, W) with T at least {given}, and steps at least "
            f"1, got {tuple(history.shape)} and {steps}; give the frames before"
        )
    frames = list(history.unbind(1))
    for _ in range(steps):
        frames.append(network(torch.stack(frames[-given:], 1))[-1])
    return torch.stack(frames[-steps:], 1)


def check_clips(owner: nn.Module, batch: Mapping[str, Tensor], key: str, network: nn.Module) -> None:
    """Clips of the first batch: images, as many of a clip as are read, and one more.

    Args:
        owner: named in errors.
        batch: to look at.
        key: of the clips.
        network: has ``history`` and ``frame_shape``.

    Raises:
        ValueError: naming what is wrong.
    """
    name, given = type(owner).__name__, network.history
    wanted = list(getattr(network, "frame_shape"))
    if key not in batch:
        raise ValueError(
            f"{name}: batch must have the key {key}, got {sorted(batch)}; choose a data module of "
            "clips, or mismatch_weight: 0 if it has no mismatched ones"
        )
    shape = list(batch[key].shape[1:])
    if len(shape) != 4 or shape[0] <= given or shape[1:] != wanted:
        raise ValueError(
            f"{name}: {key} must have the shape (N, T, {', '.join(map(str, wanted))}) with T above "
            f"the history of {given}, got (N, {', '.join(map(str, shape))}); set frames, size and "
            "channels of the data and the networks to each other"
        )
    checks.check_domain(owner, {key: batch[key].flatten(0, 1)}, key)


def check_predictors(
    owner: nn.Module,
    generator: nn.Module,
    discriminator: nn.Module | None,
    weights: Mapping[str, float],
    powers: Mapping[str, float],
) -> None:
    """Networks of the same clips, one thing at least to learn from, and slopes that are finite.

    Raises:
        ValueError: naming the argument.
    """
    name = type(owner).__name__
    if not any(weights.values()):
        raise ValueError(
            f"{name}: adversarial_weight, error_weight and gradient_weight must not all be 0, got "
            "0 for all; give one of them a weight"
        )
    for argument, power in powers.items():
        if not power >= 1:
            raise ValueError(f"{name}: {argument} must be at least 1, got {power}; 1 or 2 are usual")
    if weights["adversarial"] and discriminator is None:
        raise ValueError(
            f"{name}: discriminator must be given unless adversarial_weight is 0, got none for "
            f"{weights['adversarial']}; give one, or set adversarial_weight: 0"
        )
    told = [
        [getattr(network, part, None) for part in ("frame_shape", "history", "scales")]
        for network in (generator, discriminator)
        if network is not None
    ]
    if None in told[0] or told[0] != told[-1]:
        raise ValueError(
            f"{name}: generator and discriminator must have the same frame_shape, history and "
            f"scales, got {told[0]} and {told[-1]}; set their sizes to those of the data"
        )

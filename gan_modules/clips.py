"""What video prediction is made of: windows of clips, errors over scales, frames one by one.

For Mathieu, Couprie, LeCun, 2015, arXiv:1511.05440; ``video_prediction.py`` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan_modules.engine import batch_checks, checks
from gan_modules.engine.noise import Noise
from gan_modules.gradient_difference import gradient_difference
from gan_modules.matching import require_share
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


def pairs(
    batch: Mapping[str, Tensor], made: Sequence[Tensor], mismatch_weight: float
) -> dict[str, tuple[float, float, list[Tensor]]]:
    """What D is shown beside the frames before: weight, target and frames of each kind.

    As the three kinds of pair of arXiv:1605.05396: made and mismatched frames share one weight.

    Args:
        batch: of :func:`windows`.
        made: predictions at every scale, without a graph.
        mismatch_weight: share of the frames of other clips among the wrong ones.
    """
    shown = {"real": (1.0, 1.0, pyramid(batch["next"], len(made)))}
    if mismatch_weight < 1:
        shown["fake"] = (1 - mismatch_weight, 0.0, list(made))
    if mismatch_weight:
        shown["mismatched"] = (mismatch_weight, 0.0, pyramid(batch["other"], len(made)))
    return shown


def judged(scores: Sequence[Tensor], target: float) -> Tensor:
    """The cross entropy of scores ``(N,)`` of each scale, summed over scales."""
    return torch.stack([cross_entropy(values, target) for values in scores]).sum()


def pixel_error(made: Sequence[Tensor], true: Tensor, power: float) -> Tensor:
    """``mean |y - y'|^power`` over pixels, summed over scales; ``true`` is the finest frame."""
    both = zip(made, pyramid(true, len(made)), strict=True)
    return torch.stack([(one - other).abs().pow(power).mean() for one, other in both]).sum()


def edge_error(made: Sequence[Tensor], true: Tensor, power: float) -> Tensor:
    """The gradient difference, means over pixels, summed over scales."""
    both = zip(made, pyramid(true, len(made)), strict=True)
    return torch.stack([gradient_difference(*pair, power) for pair in both]).sum()


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


def check_clips(
    owner: nn.Module, batch: Mapping[str, Tensor], key: str, network: nn.Module
) -> None:
    """Clips of the first batch: images, as many of a clip as are read, and one more.

    Args:
        owner: named in errors.
        batch: to look at.
        key: of the clips.
        network: has ``history`` and ``frame_shape``.

    Raises:
        ValueError: naming what is wrong.
    """
    name, given = type(owner).__name__, history_of(network)
    shown: Any = network.frame_shape
    wanted = list(shown)
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
    batch_checks.check_domain(owner, {key: batch[key].flatten(0, 1)}, key)


def history_of(generator: nn.Module) -> int:
    """How many frames before a generator reads."""
    return int(getattr(generator, "history", 0))


def check_settings(owner: Any, generator: nn.Module, discriminator: nn.Module | None) -> None:
    """Numbers in range, one thing at least to learn from, and networks of the same clips.

    Args:
        owner: a :class:`VideoPrediction` that has its numbers.
        generator: to look at.
        discriminator: to look at.

    Raises:
        ValueError: naming the argument.
    """
    name = type(owner).__name__
    weights = ("adversarial_weight", "error_weight", "gradient_weight")
    checks.check_not_negative(owner, **{key: getattr(owner, key) for key in weights})
    rates = ("generator_lr", "discriminator_lr")
    checks.check_positive(owner, **{key: getattr(owner, key) for key in rates})
    require_share(name, owner.mismatch_weight)
    if not any(getattr(owner, key) for key in weights):
        raise ValueError(
            f"{name}: {', '.join(weights)} must not all be 0, got 0 for each; give one a weight"
        )
    for key in ("power", "gradient_power"):
        power = getattr(owner, key)
        # Below 1 the slope is infinite where frames agree.
        if not power >= 1:
            raise ValueError(f"{name}: {key} must be at least 1, got {power}; 1 and 2 are usual")
    if owner.adversarial_weight and discriminator is None:
        raise ValueError(
            f"{name}: discriminator must be given unless adversarial_weight is 0, got none for "
            f"{owner.adversarial_weight}; give one, or set adversarial_weight: 0"
        )
    networks = {"generator": generator}
    if discriminator is not None:
        networks["discriminator"] = discriminator
    checks.check_networks(owner, **networks)
    told = [
        [getattr(network, part, None) for part in ("frame_shape", "history", "scales")]
        for network in networks.values()
    ]
    if None in told[0] or told[0] != told[-1]:
        raise ValueError(
            f"{name}: generator and discriminator must have the same frame_shape, history and "
            f"scales, got {told[0]} and {told[-1]}; set their sizes to those of the data"
        )

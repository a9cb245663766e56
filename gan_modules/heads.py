"""What talking heads are made of: mean codes, styles, distances of maps, and what is refused.

For Zakharov et al., 2019, arXiv:1905.08233; ``talking_head.py`` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam

from gan_modules.engine import batch_checks, checks

#: The keys of a batch that say what is to be made.
TOLD = ("support", "support_landmarks", "target_landmarks")


def code(networks: Any, support: Tensor, support_landmarks: Tensor) -> Tensor:
    """The mean code e ``(N, code_dim)`` of K frames of each of N persons, in any order.

    Args:
        networks: has ``embedder``.
        support: ``(N, K, C, H, W)``.
        support_landmarks: of the same shape.
    """
    codes: Tensor = networks["embedder"](support.flatten(0, 1), support_landmarks.flatten(0, 1))
    return codes.unflatten(0, support.shape[:2]).mean(1)


def styles(networks: Any, codes: Tensor) -> Tensor:
    """Styles psi = P e, ``(N, S)``."""
    found: Tensor = networks["generator"].styles(codes)
    return found


def drawn(networks: Any, psi: Tensor, landmarks: Tensor) -> Tensor:
    """Frames ``(N, C, H, W)`` of styles and landmarks."""
    frames: Tensor = networks["generator"](landmarks, psi)
    return frames


def distance(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """The mean absolute difference of the maps of each layer, summed over layers."""
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([F.l1_loss(one, other) for one, other in pairs]).sum()


def adam(
    parameters: list[nn.Parameter], still: nn.Parameter, lr: float, betas: tuple[float, float]
) -> Adam:
    """Adam that has no momentum for ``still``: its rows without a gradient do not move.

    Args:
        parameters: of one player.
        still: a table of rows; may be another player's.
        lr: rate of all.
        betas: beta1, 0 for the rows, and beta2.
    """
    rest = {"params": [p for p in parameters if p is not still]}
    rows = {"params": [p for p in parameters if p is still], "betas": (0.0, betas[1])}
    return Adam([group for group in (rest, rows) if group["params"]], lr=lr, betas=betas)


def shape_of(network: nn.Module) -> tuple[int, ...]:
    """``(C, H, W)`` of the frames of a network."""
    shape: Any = network.image_shape
    return tuple(shape)


def check_networks(owner: nn.Module, **networks: nn.Module) -> None:
    """All are networks of one code and one size of frames.

    Raises:
        ValueError: naming what differs.
    """
    checks.check_networks(owner, **networks)
    for part in ("code_dim", "image_shape"):
        found = {name: getattr(network, part, None) for name, network in networks.items()}
        if None in found.values() or len(set(found.values())) > 1:
            listed = ", ".join(f"{value} ({name})" for name, value in found.items())
            raise ValueError(
                f"{type(owner).__name__}: networks must have the same {part}, got {listed}; set "
                "size, channels and width alike; the code has as many numbers as the last maps"
            )


def check_numbers(owner: Any) -> None:
    """Weights from 0 on, and rates above it.

    Raises:
        ValueError: naming the argument.
    """
    weights = ("content_weight", "pixel_weight", "feature_weight", "matching_weight")
    checks.check_not_negative(owner, **{key: getattr(owner, key) for key in weights})
    rates = ("generator_lr", "discriminator_lr")
    checks.check_positive(owner, **{key: getattr(owner, key) for key in rates})


def check_heads(owner: Any, batch: Mapping[str, Tensor]) -> None:
    """Frames and landmarks of the networks' shape, and numbers of persons that D has rows for.

    Args:
        owner: has ``generator`` and ``discriminator``.
        batch: the first one.

    Raises:
        ValueError: naming what is wrong.
    """
    name, rows = type(owner).__name__, owner.discriminator.num_videos
    wanted = shape_of(owner.generator["generator"])
    for key in (*TOLD, "target", "video"):
        if key not in batch:
            raise ValueError(
                f"{name}: batch must have the key {key}, got {sorted(batch)}; choose a data module "
                "of talking heads, such as PuppetFaces"
            )
        if key == "video":
            continue
        given = batch[key]
        lead = 2 if key.startswith("support") else 1
        if tuple(given.shape[lead:]) != wanted:
            raise ValueError(
                f"{name}: {key} must have the shape (N, {'K, ' * (lead - 1)}"
                f"{', '.join(map(str, wanted))}), got {tuple(given.shape)}; set size and channels "
                "of the networks to those of the data"
            )
        batch_checks.check_domain(owner, {key: given.flatten(0, lead - 1)}, key)
    video = batch["video"]
    if video.is_floating_point() or int(video.min()) < 0 or int(video.max()) >= rows:
        raise ValueError(
            f"{name}: video must be integers in 0..{rows - 1}, got {video.dtype} in "
            f"{int(video.min())}..{int(video.max())}; set num_videos of the discriminator to the "
            "number of persons of the data"
        )

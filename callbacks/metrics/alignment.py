"""Which transformation of the inputs fits the outputs of a translation best?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

#: Transformations of images ``(N, C, H, W)``; ``id`` is none.
MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "id": lambda x: x,
    "hflip": lambda x: x.flip(3),
    "vflip": lambda x: x.flip(2),
    "rot180": lambda x: x.flip(2, 3),
    "transpose": lambda x: x.transpose(2, 3),
}


def fits_of(inputs: Tensor, outputs: Tensor) -> tuple[dict[str, float], dict[str, float], float]:
    """How well transformed inputs fit the outputs.

    Args:
        inputs: ``(N, C, H, W)``.
        outputs: ``(N, C', H', W')``; the smaller size counts, and grey where the channels differ.

    Returns:
        Mean absolute and mean signed correlation by transformation, and the absolute one of another
        input.
    """
    if inputs.shape[1] != outputs.shape[1]:
        inputs, outputs = (x.mean(dim=1, keepdim=True) for x in (inputs, outputs))
    size = [min(edges) for edges in zip(inputs.shape[2:], outputs.shape[2:], strict=True)]
    inputs, outputs = (interpolate(x, size=size, mode="area") for x in (inputs, outputs))
    moves = {name: move for name, move in MOVES.items() if name != "transpose" or len({*size}) < 2}
    channels = inputs.shape[1]
    orders = list(permutations(range(channels)))[1:] if channels == 3 else []
    moves |= {
        f"channels_{''.join(map(str, order))}": partial(_reordered, order) for order in orders
    }
    found = {name: _ncc(move(inputs), outputs) for name, move in moves.items()}
    fits = {name: float(values.abs().mean()) for name, values in found.items()}
    signed = {name: float(values.mean()) for name, values in found.items()}
    return fits, signed, float(_ncc(inputs.roll(len(inputs) // 2, 0), outputs).abs().mean())


def _reordered(order: tuple[int, ...], images: Tensor) -> Tensor:
    return images[:, list(order)]


def _ncc(left: Tensor, right: Tensor) -> Tensor:
    """Normalised correlation of each pair of images, ``(N,)``; 0 where one has no contrast.

    What all images of a set have in common, such as a white background, says nothing about the
    pairing: the mean image of each set is left out.
    """
    flat = [_without_mean(images.double()) for images in (left, right)]
    lengths = [rows.norm(dim=1) for rows in flat]
    product = lengths[0] * lengths[1]
    return torch.where(product > 1e-9, (flat[0] * flat[1]).sum(dim=1) / product, 0.0)


def _without_mean(images: Tensor) -> Tensor:
    rows = (images - images.mean(dim=0)).flatten(1)
    return rows - rows.mean(dim=1, keepdim=True)

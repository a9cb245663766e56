"""Does a translation use its input, and how: aligned with it, mirrored, negated, or not at all?

Retrieval sees an aligned translation only, and distances alone cannot tell mirrored from aligned:
the verdict needs the dependence of any form, the retrieval and the transformations together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from callbacks.metrics.alignment import MOVES, fits_of
from callbacks.metrics.dependence import distance_correlation, retrieval
from callbacks.metrics.diversity import mean_distance, squared_distances

Way = Callable[[Tensor], Tensor]
Judge = Callable[[Tensor, Tensor], Tensor | None]
Verdict = Literal[
    "aligned", "mirrored", "negated", "dependent", "ignoring", "constant", "undecided"
]

LEAST = 16
_GRID = 16
_CHUNK = 64
_SPREAD, _P = 0.05, 0.05
#: How much better another transformation must fit than none; how little worse none may.
_EXCEEDS, _AS_GOOD = 0.2, 0.05


@dataclass(frozen=True)
class InputUse:
    """What a translation's outputs have to do with its inputs.

    Attributes:
        spread: mean distance between outputs over mean distance between inputs, as features; 0 for
            outputs that are all the same.
        dependence: unbiased squared distance correlation, see
            :class:`callbacks.metrics.dependence.Dependence`.
        p: of independence.
        information: see :class:`callbacks.metrics.dependence.Retrieval`.
        top1: likewise.
        fits: by transformation T the mean ``|NCC|`` of T(x) with G(x), in [0, 1]; ``id`` is none,
            ``channels_210`` the reversed order of channels.
        signed: the mean NCC itself, in [-1, 1].
        chance: the fit of another input.
        equivariance: ``|G(Tx) - T G(x)|_1 / |G(x)|_1`` by transformation; 0 where the network
            commutes with it.
        noise_share: variance over noise, as a share of the variance over everything: 0 where noise
            is ignored or there is none, 1 where the input is.
        shuffle_gap: how much higher the discriminator scores outputs beside their own inputs than
            beside others, in raw scores: 0 where it does not look at the input; None where it is
            not shown any.
        samples: number of inputs N.
    """

    spread: float
    dependence: float
    p: float
    information: float
    top1: float
    fits: Mapping[str, float]
    signed: Mapping[str, float]
    chance: float
    equivariance: Mapping[str, float]
    noise_share: float
    shuffle_gap: float | None
    samples: int

    @property
    def transformation(self) -> str:
        """The transformation of the input that fits the output best; ``id`` where none is better.

        One that is not much better than none is chance, as in symmetric pictures.
        """
        best = max(self.fits, key=lambda name: self.fits[name])
        return best if self.fits[best] - self.fits["id"] > _EXCEEDS else "id"

    @property
    def negated(self) -> bool:
        """Whether what is bright becomes dark."""
        name = self.transformation
        return self.fits[name] - self.chance > _EXCEEDS and self.signed[name] < 0

    @property
    def verdict(self) -> Verdict:
        """In one word; ``dependent`` is any other use of the input than the ones that have a name.

        ``mirrored`` stands for every :attr:`transformation`; it may be negated as well.
        """
        if not math.isfinite(self.spread):
            return "undecided"
        if self.spread < _SPREAD:
            return "constant"
        if self.p > _P:
            return "ignoring"
        if self.transformation != "id":
            return "mirrored"
        if self.negated:
            return "negated"
        as_good = self.fits["id"] >= max(self.fits.values()) - _AS_GOOD
        return "aligned" if as_good and self.top1 > 10 / self.samples else "dependent"

    def numbers(self) -> dict[str, float]:
        """What dashboards show."""
        own = ("spread", "dependence", "p", "information", "top1", "chance", "noise_share")
        shown = {name: float(getattr(self, name)) for name in own}
        shown |= {f"fit_{name}": self.fits[name] for name in MOVES if name in self.fits}
        if self.shuffle_gap is not None:
            shown["shuffle_gap"] = self.shuffle_gap
        return {"uses_input": float(self.verdict not in ("ignoring", "constant")), **shown}

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = {"verdict": self.verdict, "transformation": self.transformation}
        return {**found, "negated": self.negated, **asdict(self)}


def input_use(
    inputs: Tensor,
    forward: Way,
    again: Way | None = None,
    judge: Judge | None = None,
    feature: Way | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> InputUse:
    """Judge a translation by what it makes of many inputs.

    Args:
        inputs: ``(N, C, H, W)`` in [-1, 1], N at least 16.
        forward: the translation, the same result at every call.
        again: the same with other noise inside; None where there is none.
        judge: a conditional discriminator: inputs and outputs to raw scores ``(N,)``, or None.
        feature: images to ``(N, d)``, comparable between the domains; None: the mean grey of 16 x
            16 squares.
        permutations: of the test of dependence.
        seed: of the permutations.

    Raises:
        ValueError: too few inputs.
    """
    if len(inputs) < LEAST:
        raise ValueError(
            f"input_use: inputs must be at least {LEAST}, got {len(inputs)}; 256 are the default "
            "of the probe"
        )
    outputs = _in_chunks(forward, inputs)
    inputs = inputs.to(outputs)
    described = feature or grey_grid
    mine, theirs = described(inputs).double(), described(outputs).double()
    lengths = [mean_distance(squared_distances(x, x)) for x in (mine, theirs)]
    sound = bool(torch.isfinite(outputs).all()) and lengths[0] > 0
    dependence, p = distance_correlation(mine, theirs, permutations, seed) if sound else (0.0, 1.0)
    information, top1 = retrieval(mine, theirs) if sound else (0.0, 0.0)
    fits, signed, chance = fits_of(inputs, outputs)
    return InputUse(
        spread=lengths[1] / lengths[0] if sound else math.nan,
        dependence=dependence,
        p=p,
        information=information,
        top1=top1,
        fits=fits,
        signed=signed,
        chance=chance,
        equivariance={name: _unlike(name, inputs, outputs, forward) for name in ("hflip", "vflip")},
        shuffle_gap=None if judge is None else _shuffle_gap(judge, inputs, outputs),
        noise_share=0.0 if again is None else _noise_share(outputs, _in_chunks(again, inputs)),
        samples=len(inputs),
    )


def grey_grid(images: Tensor) -> Tensor:
    """The mean grey of 16 x 16 squares, ``(N, 256)``; of smaller images each pixel's."""
    grey = images.mean(dim=1, keepdim=True)
    size = [min(_GRID, edge) for edge in grey.shape[2:]]
    return interpolate(grey, size=size, mode="area").flatten(1)


def _in_chunks(way: Way, images: Tensor) -> Tensor:
    return torch.cat([way(part) for part in images.split(_CHUNK)])


def _shuffle_gap(judge: Judge, inputs: Tensor, outputs: Tensor) -> float | None:
    """Images of one class often follow each other: the other input is half of all away."""
    gaps = []
    others = inputs.roll(len(inputs) // 2, 0)
    parts = zip(*(x.split(_CHUNK) for x in (inputs, others, outputs)), strict=True)
    for own, other, made in parts:
        right, wrong = judge(own, made), judge(other, made)
        if right is None or wrong is None:
            return None
        gaps.append(right.double() - wrong.double())
    return float(torch.cat(gaps).mean())


def _unlike(name: str, inputs: Tensor, outputs: Tensor, forward: Way) -> float:
    moved = MOVES[name]
    size = outputs.abs().sum(dtype=torch.float64)
    away = (_in_chunks(lambda x: forward(moved(x)), inputs) - moved(outputs)).abs()
    return float(away.sum(dtype=torch.float64) / size) if size > 0 else 0.0


def _noise_share(outputs: Tensor, others: Tensor) -> float:
    """Half the mean squared difference of two draws is the variance of one."""
    noise = (outputs.double() - others.double()).square().mean() / 2
    whole = torch.cat([outputs, others]).double().var(dim=0).mean()
    return float((noise / whole).clamp(0.0, 1.0)) if whole > 0 else 0.0

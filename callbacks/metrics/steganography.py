"""Does a translation carry its input in a hidden signal? Reconstructions under small disturbances.

Chu, Zhmoginov, Sandler, "CycleGAN, a Master of Steganography", 2017, arXiv:1712.02950. Where the
way back needs details that the translation may not show, they travel in low-amplitude patterns: the
reconstruction is good until the translation is saved with 8 bits and shaken by one grey level.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from callbacks.metrics.distributed import gather_by_index, shard
from callbacks.metrics.disturbances import CONTROLS, CURVE, NONE, high_share
from callbacks.metrics.steganography_verdict import Steganography
from gan_modules.corruptions import blurred

Way = Callable[[Tensor], Tensor]

_CHUNK = 64
_STRIDE = 1_000_003
_NAMES = [one.name for one in CURVE]
_REALS = [one.name for one in CONTROLS]
#: What is summed over images, in the order in which the ranks send it.
_KEYS = (
    *(f"error {name}" for name in (NONE.name, *_NAMES)),
    *(f"{what} {name}" for what in ("change", "moved") for name in _NAMES),
    *(f"{what} {name}" for what in ("real change", "real moved") for name in _REALS),
    *("swap", "follows", "high", "real high"),
)


def steganography(
    inputs: Tensor, reals: Tensor, forward: Way, back: Way, seed: int = 0
) -> Steganography:
    """Translate, disturb, lead back, compare. The ranks share the work, and each must call it.

    Args:
        inputs: ``(N, C, H, W)`` in [-1, 1], N at least 2, of the source domain.
        reals: ``(M, C', H, W)`` in [-1, 1] of the target domain, M at least 2.
        forward: the translation that is judged; the same result at every call.
        back: the other way; the same result at every call.
        seed: of the noise, which is the same for all models.

    Returns:
        The same on every rank, and for any number of ranks.

    Raises:
        ValueError: fewer than two images on a side.
    """
    if len(inputs) < 2 or len(reals) < 2:
        raise ValueError(
            f"steganography: inputs and reals must be at least 2, got {len(inputs)} and "
            f"{len(reals)}; 256 of each are the default of the probe"
        )
    # As many chunks for both; each holds two inputs or more, so that they can be swapped.
    chunks = min(-(-len(inputs) // _CHUNK), len(reals))
    rows = [torch.empty(0, len(_KEYS), dtype=torch.float64)]
    for number in shard(chunks):
        parts = inputs[number::chunks], reals[number::chunks]
        found = _sums(*parts, forward, back, seed * _STRIDE + number)
        rows.append(torch.stack([found[key] for key in _KEYS]).cpu()[None])
    totals = gather_by_index(torch.cat(rows), chunks).sum(dim=0).tolist()
    sums = dict(zip(_KEYS, totals, strict=True))
    many, much = len(inputs), len(reals)
    return Steganography(
        errors={name: sums[f"error {name}"] / many for name in (NONE.name, *_NAMES)},
        swap=sums["swap"] / many,
        gains={name: _ratio(sums, f"change {name}", f"moved {name}") for name in _NAMES},
        real_gains={
            name: _ratio(sums, f"real change {name}", f"real moved {name}") for name in _REALS
        },
        follows=sums["follows"] / many,
        high_share=sums["high"] / many,
        real_high_share=sums["real high"] / much,
        samples=many,
    )


def _sums(inputs: Tensor, reals: Tensor, forward: Way, back: Way, seed: int) -> dict[str, Tensor]:
    """Sums over the images of one chunk, by the names of ``_KEYS``."""
    own = torch.Generator().manual_seed(seed)
    sent = forward(inputs)
    inputs, reals = inputs.to(sent), reals.to(sent)
    plain = back(sent)
    noise = torch.randn(sent.shape, generator=own).to(sent)
    found = {f"error {NONE.name}": _away(plain, inputs)}
    for one in CURVE:
        disturbed = one.apply(sent, noise)
        again = back(disturbed)
        found[f"error {one.name}"] = _away(again, inputs)
        found[f"change {one.name}"] = _away(again, plain)
        found[f"moved {one.name}"] = _away(disturbed, sent)
    plain = back(reals)
    noise = torch.randn(reals.shape, generator=own).to(sent)
    for one in CONTROLS:
        disturbed = one.apply(reals, noise)
        found[f"real change {one.name}"] = _away(back(disturbed), plain)
        found[f"real moved {one.name}"] = _away(disturbed, reals)
    # Images of one class often follow each other: the other one is half of the chunk away.
    other = len(inputs) // 2
    found["swap"] = _away(back(sent.roll(other, 0)), inputs)
    fine = sent - blurred(sent, 1.0)
    mixed = back((sent - fine + fine.roll(other, 0)).clamp(-1.0, 1.0))
    follows = _distances(mixed, inputs.roll(other, 0)) < _distances(mixed, inputs)
    found["follows"] = follows.double().sum()
    return {**found, "high": high_share(sent).sum(), "real high": high_share(reals).sum()}


def _distances(left: Tensor, right: Tensor) -> Tensor:
    """Mean absolute difference of each pair of images, float64 ``(N,)``."""
    return (left.double() - right.double()).abs().flatten(1).mean(dim=1)


def _away(left: Tensor, right: Tensor) -> Tensor:
    return _distances(left, right).sum()


def _ratio(sums: dict[str, float], change: str, moved: str) -> float:
    """A gain; 0 where a disturbance moved nothing."""
    return sums[change] / sums[moved] if sums[moved] > 0 else 0.0

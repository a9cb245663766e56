"""Collapses put into healthy streams: from a known probe on, samples are spoilt before any rule.

Each injection is a function of what the generator makes at a probe, of how many probes ago it
began, and of a seed; it never looks at the detector or at its features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from benchmarks.collapse.oracle import Oracle
from benchmarks.collapse.plan import HELD_OUT_INJECTIONS
from benchmarks.collapse.streams import Stream

Effect = Literal["full", "partial", "diverged", "recover", "classes", "input", "none"]

#: Draws after which samples of rare modes are taken again.
_MOST_DRAWS = 12
_DRAW = 2048
_SLOW = 10
_RECOVER_AFTER = 6


@dataclass(frozen=True)
class View:
    """The generator at one probe, with what an injection may ask of it.

    Attributes:
        stream: the run.
        probe: the moment.
        average: whether the averaged generator is looked at.
        oracle: knows the modes.
        anchor: the probe at which the injection began: its modes are chosen there, once.
    """

    stream: Stream
    probe: int
    average: bool
    oracle: Oracle
    anchor: int = 0

    def latents(self, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
        """Latents, which ask for classes where there are labels."""
        return self.stream.latents(self.probe, n, seed, labels)

    def decode(self, z: Tensor) -> Tensor:
        """Samples of latents: bytes or points."""
        return self.stream.decode(self.probe, z, self.average)

    def fakes(self, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
        """Samples."""
        return self.decode(self.latents(n, seed, labels))

    def modes(self) -> list[int]:
        """All modes, in an order that belongs to the run; those that are hardly drawn last."""
        return _modes(self.stream, self.anchor, self.oracle)

    def weighted(self, n: int, seed: int, keep: Tensor, junk: bool) -> Tensor:
        """Samples that are kept with a chance that depends on their mode.

        Args:
            n: how many.
            seed: of the draw.
            keep: ``(C,)`` chances.
            junk: whether bad samples count with the mode that is nearest; otherwise none is kept.
        """
        found: list[Tensor] = []
        own = torch.Generator().manual_seed(seed + 17)
        size = 2 * n
        for draw in range(_MOST_DRAWS):
            samples = self.fakes(size, seed * 31 + draw + 1)
            modes = self.oracle.nearest(samples) if junk else self.oracle.classes(samples)
            chance = keep[modes] * (modes >= 0)
            found.append(samples[torch.rand(len(samples), generator=own) < chance])
            missing, share = n - sum(map(len, found)), len(found[-1]) / size
            if missing <= 0:
                break
            size = max(n, min(_DRAW, round(1.2 * missing / max(share, 0.01))))
        pool = torch.cat(found)
        if not len(pool):
            return self.fakes(1, seed).expand(n, *self.fakes(1, seed).shape[1:]).clone()
        rows = torch.arange(n) if len(pool) >= n else torch.arange(n) % len(pool)
        return pool[rows]


@lru_cache(maxsize=64)
def _modes(stream: Stream, probe: int, oracle: Oracle) -> list[int]:
    classes = oracle.classes(stream.decode(probe, stream.latents(probe, _DRAW, 0)))
    counts = torch.bincount(classes[classes >= 0], minlength=oracle.count)
    drawn = [int(mode) for mode in counts.argsort(descending=True) if counts[mode] > 0]
    common = set(drawn[: max(1, (3 * len(drawn) + 3) // 4)])
    own = torch.Generator().manual_seed(stream.run.seed)
    order = torch.randperm(oracle.count, generator=own).tolist()
    return sorted(order, key=lambda mode: (mode not in common, mode not in drawn))


Draw = Callable[[View, int, int, int, Tensor | None], Tensor]


@dataclass(frozen=True)
class Injection:
    """One way to spoil samples.

    Attributes:
        name: for tables.
        effect: what it must be taken for.
        draw: ``(view, n, seed, since, labels)`` to samples; ``since`` is 0 at the first probe.
        gradual: whether the oracle, and not the first probe, says when the collapse began.
        kinds: of data that it makes sense for.
    """

    name: str
    effect: Effect
    draw: Draw
    gradual: bool = False
    kinds: tuple[str, ...] = ("ring", "grid", "digits", "mnist")

    @property
    def family(self) -> str:
        """The name without its numbers."""
        return self.name.split("@")[0]

    @property
    def held_out(self) -> bool:
        """Whether nobody may tune on it."""
        return self.family in HELD_OUT_INJECTIONS


def _plain(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    return view.fakes(n, seed, labels)


def constant(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    """One sample with a little noise: a hundredth of the spread, or a level or two."""
    one = view.fakes(1, 0).expand(n, *view.fakes(1, 0).shape[1:])
    return with_noise(one, 0.01, seed)


def with_noise(samples: Tensor, share: float, seed: int) -> Tensor:
    """Samples with normal noise: ``share`` of the radius of the data, or of 255 levels."""
    own = torch.Generator().manual_seed(seed + 101)
    noise = torch.randn(samples.shape, generator=own)
    if samples.dtype == torch.uint8:
        return (samples.float() + 255.0 * share * noise).round().clamp(0, 255).to(torch.uint8)
    return samples + 3.0 * share * noise


def few_modes(k: int) -> Draw:
    """Only ``k`` modes are left, as good as before."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        keep = torch.zeros(view.oracle.count)
        keep[view.modes()[:k]] = 1.0
        return view.weighted(n, seed, keep, junk=False)

    return draw


def most_modes(tenths: int) -> Draw:
    """So many tenths of the modes are missing, and every sample is good."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        keep = torch.ones(view.oracle.count)
        # Modes that are drawn often, as a rule others than class_drop takes first.
        common = view.modes()[: max(1, (3 * view.oracle.count) // 4)]
        keep[common[-lost_modes(tenths, view) :]] = 0.0
        return view.weighted(n, seed, keep, junk=False)

    return draw


def lost_modes(tenths: int, view: View) -> int:
    """How many modes so many tenths are, at least one."""
    return max(1, round(tenths / 10 * view.oracle.count))


def copies(pool: int) -> Draw:
    """Every sample is a copy of one of ``pool``."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        own = torch.Generator().manual_seed(seed)
        return view.fakes(pool, 0)[torch.randint(pool, (n,), generator=own)]

    return draw


def contraction(rho: float) -> Draw:
    """Samples shrink towards their mean, by ``rho`` at every probe."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        fakes, factor = view.fakes(n, seed, labels), rho ** (since + 1)
        mean = view.fakes(_DRAW, 0).float().mean(dim=0)
        moved = mean + factor * (fakes.float() - mean)
        if fakes.dtype == torch.uint8:
            return moved.round().clamp(0, 255).to(torch.uint8)
        return moved

    return draw


def latent_contraction(rho: float) -> Draw:
    """Latents shrink towards 0, by ``rho`` at every probe."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        return view.decode(view.latents(n, seed) * rho ** (since + 1))

    return draw


def class_drop(tenths: int, slow: bool) -> Draw:
    """So many tenths of the modes are dropped, at once or one after another over ten probes.

    With a mode go the bad samples that are nearest to it, which would cover it too.
    """

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        count = view.oracle.count
        gone = lost_modes(tenths, view) * min(1.0, (since + 1) / _SLOW if slow else 1.0)
        keep = torch.ones(count)
        for place, mode in enumerate(view.modes()[:count]):
            keep[mode] = 1.0 - min(1.0, max(0.0, gone - place))
        return view.weighted(n, seed, keep, junk=True)

    return draw


def blow_up(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    """Nothing but noise: uniform levels, or points ten times as far out as the data."""
    own = torch.Generator().manual_seed(seed + 5)
    shape = view.fakes(1, 0).shape[1:]
    if view.fakes(1, 0).dtype == torch.uint8:
        return torch.randint(0, 256, (n, *shape), generator=own).to(torch.uint8)
    return 30.0 * torch.randn((n, *shape), generator=own)


def not_a_number(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    """A generator whose weights are NaN."""
    return torch.full((n, *view.fakes(1, 0).shape[1:]), math.nan)


def passing(inner: Draw, probes: int) -> Draw:
    """An injection that ends after some probes."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        return (inner if since < probes else _plain)(view, n, seed, since, labels)

    return draw


def dead_classes(tenths: int) -> Draw:
    """So many tenths of the classes that are asked for give one image each."""

    def draw(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
        asked = torch.arange(n) % view.oracle.count if labels is None else labels
        fakes = view.fakes(n, seed, asked)
        for mode in view.modes()[:tenths]:
            mine = asked == mode
            one = view.fakes(1, mode + 1, torch.tensor([mode]))
            fakes[mine] = with_noise(one.expand(int(mine.sum()), *one.shape[1:]), 0.01, seed + mode)
        return fakes

    return draw


def ignored_labels(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    """Good samples of any class, whatever is asked for."""
    own = torch.Generator().manual_seed(seed + 3)
    return view.fakes(n, seed, torch.randint(view.oracle.count, (n,), generator=own))


def brighter(view: View, n: int, seed: int, since: int, labels: Tensor | None) -> Tensor:
    """Two hundredths brighter, or to the right by as much of the radius."""
    fakes = view.fakes(n, seed, labels)
    if fakes.dtype == torch.uint8:
        return (fakes.int() + 5).clamp(0, 255).to(torch.uint8)
    return fakes + torch.tensor([0.06, 0.0])


INJECTIONS: tuple[Injection, ...] = (
    Injection("constant", "full", constant),
    *(Injection(f"few_modes@{k}", "full", few_modes(k)) for k in (1, 2, 3)),
    Injection("few_modes@5", "full", few_modes(5), kinds=("grid",)),
    *(Injection(f"copies@{n}", "full", copies(n)) for n in (4, 16, 64)),
    *(Injection(f"contraction@{r}", "full", contraction(r), True) for r in (0.5, 0.8, 0.95)),
    *(
        Injection(
            f"latent_contraction@{r}", "full", latent_contraction(r), True, ("ring", "digits")
        )
        for r in (0.5, 0.8)
    ),
    *(Injection(f"class_drop@{k}", "full", class_drop(k, False)) for k in (5, 9)),
    *(Injection(f"class_drop_slow@{k}", "full", class_drop(k, True), True) for k in (5, 9)),
    *(Injection(f"class_drop@{k}", "partial", class_drop(k, False)) for k in (1, 3)),
    *(Injection(f"class_drop_slow@{k}", "partial", class_drop(k, True), True) for k in (3,)),
    Injection("noise_blowup", "diverged", blow_up),
    Injection("nan", "diverged", not_a_number),
    Injection("recover", "recover", passing(few_modes(2), _RECOVER_AFTER)),
    Injection("dead_classes@3", "classes", dead_classes(3), kinds=("labelled",)),
    Injection("dead_classes@6", "full", dead_classes(6), kinds=("labelled",)),
    Injection("ignored_labels", "input", ignored_labels, kinds=("labelled",)),
    *(Injection(f"most_modes@{k}", "partial", most_modes(k)) for k in (1, 3)),
    Injection("most_modes@5", "full", most_modes(5)),
)

#: What must not be taken for a collapse.
CONTROLS: tuple[Injection, ...] = (
    Injection("brighter", "none", brighter),
    Injection("dip", "none", passing(class_drop(2, False), 2)),
)

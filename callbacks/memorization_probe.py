"""Does a generator give back its training set? All ranks draw and match, rank 0 judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from callbacks.closest import Closest, smallest
from callbacks.drawing import draw_share
from callbacks.matching import TrainingSide
from callbacks.metrics.augmentations import Augment, augmentations
from callbacks.metrics.distributed import on_rank_zero, shard
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.memorization import MemorizationVerdict, Side, judge
from callbacks.metrics.memorization_verdict import SpaceVerdict
from callbacks.metrics.pixels import PixelSpace
from callbacks.metrics.reading import ReferenceData, ReferenceSet, strided_indices
from datamodules.batches import to_uint8

LEAST = 100
PAIRS = 32
_HELD_OUT = 1000


class UnfitSamplesError(ValueError):
    """Too few samples are finite."""


@dataclass(frozen=True)
class MemorizationSettings:
    """What is drawn and how it is matched.

    Attributes:
        samples: generated samples, 100 or more.
        augment: changes under which a copy is sought, see
            :func:`callbacks.metrics.augmentations.augmentations`.
        seed: of the latents and the cells.

    Raises:
        ValueError: for too few samples, or an unknown kind of change.
    """

    samples: int = 1000
    augment: Augment = "full"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.samples < LEAST:
            raise ValueError(
                f"Memorization: samples must be at least {LEAST}, got {self.samples}; 1000 is the "
                "default"
            )
        augmentations(self.augment, (1, 32, 32))


class Pairs(NamedTuple):
    """Generated samples that lie closest to the training set in one space, closest first.

    Attributes:
        space: id of the space.
        images: uint8 ``(n, C, H, W)``, or float points ``(n, 2)``.
        matches: the training sample of each.
        changes: names of the changes under which they match.
        distances: to their matches.
        quantiles: share of the held-out samples that lie at least as close; empty without them.
    """

    space: str
    images: Tensor
    matches: list[int]
    changes: list[str]
    distances: list[float]
    quantiles: list[float]


class Finding(NamedTuple):
    """The verdict, and what to show beside it; the same on every rank.

    Attributes:
        verdict: over all spaces.
        pairs: for each space.
        samples: generated samples that were judged.
        dropped: samples that were not finite, and were left out.
        held_out: held-out samples; 0 without them.
    """

    verdict: MemorizationVerdict
    pairs: list[Pairs]
    samples: int
    dropped: int
    held_out: int


class MemorizationProbe:
    """The training and the held-out samples of a data set, ready to judge generators.

    Images are judged in two spaces, pixels and ``space``; points in their own. Every rank builds
    it and calls :meth:`judge`.

    Args:
        data: the data module.
        space: the feature space, on its device.
        device: where distances are computed.
        settings: None for the defaults.
        held_out: False judges without held-out samples, which is weak.

    Raises:
        ValueError: when fewer than 100 samples are held out, or the data are not finite.
    """

    def __init__(
        self,
        data: ReferenceData,
        space: FeatureSpace,
        device: torch.device | str = "cpu",
        settings: MemorizationSettings | None = None,
        held_out: bool = True,
    ) -> None:
        self.settings = MemorizationSettings() if settings is None else settings
        self.data = data
        reals = _held_out(data) if held_out else None
        self.changes = augmentations(self.settings.augment, data.image_shape)
        spaces = [space]
        if space.takes_images:
            spaces = [PixelSpace(data.image_shape).to(device), space]
        self.sides, self.held_out = [], []
        for one in spaces:
            informed = space.takes_images and one is space
            side = TrainingSide(data.reference("train"), one, self.changes, device, informed)
            self.sides.append(side)
            if reals is not None:
                most = max(_HELD_OUT, self.settings.samples)
                self.held_out.append(side.match_all(reals, strided_indices(len(reals), most)))
        self._labels: Sequence[str] | None = None

    def judge(self, module: Any) -> Finding:
        """Draw samples and judge them. Every rank calls it.

        Args:
            module: has ``draw_latents``, ``decode`` and ``device``.

        Raises:
            UnfitSamplesError: when fewer than 100 samples are finite.
        """
        found, closest = self._draw(module)
        good = torch.isfinite(found[0].matches.distance)
        kept = int(good.sum())
        if kept < LEAST:
            raise UnfitSamplesError(
                f"Memorization: at least {LEAST} samples must be finite, got {kept} of "
                f"{len(good)}; judge an earlier checkpoint"
            )
        finite = [Side(side.features[good], side.matches.select(good)) for side in found]
        verdict = on_rank_zero(lambda: self._verdict(finite))
        pairs = [
            self._pairs(number, found[number], closest[number]) for number in range(len(found))
        ]
        held_out = len(self.held_out[0].features) if self.held_out else 0
        return Finding(verdict, pairs, kept, len(good) - kept, held_out)

    def _draw(self, module: Any) -> tuple[list[Side], list[Closest]]:
        """Draw this rank's share, match it in each space, and bring all shares together."""
        total = self.settings.samples
        mine = torch.tensor(list(shard(total)), dtype=torch.int64)
        parts: list[list[Side]] = [[] for _ in self.sides]
        closest = [Closest(PAIRS) for _ in self.sides]
        taken = 0
        for samples in draw_share(module, mine.tolist(), total, self.settings.seed):
            numbers = mine[taken : taken + len(samples)]
            taken += len(samples)
            bad = ~torch.isfinite(samples).flatten(1).all(dim=1).cpu()
            if len(self.data.image_shape) > 1:
                samples = to_uint8(samples.nan_to_num())
            for side, own, near in zip(self.sides, parts, closest, strict=True):
                own.append(side.match(samples, bad))
                near.add(own[-1].matches.distance, numbers, samples)
        found = [side.gather(own, total) for side, own in zip(self.sides, parts, strict=True)]
        return found, closest

    def _verdict(self, found: Sequence[Side]) -> MemorizationVerdict:
        judged = []
        for number, (side, samples) in enumerate(zip(self.sides, found, strict=True)):
            reals = self.held_out[number] if self.held_out else None
            verdict = judge(
                side.space.id,
                side.features,
                samples,
                reals,
                self.changes,
                self._class_names(),
                self.settings.seed,
            )
            judged.append(_with_frechet(verdict, side, samples, reals))
        return MemorizationVerdict(tuple(judged), weak=not self.held_out)

    def _pairs(self, number: int, found: Side, near: Closest) -> Pairs:
        matches = found.matches
        wanted = smallest(matches.distance, PAIRS)
        wanted = wanted[torch.isfinite(matches.distance[wanted])]
        sample = torch.as_tensor(self.data.reference("train")[0]["image"])
        distances = matches.distance[wanted].tolist()
        quantiles = []
        if self.held_out:
            reals = self.held_out[number].matches.distance
            quantiles = [float((reals <= distance).double().mean()) for distance in distances]
        return Pairs(
            self.sides[number].space.id,
            near.collect(wanted, sample),
            matches.row[wanted].tolist(),
            [self.changes[change].name for change in matches.augmentation[wanted].tolist()],
            distances,
            quantiles,
        )

    def _class_names(self) -> Sequence[str] | None:
        names, train = self.data.class_names, self.data.reference("train")
        if self._labels is None and names is not None and self.held_out:
            self._labels = [names[int(train[row]["label"])] for row in range(len(train))]
        return self._labels


def _held_out(data: ReferenceData) -> ReferenceSet:
    remedy = (
        "hold out more with data.init_args.held_out_share, or let the command judge without, "
        "weakly: --no-holdout"
    )
    try:
        reals = data.reference("held_out")
    except ValueError as error:
        raise ValueError(
            f"Memorization: data must hold out at least {LEAST} samples, got none; {remedy}"
        ) from error
    if len(reals) < LEAST:
        raise ValueError(
            f"Memorization: data must hold out at least {LEAST} samples, got {len(reals)}; {remedy}"
        )
    return reals


def _with_frechet(
    verdict: SpaceVerdict, side: TrainingSide, samples: Side, reals: Side | None
) -> SpaceVerdict:
    # Without held-out samples nobody knows what is near in a space that was never published.
    if side.real is None or not side.informed or (reals is None and not side.real.verified):
        return verdict
    name, score, null = side.frechet(samples.features, None if reals is None else reals.features)
    return replace(verdict, informed=score, informed_name=name, held_out_distance=null)

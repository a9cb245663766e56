"""What an evaluation scores: samples, or the translations of every domain into every other.

See ``offers.py`` for how the two are told apart. All ranks take part, and the scores are those of
one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from callbacks.drawing import draw_bank
from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.distributed import on_rank_zero
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.image_quality import SSIM_WINDOW, psnr, ssim
from callbacks.metrics.names import Protocol
from callbacks.metrics.reading import (
    Split,
    held_out_or_none,
    read_samples,
    strided_indices,
)
from callbacks.metrics.real_statistics import real_statistics
from callbacks.metrics.reference import RealStatistics
from callbacks.metrics.scoring import ScoreSettings, score_bank
from callbacks.offers import speaks, translates
from callbacks.randomness import same_randomness
from callbacks.sentence_subject import Sentences
from datamodules.batches import from_uint8

_STACK = 32
#: Pairs and ways back that are measured pixel by pixel.
_MOST = 256
#: Held-out inputs that are enough to be scored.
_FEWEST = 48


class Samples:
    """The samples of a generator of latents, against the real images of a split.

    Args:
        data: the data module.
        space: on the module's device.
        samples: generated images of one evaluation.
        split: the real images.
        settings: of the scores.

    Attributes:
        floor: scores of real images in place of generated ones.
        floor_note: which.
    """

    def __init__(
        self, data: Any, space: FeatureSpace, samples: int, split: Split, settings: ScoreSettings
    ) -> None:
        self.space, self.samples, self.settings = space, samples, settings
        self.real = real_statistics(data, space, samples, split=split, settings=settings)
        self.floor: Mapping[str, float] = self.real.floor
        self.floor_note = self.real.floor_note

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Draw, describe and score; every rank calls it and gets the same."""
        bank = draw_bank(module, self.space, self.samples, seed)
        return on_rank_zero(lambda: score_bank(self.real, bank, self.settings))

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """Without which the scores say nothing."""
        return self.real.protocol(self.space, self.samples, weights, self.settings.line())


class OneDomain:
    """One domain of a data module, as the scores read data."""

    def __init__(self, data: Any, domain: str) -> None:
        self.data, self.domain = data, domain
        self.class_names = None

    @property
    def name(self) -> str:
        """Of the files in the cache."""
        return f"{self.data.name}-{self.domain}"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of this domain."""
        return tuple(self.reference("train")[0]["image"].shape)

    def reference(self, split: Split) -> Any:
        """This domain's images of a split."""
        return self.data.reference(split, domain=self.domain)

    def fingerprint(self) -> str:
        """Changes with the images of any domain."""
        return str(self.data.fingerprint())


class Translations:
    """The translations of held-out images into each domain, against its real images.

    Scores are named after the domain that is led to, such as ``fd_efflite0@192/to_b``; where there
    are several, their mean ``/mean`` comes first, by which checkpoints are ranked. Where a way
    leads back, ``cycle_l1/a`` is the error of the way there and back; where the truth is known,
    ``paired_l1/to_b``, ``paired_psnr/to_b`` (decibels of the range 2) and ``paired_ssim/to_b`` are
    those of held-out pairs.

    Args:
        module: says the directions.
        data: has ``reference(split, domain=)`` and ``paired_reference(split)``.
        space: on the module's device.
        samples: most translations into one domain.
        split: the real images of the target that the scores are against.
        settings: of the scores.

    Attributes:
        floor: scores of real images in place of translated ones.
        floor_note: which.
    """

    def __init__(
        self,
        module: Any,
        data: Any,
        space: FeatureSpace,
        samples: int,
        split: Split,
        settings: ScoreSettings,
    ) -> None:
        self.space, self.settings = space, settings
        self.most = min(_MOST, samples)
        self.directions: tuple[tuple[str, str], ...] = tuple(module.directions)
        targets = list(dict.fromkeys(target for _, target in self.directions))
        sources = dict.fromkeys(source for source, _ in self.directions)
        self.inputs = {source: inputs_of(data, source, _FEWEST) for source in sources}
        totals = [sum(len(self.inputs[s]) for s in self._into(target)) for target in targets]
        self.samples = min([samples, *totals])
        self.real: dict[str, RealStatistics] = {
            target: real_statistics(
                OneDomain(data, target), space, self.samples, split=split, settings=settings
            )
            for target in targets
        }
        self.pairs = true_pairs(data)
        self.floor: Mapping[str, float] = _named({t: dict(r.floor) for t, r in self.real.items()})
        self.floor_note = next(iter(self.real.values())).floor_note

    def scores(self, module: Any, seed: int) -> dict[str, float]:
        """Translate, describe and score; every rank calls it and gets the same."""
        found = {}
        for target, real in self.real.items():
            bank = self._bank(module, target, seed)
            score = partial(score_bank, real, bank, self.settings)
            found[target] = on_rank_zero(score)
        with same_randomness(seed, module.device):
            pixels = on_rank_zero(
                lambda: {**self._ways_back(module), **self._against_truth(module)}
            )
        return {**_named(found), **pixels}

    def protocol(self, weights: Literal["raw", "ema"]) -> Protocol:
        """That of the first domain; the others differ in their real images alone."""
        real = next(iter(self.real.values()))
        return real.protocol(
            self.space, self.samples, weights, f"{self.settings.line()} translated"
        )

    def _into(self, target: str) -> list[str]:
        return [source for source, other in self.directions if other == target]

    def _bank(self, module: Any, target: str, seed: int) -> FeatureBank:
        builder = BankBuilder(self.space, self.samples)
        places = [(s, i) for s in self._into(target) for i in range(len(self.inputs[s]))]
        chosen = [places[i] for i in strided_indices(len(places), self.samples)]
        mine = [chosen[i] for i in builder.indices]
        with same_randomness(seed, module.device):
            for source in dict.fromkeys(source for source, _ in mine):
                rows = [row for one, row in mine if one == source]
                for images in read_samples(self.inputs[source], rows, _STACK):
                    builder.add(module.translate(from_uint8(images), source, target))
        return builder.finish()

    def _ways_back(self, module: Any) -> dict[str, float]:
        found = {}
        for source in self.inputs:
            there = [t for s, t in self.directions if s == source and (t, s) in self.directions]
            if not there:
                continue
            errors = []
            for images in self._some(source):
                fake = module.translate(images, source, there[0])
                back = module.translate(fake, there[0], source)
                errors.append((back.float().cpu() - images).abs().mean((1, 2, 3)))
            found[f"cycle_l1/{source}"] = float(torch.cat(errors).mean())
        return found

    def _some(self, source: str) -> Iterator[Tensor]:
        rows = strided_indices(len(self.inputs[source]), self.most)
        for images in read_samples(self.inputs[source], rows, _STACK):
            yield from_uint8(images)

    def _against_truth(self, module: Any) -> dict[str, float]:
        if self.pairs is None:
            return {}
        rows = strided_indices(len(self.pairs), self.most)
        found: dict[str, float] = {}
        for source, target in self.directions:
            if {source, target} != {"a", "b"}:
                continue
            made, truth = [], []
            for start in range(0, len(rows), _STACK):
                items = [self.pairs[row] for row in rows[start : start + _STACK]]
                inputs = from_uint8(torch.stack([torch.as_tensor(i[source]) for i in items]))
                made.append(module.translate(inputs, source, target).float().cpu().clamp(-1, 1))
                truth.append(from_uint8(torch.stack([torch.as_tensor(i[target]) for i in items])))
            one, other = torch.cat(made), torch.cat(truth)
            found[f"paired_l1/to_{target}"] = float((one - other).abs().mean())
            found[f"paired_psnr/to_{target}"] = float(psnr(one, other).mean())
            if min(one.shape[2:]) >= SSIM_WINDOW:
                found[f"paired_ssim/to_{target}"] = float(ssim(one, other).mean())
        return found


def true_pairs(data: Any) -> Any:
    """Held-out images with their counterparts; None where nothing is held out or known."""
    pairs = getattr(data, "paired_reference", None)
    return None if pairs is None else held_out_or_none(lambda: pairs("held_out"))


def inputs_of(data: Any, domain: str, fewest: int) -> Any:
    """What a translator is tried on: held-out images, or those of training where these are few."""
    train = data.reference("train", domain=domain)
    held_out = held_out_or_none(lambda: data.reference("held_out", domain=domain))
    return train if held_out is None or len(held_out) < fewest else held_out


def subject_for(
    module: Any, data: Any, space: FeatureSpace, samples: int, split: Split, settings: ScoreSettings
) -> Samples | Sentences | Translations:
    """What is to be scored of a module; see the top of this file."""
    if translates(module):
        return Translations(module, data, space, samples, split, settings)
    kind = Sentences if speaks(module) else Samples
    return kind(data, space, samples, split, settings)


def _named(by_target: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """All scores, with the domain in the name; the means of several first."""
    found: dict[str, float] = {}
    if len(by_target) > 1:
        tables = list(by_target.values())
        common = [name for name in tables[0] if all(name in table for table in tables)]
        found = {
            f"{name}/mean": sum(table[name] for table in tables) / len(tables) for name in common
        }
    for target, scores in by_target.items():
        found |= {f"{name}/to_{target}": value for name, value in scores.items()}
    return found

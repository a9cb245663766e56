"""How a probe looks at a generator: through ``sample()`` and ``translate()`` alone.

A module is watched as what it offers:

- ``sample(n, generator=)``: unconditional;
- ``num_classes`` and ``sample(n, labels=, generator=)``: class-conditional, class by class;
- ``domains`` and ``translate(images, source, target)``: a translation, direction by direction;
- ``words(tokens)`` and ``sample(n, generator=)``: sentences, see ``sentence_prober.py``.

Latents come from CPU generators, so all ranks draw the same samples; each rank describes its share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.collapse.records import WHOLE, Band
from callbacks.collapse.signals import PER_CELL, ReferenceGroup
from callbacks.collapse.translation_signals import direction_signals
from callbacks.metrics.bank import BankBuilder, FeatureBank
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.reading import ReferenceSet, read_samples, strided_indices
from callbacks.metrics.real_statistics import bank_of
from callbacks.randomness import same_randomness

#: Most real samples that are looked at; the band is drawn from them.
_REALS = 3072
#: Generated samples of one class, and classes in one light probe.
_PER_CLASS = 64
_CLASSES = 10
#: Fixed inputs of a translation.
_INPUTS = 128
_STRIDE = 1_000_003

ProbeSignals = dict[str, dict[str, float | None]]


class TooFewRealsError(ValueError):
    """The neighbours of a sample would be all there are."""


class Prober(ABC):
    """One kind of generator; the same calls for each.

    Args:
        space: on the module's device, frozen.

    Attributes:
        groups: real samples by group of signals.
        samples: generated samples of the largest group.
        latest: the samples of the last probe (of the first group), as they were drawn.
        lines: the same in words, where they are sentences.
        real_samples: as many real ones, uint8 or points.
    """

    def __init__(self, space: FeatureSpace) -> None:
        self.space = space
        self.groups: dict[str, ReferenceGroup] = {}
        self.samples = 0
        self.latest: Tensor | None = None
        self.lines: list[str] = []
        self.real_samples = torch.empty(0)
        self._units = (torch.zeros(space.dim), torch.ones(space.dim))

    def measured(self, features: Tensor) -> Tensor:
        """Features in the units in which they are compared, see :class:`FeatureSpace`."""
        centre, scale = self._units
        return (features - centre) / scale

    def _take_units(self, features: Tensor) -> None:
        """Where the space asks for it: each dimension in units of the spread of the reals."""
        if self.space.standardised:
            spread = features.std(dim=0)
            self._units = features.mean(dim=0), torch.where(spread > 0, spread, 1.0)

    @property
    def band(self) -> Band:
        """What each signal is for real samples."""
        return {name: group.band for name, group in self.groups.items()}

    @abstractmethod
    def describe(self, module: Any, probe: int, seed: int) -> dict[str, BankBuilder]:
        """Draw, and describe this rank's share. No rank waits for another in here.

        Args:
            module: in any mode; put back after.
            probe: its number: decides which classes have their turn.
            seed: of the latents.
        """

    @abstractmethod
    def signals(self, banks: Mapping[str, FeatureBank], seed: int) -> ProbeSignals:
        """Signals from the features of all ranks."""


class SampleProber(Prober):
    """An unconditional generator.

    Args:
        space: on the module's device.
        reals: the real samples.
        samples: N of a light probe.

    Raises:
        TooFewRealsError: (a ValueError) there are fewer than 48 reals.
    """

    def __init__(self, space: FeatureSpace, reals: ReferenceSet, samples: int) -> None:
        super().__init__(space)
        bank = bank_of(reals, space, strided_indices(len(reals), _REALS))
        self._with_classes = bank.logits is not None and getattr(space, "accuracy", 0.0) >= 0.95
        self._take_units(bank.features)
        group = ReferenceGroup.of(
            self.measured(bank.features),
            samples,
            logits=bank.logits if self._with_classes else None,
            per_cell=PER_CELL,
        )
        if group is None:
            raise TooFewRealsError(f"data must hold at least 48 real samples, got {len(reals)}")
        self.groups[WHOLE] = group
        self.samples = group.samples
        chosen = strided_indices(len(reals), self.samples)
        self.real_samples = torch.cat(list(read_samples(reals, chosen)))

    def describe(self, module: Any, probe: int, seed: int) -> dict[str, BankBuilder]:
        """See :class:`Prober`."""
        self.latest = _sample(module, self.samples, seed)
        return {WHOLE: _filled(self.space, self.latest)}

    def signals(self, banks: Mapping[str, FeatureBank], seed: int) -> ProbeSignals:
        """See :class:`Prober`."""
        bank = banks[WHOLE]
        logits = bank.logits if self._with_classes else None
        return {WHOLE: self.groups[WHOLE].signals(self.measured(bank.features), logits)}


class ClassProber(SampleProber):
    """A class-conditional generator: the whole, and ten classes at a time.

    Args:
        space: on the module's device.
        reals: the real samples, with labels.
        samples: N of the whole.
        names: of the classes, in the order of the labels.

    Raises:
        TooFewRealsError: (a ValueError) there are fewer than 48 reals.
    """

    def __init__(
        self, space: FeatureSpace, reals: ReferenceSet, samples: int, names: Sequence[str]
    ) -> None:
        super().__init__(space, reals, samples)
        self.names = list(names)
        labels = torch.tensor([int(reals[i]["label"]) for i in range(len(reals))])
        self._frequent = labels[torch.tensor(strided_indices(len(reals), _REALS))]
        for index, name in enumerate(self.names):
            members = (labels == index).nonzero().flatten().tolist()
            chosen = [members[i] for i in strided_indices(len(members), 6 * _PER_CLASS)]
            bank = bank_of(reals, space, chosen) if chosen else None
            features = (
                self.measured(bank.features) if bank is not None else torch.empty(0, space.dim)
            )
            group = ReferenceGroup.of(features, _PER_CLASS)
            if group is not None:
                self.groups[f"class {name}"] = group

    def describe(self, module: Any, probe: int, seed: int) -> dict[str, BankBuilder]:
        """See :class:`Prober`."""
        self.latest = _sample(module, self.samples, seed, self._labels(seed))
        builders = {WHOLE: _filled(self.space, self.latest)}
        watched = [name for name in self.names if f"class {name}" in self.groups]
        for turn in range(min(_CLASSES, len(watched))):
            name = watched[(probe * _CLASSES + turn) % len(watched)]
            count = self.groups[f"class {name}"].samples
            label = self.names.index(name)
            labels = torch.full((count,), label)
            own = seed + (1 + label) * _STRIDE
            builders[f"class {name}"] = _filled(self.space, _sample(module, count, own, labels))
        return builders

    def signals(self, banks: Mapping[str, FeatureBank], seed: int) -> ProbeSignals:
        """See :class:`Prober`."""
        found = super().signals(banks, seed)
        spreads = []
        for name, bank in banks.items():
            if name != WHOLE:
                found[name] = self.groups[name].signals(self.measured(bank.features))
                spreads.append(found[name]["mean_distance"])
        known = [value for value in spreads if value is not None]
        found[WHOLE]["noise_diversity"] = sum(known) / len(known) if known else None
        logits = banks[WHOLE].logits
        if logits is not None:
            agree = logits.argmax(dim=1) == self._labels(seed)
            found[WHOLE]["label_agreement"] = float(agree.double().mean())
            found[WHOLE]["labelled"] = float(len(agree))
        return found

    def _labels(self, seed: int) -> Tensor:
        own = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(self._frequent), (self.samples,), generator=own)
        return self._frequent[rows]


class TranslationProber(Prober):
    """A translation between domains: every direction by itself.

    Args:
        space: on the module's device.
        reals: real samples by domain.
        directions: (source, target) to watch; None: every domain into every other.

    Raises:
        TooFewRealsError: (a ValueError) a domain has fewer than 48 reals.
    """

    def __init__(
        self,
        space: FeatureSpace,
        reals: Mapping[str, ReferenceSet],
        directions: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__(space)
        self._inputs: dict[str, Tensor] = {}
        self._features: dict[str, Tensor] = {}
        everywhere = [(a, b) for a in reals for b in reals if a != b]
        self.directions = everywhere if directions is None else list(directions)
        banks = {
            domain: bank_of(samples, space, strided_indices(len(samples), _REALS)).features
            for domain, samples in reals.items()
        }
        self._take_units(torch.cat(list(banks.values())))
        targets = {}
        for domain, samples in reals.items():
            group = ReferenceGroup.of(self.measured(banks[domain]), _INPUTS, per_cell=PER_CELL)
            if group is None:
                raise TooFewRealsError(
                    f"domain {domain} must hold at least 48 real samples, got {len(samples)}"
                )
            targets[domain] = group
        self.samples = min(group.samples for group in targets.values())
        for domain, samples in reals.items():
            indices = strided_indices(len(samples), self.samples)
            self._inputs[domain] = torch.cat(list(read_samples(samples, indices)))
            self._features[domain] = self.measured(bank_of(samples, space, indices).features)
        self.real_samples = self._inputs[self.directions[0][1]]
        for source, target in self.directions:
            self.groups[f"{source} to {target}"] = targets[target]

    @property
    def band(self) -> Band:
        """What each signal is for real samples. A translation can depend on its input in full."""
        band = {}
        for name, group in self.groups.items():
            band[name] = {**group.band, "input_dependence": group.band["mean_distance"]}
        return band

    def describe(self, module: Any, probe: int, seed: int) -> dict[str, BankBuilder]:
        """See :class:`Prober`."""
        builders: dict[str, BankBuilder] = {}
        for source, target in self.directions:
            inputs = to_network(self._inputs[source]).to(module.device)
            with torch.no_grad(), same_randomness(seed, module.device):
                outputs = module.translate(inputs, source, target)
            if not builders:
                self.latest = outputs
            builders[f"{source} to {target}"] = _filled(self.space, outputs)
        return builders

    def signals(self, banks: Mapping[str, FeatureBank], seed: int) -> ProbeSignals:
        """See :class:`Prober`."""
        found = {}
        for source, target in self.directions:
            name = f"{source} to {target}"
            found[name] = direction_signals(
                self.groups[name],
                self._features[source],
                self.measured(banks[name].features),
                seed,
            )
        return found


def to_network(images: Tensor) -> Tensor:
    """Real samples as a network takes them: bytes to floats in [-1, 1], points as they are."""
    from datamodules.batches import from_uint8

    return from_uint8(images) if images.dtype == torch.uint8 else images


def _sample(module: Any, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    asked: dict[str, Any] = {} if labels is None else {"labels": labels.to(module.device)}
    with torch.no_grad(), same_randomness(seed, module.device):
        return module.sample(n, generator=own, **asked)


def _filled(space: FeatureSpace, samples: Tensor) -> BankBuilder:
    builder = BankBuilder(space, len(samples))
    if len(builder.indices):
        builder.add(samples[torch.tensor(list(builder.indices), device=samples.device)])
    return builder

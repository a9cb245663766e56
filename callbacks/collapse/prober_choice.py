"""Which kind of prober looks at a module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callbacks.collapse.probes import ClassProber, Prober, SampleProber, TranslationProber
from callbacks.collapse.sentence_prober import SentenceProber
from callbacks.metrics.features import FeatureSpace
from callbacks.offers import speaks


def _watched(module: Any) -> list[tuple[str, str]] | None:
    """The directions of a module; of many domains one into each, from its neighbour."""
    directions = getattr(module, "directions", None)
    if directions is None or len(module.domains) == 2:
        return directions and list(directions)
    domains = list(module.domains)
    neighbours = [(domains[place - 1], domain) for place, domain in enumerate(domains)]
    return [way for way in neighbours if way in directions]


def prober_for(module: Any, data: Any, space: FeatureSpace, samples: int) -> Prober:
    """The kind of prober that a module needs; see the top of ``probes.py``.

    Args:
        module: the game.
        data: its data module with ``reference(split)``; for a translation ``reference(split,
            domain=)``.
        space: on the module's device.
        samples: N of a light probe.
    """
    domains: Sequence[str] = getattr(module, "domains", ())
    if domains and hasattr(module, "translate"):
        reals = {domain: data.reference("train", domain=domain) for domain in domains}
        return TranslationProber(space, reals, _watched(module))
    if speaks(module):
        return SentenceProber(space, data.reference("train"), samples, data.special_tokens)
    names = data.class_names or ()
    if getattr(module, "num_classes", 0) and names:
        return ClassProber(space, data.reference("train"), samples, names)
    return SampleProber(space, data.reference("train"), samples)

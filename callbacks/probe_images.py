"""What probes of translations look at: fixed images, and directions as plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from callbacks.metrics.input_use import LEAST
from callbacks.metrics.reading import held_out_or_none, read_samples, strided_indices
from callbacks.offers import translates
from callbacks.randomness import same_randomness
from datamodules.batches import from_uint8

#: (source, target): names of domains.
Direction = tuple[str, str]
_STRIDE = 1_000_003


class TooFewImagesError(ValueError):
    """A domain has fewer images than a probe can judge by."""


@dataclass(frozen=True)
class ProbeImages:
    """The images that probes translate, the same at every moment.

    Attributes:
        images: uint8 ``(N, C, H, W)`` by domain, evenly spread over the split.
        split: train or held_out.
    """

    images: Mapping[str, Tensor]
    split: str

    def of(self, domain: str) -> Tensor:
        """Images of a domain in [-1, 1]."""
        return from_uint8(self.images[domain])

    @classmethod
    def read(cls, data: Any, domains: Sequence[str], samples: int) -> ProbeImages:
        """Read held-out images, or training images where too few are held out.

        Args:
            data: has ``reference(split, domain=)``.
            domains: which.
            samples: of each, at most.

        Raises:
            TooFewImagesError: (a ValueError) a domain has fewer than 16 images.
        """
        train = {domain: data.reference("train", domain=domain) for domain in domains}
        held_out = held_out_or_none(
            lambda: {domain: data.reference("held_out", domain=domain) for domain in domains}
        )
        for split, sets in (("held_out", held_out), ("train", train)):
            if sets is not None and min(map(len, sets.values())) >= LEAST:
                read = {
                    domain: torch.cat(list(read_samples(one, strided_indices(len(one), samples))))
                    for domain, one in sets.items()
                }
                return cls(read, split)
        sizes = ", ".join(f"{len(one)} of {domain}" for domain, one in train.items())
        raise TooFewImagesError(
            f"TranslationProbe: data must have {LEAST} images or more of each domain, got {sizes}; "
            "add images, or set at_end: false and every_n_images: null for steganography and for "
            "input_use"
        )


def directions_of(module: Any) -> list[Direction]:
    """The directions that a module translates in; none where it does not translate."""
    return list(module.directions) if translates(module) else []


def seeded(
    module: Any, source: str, target: str, seed: int, draw: int = 0
) -> Callable[[Tensor], Tensor]:
    """A direction as a function that gives the same result at every call.

    Args:
        module: has ``translate``, which puts it into eval mode, and ``device``.
        source: domain of the images.
        target: domain of the results.
        seed: of what the module draws inside.
        draw: another number draws other noise.
    """

    def way(images: Tensor) -> Tensor:
        with torch.no_grad(), same_randomness(seed + draw * _STRIDE, module.device):
            translated: Tensor = module.translate(images, source, target)
        return translated.float()

    return way

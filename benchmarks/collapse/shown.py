"""A module that is none: it shows one probe of a recorded stream to the probers of the product."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.collapse.injections import Injection, View
from benchmarks.collapse.translation import DOMAINS
from benchmarks.collapse.translation_injections import spoilt
from callbacks.collapse.probes import to_network
from datamodules.batches import to_uint8


class Shown:
    """A module that shows one probe of a stream, spoilt or not, to a prober of the product.

    Args:
        view: the generator at the probe.
        injection: None shows it as it is.
        since: probes since the injection began.
    """

    device = torch.device("cpu")

    def __init__(self, view: View, injection: Injection | None, since: int) -> None:
        self.view, self.injection, self.since = view, injection, since
        if view.stream.conditional:
            self.num_classes = view.oracle.count
        if view.stream.run.kind == "inverted":
            self.domains = DOMAINS

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples in the range of a network; the generator's seed chooses them."""
        seed = generator.initial_seed() if generator else 0
        return to_network(self.draw(n, seed % 2**40, labels))

    def draw(self, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
        """Samples as bytes or points."""
        if self.injection is None:
            return self.view.fakes(n, seed, labels)
        return self.injection.draw(self.view, n, seed, self.since, labels)

    def translate(self, images: Tensor, source: str, target: str) -> Tensor:
        """Images of the other domain."""
        inputs = to_uint8(images)
        name = self.injection.name if self.injection else ""
        return to_network(spoilt(self.view, name, inputs, target, self.since))

"""A recorded run as something to draw from: any probe, any number of samples, at any time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.collapse.data import images_and_labels
from benchmarks.collapse.games import build, data_of
from benchmarks.collapse.plan import KINDS, Run
from benchmarks.collapse.recording import load_vector, recorded
from benchmarks.collapse.translation import DOMAINS
from datamodules.batches import from_uint8, to_uint8
from gan_modules.engine.sampling import evaluating

_STRIDE = 1_000_003


class Stream:
    """The generators of one run.

    Args:
        run: which.
        arrays: of :func:`benchmarks.collapse.recording.recorded`.

    Attributes:
        images_seen: ``(probes,)``.
        broken: whether training ended by a value that was not finite; one more probe then is.
    """

    def __init__(self, run: Run, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.run, self.arrays = run, arrays
        self.images_seen = [int(value) for value in arrays["images_seen"]]
        self.broken = bool(arrays["broken"])
        self._module, _ = build(run)
        self._network: nn.Module = self._module.generator  # type: ignore[assignment]
        self._loaded: tuple[str, int] | None = None
        self._average_rows = {int(p): i for i, p in enumerate(arrays["average_probes"])}

    @classmethod
    def of(cls, run: Run, folder: Path) -> Stream:
        """The stream of a run, trained where it is not in the cache."""
        return cls(run, recorded(run, folder))

    def __len__(self) -> int:
        """Number of probes that have samples."""
        return len(self.images_seen)

    @property
    def conditional(self) -> bool:
        """Whether classes can be asked for."""
        return self.run.kind == "labelled"

    @property
    def heavy(self) -> list[int]:
        """Probes with an evaluation."""
        every = KINDS[self.run.kind].heavy
        return [probe for probe in range(len(self)) if probe % every == every - 1]

    def statistic(self, name: str, probe: int) -> float:
        """A statistic of the discriminator: d_loss, d_real or d_fake."""
        return float(self.arrays[name][probe])

    def network(self, probe: int, average: bool = False) -> nn.Module:
        """The generator of a probe; the next call may change it.

        Args:
            probe: which.
            average: the averaged one.
        """
        name = "averages" if average else "states"
        row = self._average_rows[probe] if average else probe
        if self._loaded != (name, row):
            load_vector(self._network, torch.from_numpy(np.array(self.arrays[name][row])))
            self._loaded = (name, row)
        return self._network

    def latents(self, probe: int, n: int, seed: int, labels: Tensor | None = None) -> Tensor:
        """Latents of one draw; another seed gives another draw.

        Args:
            probe: the moment, at which other latents are drawn than at the next.
            n: how many.
            seed: of the draw.
            labels: ``(n,)`` classes to ask a conditional generator for; None asks for all in turn.
        """
        own = torch.Generator().manual_seed((seed * _STRIDE + probe) * 7919 + self.run.seed)
        game: Any = self._module
        z: Tensor = game.draw_latents(n, generator=own)
        return z if labels is None else game.asked(z, labels)

    @torch.no_grad()
    def decode(self, probe: int, z: Tensor, average: bool = False) -> Tensor:
        """Samples of latents as a probe sees them: bytes of images, or points."""
        with evaluating(self.network(probe, average)) as network:
            return quantised(torch.cat([network(part) for part in z.split(1024)]))

    @torch.no_grad()
    def translated(self, probe: int, inputs: Tensor, target: str, average: bool = False) -> Tensor:
        """Inputs of the other domain as images of ``target``, uint8 like the inputs."""
        self.network(probe, average)
        source = next(name for name in DOMAINS if name != target)
        game: Any = self._module
        return quantised(game.translate(from_uint8(inputs), source, target))


def quantised(samples: Tensor) -> Tensor:
    """Images as bytes; points as they are."""
    return to_uint8(samples) if samples.dim() == 4 else samples


@lru_cache(maxsize=8)
def real_samples(kind: str) -> tuple[Tensor, Tensor]:
    """Training samples of a kind and their labels."""
    return images_and_labels(data_of(kind), "train")

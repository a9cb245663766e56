"""What is kept of the real samples, so that an evaluation only has to look at the fakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from callbacks.metrics.bank import FeatureBank
from callbacks.metrics.features import FeatureSpace
from callbacks.metrics.frechet import Moments, symmetric_root
from callbacks.metrics.names import Protocol
from callbacks.metrics.waves import ID, Waves


@dataclass(frozen=True)
class RealStatistics:
    """Statistics of real samples in one feature space, on the CPU.

    Attributes:
        space: id of the space.
        verified: whether the space may carry published names.
        standardised: whether the space asks for features in units of the reals' spread.
        centre: float64 ``(d,)`` subtracted from standardised features; else zeros.
        scale: float64 ``(d,)`` that standardised features are then divided by; else ones.
        waved: whether the Frechet distance is taken of waves over the features.
        moments: of all real samples, standardised, or of the waves over them.
        root: float64 ``(d, d)``, the symmetric root of that covariance; None below d samples, where
            the Frechet distance has a way that does not need it.
        features: float32 ``(K, d)``, standardised; all of the samples, or an even choice.
        floor: what the scores say of real samples, by name: no generator should be expected to
            score better. Empty when it was not computed.
        floor_note: where the samples of the floor come from, and how many.
        data: fingerprint of the data.
        split: part of the data.
    """

    space: str
    verified: bool
    standardised: bool
    centre: Tensor
    scale: Tensor
    waved: bool
    moments: Moments
    root: Tensor | None
    features: Tensor
    floor: dict[str, float] = field(default_factory=dict)
    floor_note: str = ""
    data: str = ""
    split: str = ""

    @classmethod
    def of(
        cls,
        space: FeatureSpace,
        bank: FeatureBank,
        most_features: int = 10_000,
        data: str = "",
        split: str = "",
    ) -> "RealStatistics":
        """Return the statistics of a bank of real samples.

        Args:
            space: the space that the bank comes from.
            bank: 2 or more real samples.
            most_features: features to keep for scores that need them whole.
            data: fingerprint of the data.
            split: part of the data.

        Raises:
            ValueError: for fewer than 2 samples, or samples that are not finite.
        """
        if bank.problem:
            raise ValueError(
                f"RealStatistics: real samples must be finite, got {bank.problem}; "
                "look for nan in the data"
            )
        if len(bank) < 2:
            raise ValueError(
                f"RealStatistics: bank must hold at least 2 real samples, got {len(bank)}; "
                "give more data"
            )
        centre, scale = torch.zeros(space.dim).double(), torch.ones(space.dim).double()
        if space.standardised:
            exact = bank.features.double()
            centre, deviation = exact.mean(dim=0), exact.std(dim=0)
            # A feature that never varies among the reals keeps its own unit.
            scale = torch.where(deviation > 0, deviation, scale)
        blank = cls(
            space=space.id,
            verified=space.comparable_to_literature,
            standardised=space.standardised,
            centre=centre,
            scale=scale,
            waved=space.waved,
            moments=Moments.empty(space.dim),
            root=None,
            features=torch.empty(0, 0),
            data=data,
            split=split,
        )
        features = blank.standardise(bank.features)
        kept = torch.arange(min(most_features, len(bank))) * len(bank)
        some = replace(blank, features=features[kept // min(most_features, len(bank))])
        moments = Moments.of(some.for_frechet(features))
        full = moments.n >= len(moments.mean)
        root = symmetric_root(moments.covariance()) if full else None
        return replace(some, moments=moments, root=root)

    @property
    def frechet_space(self) -> str:
        """Name of the space of the Frechet distance."""
        return ID if self.waved else self.space

    @cached_property
    def _waves(self) -> Waves:
        return Waves(self.features)

    def for_frechet(self, features: Tensor) -> Tensor:
        """What the Frechet distance is taken of.

        Args:
            features: standardised ``(N, d)``.

        Returns:
            The same, or the waves over them.
        """
        return self._waves(features) if self.waved else features

    def standardise(self, features: Tensor) -> Tensor:
        """Bring features into the units in which they are compared.

        Args:
            features: float32 ``(N, d)`` from the space, on the CPU.

        Returns:
            float32 ``(N, d)``; the same numbers where the space is not standardised.
        """
        if not self.standardised:
            return features
        return ((features.double() - self.centre) / self.scale).float()

    def protocol(
        self,
        space: FeatureSpace,
        n_fake: int,
        generator: Literal["raw", "ema", "files"],
        settings: str = "",
    ) -> Protocol:
        """Return the protocol of scores against these reals.

        Args:
            space: the space that the scores come from.
            n_fake: number of generated samples.
            generator: which weights made them, or ``"files"``.
            settings: one line of the numbers that the scores were computed with.
        """
        return Protocol(
            space=space.id,
            sha256=space.sha256,
            resize=space.resize_id,
            dim=len(self.moments.mean),
            n_fake=n_fake,
            n_real=self.moments.n,
            split=self.split,
            data=self.data,
            generator=generator,
            quantised=space.takes_images,
            settings=settings,
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays for the cache."""
        return {
            "space": np.array(self.space),
            "verified": np.array(self.verified),
            "standardised": np.array(self.standardised),
            "waved": np.array(self.waved),
            "centre": self.centre.numpy(),
            "scale": self.scale.numpy(),
            "n": np.array(self.moments.n),
            "mean": self.moments.mean.numpy(),
            "scatter": self.moments.scatter.numpy(),
            "root": np.empty((0, 0)) if self.root is None else self.root.numpy(),
            "features": self.features.numpy(),
            "floor_names": np.array(list(self.floor), dtype=np.str_),
            "floor_values": np.array(list(self.floor.values()), dtype=np.float64),
            "floor_note": np.array(self.floor_note),
            "data": np.array(self.data),
            "split": np.array(self.split),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "RealStatistics":
        """Return the statistics that :meth:`to_arrays` wrote.

        Args:
            arrays: by name.
        """
        tensors = {
            name: torch.from_numpy(arrays[name])
            for name in ("centre", "scale", "mean", "scatter", "root", "features")
        }
        names, values = arrays["floor_names"].tolist(), arrays["floor_values"].tolist()
        return cls(
            space=str(arrays["space"]),
            verified=bool(arrays["verified"]),
            standardised=bool(arrays["standardised"]),
            waved=bool(arrays["waved"]),
            centre=tensors["centre"],
            scale=tensors["scale"],
            moments=Moments(int(arrays["n"]), tensors["mean"], tensors["scatter"]),
            root=tensors["root"] if tensors["root"].numel() else None,
            features=tensors["features"],
            floor=dict(zip(names, values, strict=True)),
            floor_note=str(arrays["floor_note"]),
            data=str(arrays["data"]),
            split=str(arrays["split"]),
        )

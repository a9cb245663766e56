"""What a probe for steganography has found in one direction, and what it says about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from callbacks.metrics.disturbances import NONE, SAVED

Verdict = Literal["hiding", "no hiding", "undecided"]

#: Hiding: more than that collapse of the reconstruction, by a decoder that amplifies so much.
_COLLAPSE, _GAIN = 0.25, 5.0
#: Specific: so many times more fragile on translations than on real images.
_SPECIFIC = 2.0
#: A way back that recovers less of the input has nothing that could be hidden from it.
_LEAST_RECOVERED = 0.05


@dataclass(frozen=True)
class Steganography:
    """What happens to the way back when the translation is disturbed; errors are mean ``|x' - x|``.

    Attributes:
        errors: of the reconstruction, in units of [-1, 1], by disturbance; ``none`` is the error
            that a cycle loss sees, ``bits_8`` the honest one.
        swap: the error when another image's translation is led back: with no information at all.
        gains: mean change of the reconstruction over mean change of the translation.
        real_gains: the same for real images of the target domain.
        follows: share of the reconstructions that come closer to another input, when everything
            finer than a blur of one pixel is that input's translation.
        high_share: energy of the translations above half of Nyquist's frequency, in [0, 1].
        real_high_share: the same of real images of the target domain.
        samples: number of inputs.
    """

    errors: Mapping[str, float]
    swap: float
    gains: Mapping[str, float]
    real_gains: Mapping[str, float]
    follows: float
    high_share: float
    real_high_share: float
    samples: int

    def rise(self, name: str = SAVED.name) -> float:
        """How much a disturbance adds to the error."""
        return self.errors[name] - self.errors[NONE.name]

    @property
    def recovered(self) -> float:
        """Share of the input that comes back, at most 1; 0 or less where nothing does."""
        return 1.0 - self.errors[NONE.name] / self.swap if self.swap > 0 else 0.0

    def collapse(self, name: str = SAVED.name) -> float:
        """Share of what came back that a disturbance destroys, in [0, 1]."""
        if not self.recovered >= _LEAST_RECOVERED:
            return 0.0
        return min(max(self.rise(name) / (self.swap - self.errors[NONE.name]), 0.0), 1.0)

    @property
    def gain(self) -> float:
        """Amplification of noise of one grey level by the way back."""
        return self.gains["noise_1"]

    @property
    def real_gain(self) -> float:
        """The same for real images."""
        return self.real_gains["noise_1"]

    @property
    def finite(self) -> bool:
        """Whether the translators made numbers."""
        found = [self.swap, *self.errors.values(), *self.gains.values(), *self.real_gains.values()]
        return all(math.isfinite(value) for value in found)

    @property
    def verdict(self) -> Verdict:
        """``hiding`` where one grey level destroys what an amplifying way back had recovered."""
        if not self.finite:
            return "undecided"
        return "hiding" if self.collapse() > _COLLAPSE and self.gain > _GAIN else "no hiding"

    @property
    def specific(self) -> bool:
        """Whether translations are more fragile than real images; else the decoder is, always."""
        return self.finite and self.gain > _SPECIFIC * self.real_gain

    def numbers(self) -> dict[str, float]:
        """What dashboards show."""
        return {
            "hiding": float(self.verdict == "hiding"),
            "specific": float(self.specific),
            "collapse": self.collapse(),
            "gain": self.gain,
            "real_gain": self.real_gain,
            "error": self.errors[NONE.name],
            "error_8_bits": self.errors["bits_8"],
            "error_saved": self.errors[SAVED.name],
            "error_swapped": self.swap,
            "follows": self.follows,
            "high_share": self.high_share,
            "real_high_share": self.real_high_share,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the curve holds the collapse of each disturbance."""
        curve = {name: self.collapse(name) for name in self.errors}
        found = {"verdict": self.verdict, "specific": self.specific, "collapse": self.collapse()}
        return {**found, "recovered": self.recovered, "collapses": curve, **asdict(self)}

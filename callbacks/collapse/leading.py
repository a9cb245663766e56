"""Leading signs: a discriminator that wins, gradients that vanish, spectra that explode.

All of them happen in healthy runs too, so none of them ever raises an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from callbacks.collapse.score import robust_sd

_PROBES = 20
_WINS = 0.99
_VANISHED = 1e-6
_OUTLIER = 8.0
_DOUBLED = 2.0
_EVALUATIONS = 4
_KEPT = 64


class LeadingSigns:
    """Remembers a few numbers per probe and says which of them look like the road to a collapse.

    Attributes:
        history: values by name, the latest last.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def update(self, values: Mapping[str, float], samples: int) -> list[str]:
        """Take the numbers of one probe.

        Args:
            values: ``discriminator_auc`` (chance that a real sample scores above a fake one) and
                ``<player>/grad_norm``.
            samples: real, and as many fake, samples behind the first.

        Returns:
            One line a sign.
        """
        for name, value in values.items():
            if math.isfinite(value):
                self._keep(name, value)
        return [*self._discriminator(samples), *self._gradients()]

    def spectra(self, values: Mapping[str, float]) -> list[str]:
        """Take the largest singular value of each weight, at a heavy evaluation.

        Args:
            values: by name of the parameter.

        Returns:
            One line for each that has doubled over the last four evaluations.
        """
        found = []
        for name, value in values.items():
            past = self._keep(f"sigma {name}", value)[:-1][-_EVALUATIONS:]
            if past and min(past) > 0 and value > _DOUBLED * min(past):
                found.append(
                    f"the largest singular value of {name} went from {min(past):.2f} to {value:.2f}"
                )
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: list(values) for name, values in self.history.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken."""
        self.history = {name: list(values) for name, values in state.items()}

    def _keep(self, name: str, value: float) -> list[float]:
        values = self.history.setdefault(name, [])
        values.append(float(value))
        del values[:-_KEPT]
        return values

    def _discriminator(self, samples: int) -> list[str]:
        aucs = self.history.get("discriminator_auc", [])[-_PROBES:]
        if len(aucs) == _PROBES and min(aucs) > _WINS:
            return [f"the discriminator tells real from generated in {min(aucs):.1%} of all pairs"]
        # Standard error of an AUC of 1/2 (Hanley and McNeil, 1982).
        error = math.sqrt((2 * samples + 1) / (12 * samples * samples)) if samples else math.inf
        if aucs and aucs[-1] < 0.5 - 3 * error:
            return [f"the discriminator prefers generated samples (AUC {aucs[-1]:.2f})"]
        return []

    def _gradients(self) -> list[str]:
        found = []
        for name, values in self.history.items():
            if not name.endswith("/grad_norm"):
                continue
            player = name.removesuffix("/grad_norm")
            latest = values[-_PROBES:]
            if len(latest) == _PROBES and max(latest) < _VANISHED:
                found.append(f"the gradient of {player} has vanished ({max(latest):.1e})")
            past = [math.log(max(value, 1e-12)) for value in values[:-1]]
            if len(past) >= _PROBES:
                middle, sd = sorted(past)[len(past) // 2], max(robust_sd(past), 0.05)
                if math.log(max(values[-1], 1e-12)) - middle > _OUTLIER * sd:
                    found.append(f"the gradient of {player} has exploded to {values[-1]:.3g}")
        return found

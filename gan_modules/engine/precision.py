"""Precision: an island of full precision, and fp16 with one loss scaler per player."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from pytorch_lightning.plugins.precision import MixedPrecision


def fp32_island(device_type: str) -> AbstractContextManager[Any]:
    """No autocast inside: for penalties, whose double backward loses percents in bf16.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``. Inputs are the caller's to cast with ``.float()``.
    """
    return torch.autocast(device_type, enabled=False)


class PerPlayerMixedPrecision(MixedPrecision):
    """``16-mixed`` with one gradient scaler for each player.

    One scaler for both halves the generator's scale when the discriminator overflows, and grows
    twice as fast as it should. The engine names the acting player before its backward.

    Args:
        device: ``"cuda"``, or ``"cpu"`` to test the scaler path.
        **scaler_options: for :class:`torch.amp.GradScaler`.
    """

    def __init__(self, device: str, **scaler_options: Any) -> None:
        self._options = {"device": device, **scaler_options}
        self._scalers: dict[str, torch.amp.GradScaler] = {}
        self.acting = "generator"
        precision: Literal["16-mixed"] = "16-mixed"
        super().__init__(precision, device, scaler=torch.amp.GradScaler(**self._options))

    @property
    def scaler(self) -> torch.amp.GradScaler:
        """The acting player's scaler."""
        if self.acting not in self._scalers:
            self._scalers[self.acting] = torch.amp.GradScaler(**self._options)
        return self._scalers[self.acting]

    @scaler.setter
    def scaler(self, value: torch.amp.GradScaler) -> None:
        """The base class sets one scaler at construction; each player gets its own instead."""

    def state_dict(self) -> dict[str, Any]:
        """Scaler states by player."""
        return {name: scaler.state_dict() for name, scaler in self._scalers.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        acting = self.acting
        for name, state in state_dict.items():
            self.acting = name
            self.scaler.load_state_dict(state)
        self.acting = acting

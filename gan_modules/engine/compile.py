"""Optional ``torch.compile`` handles that leave the registered networks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

CompileChoice = Literal["off", "G", "GD"]


class NetworkHandles:
    """What a module calls for plain forwards; a plain object, so nothing is registered twice.

    The compiled handle shares the network's parameters and adds no ``_orig_mod.`` to the keys of
    a checkpoint. Whatever is differentiated twice goes through the eager network: compiled
    graphs do not support double backward.

    Args:
        choice: ``"off"``, ``"G"`` (generator only) or ``"GD"`` (both).
        generator: the registered network.
        discriminator: the registered network.
    """

    def __init__(
        self, choice: CompileChoice, generator: nn.Module, discriminator: nn.Module
    ) -> None:
        if choice not in ("off", "G", "GD"):
            raise ValueError(f"compile must be one of off, G, GD, got {choice!r}")
        self.generator: Callable[..., Any] = generator
        self.discriminator: Callable[..., Tensor] = discriminator
        if "G" in choice:
            self.generator = torch.compile(generator)
        if "D" in choice:
            self.discriminator = torch.compile(discriminator)

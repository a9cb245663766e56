"""Variants of the library under the schedules of the published experiments."""

from __future__ import annotations

from gan_modules.engine.schedule import Stage, Turn
from gan_modules.unconditional.gan import GAN
from gan_modules.unconditional.pacgan import PacGAN

_AT_ONCE = (Stage((Turn(("discriminator", "generator")),)),)
_G_TWICE = (Stage((Turn("discriminator"), Turn("generator", repeat=2))),)


class SimultaneousGAN(GAN):
    """Both players take their gradients at the same parameters, as PacGAN's code for points."""

    def schedule(self) -> tuple[Stage, ...]:
        """One turn of both."""
        return _AT_ONCE


class SimultaneousPacGAN(PacGAN):
    """As :class:`SimultaneousGAN`, with packs."""

    def schedule(self) -> tuple[Stage, ...]:
        """One turn of both."""
        return _AT_ONCE


class EagerGAN(GAN):
    """Two G steps for each D step, as the code of VEEGAN's and PacGAN's Stacked MNIST."""

    def schedule(self) -> tuple[Stage, ...]:
        """D, then G twice with latents of its own each time."""
        return _G_TWICE


class EagerPacGAN(PacGAN):
    """As :class:`EagerGAN`, with packs."""

    def schedule(self) -> tuple[Stage, ...]:
        """D, then G twice with latents of its own each time."""
        return _G_TWICE
